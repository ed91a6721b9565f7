//! Tokens: none are spent where the rules are sure, and no more than there are.

use kubewright::incident::{InvestigationEnd, Outcome};
use kubewright::sim::Scenario;
use kubewright::sim::model::{Asked, Reply, ScriptedModel};

use super::{right_about_bad_deploy, sane};
use crate::support::site::{ALWAYS, Town, agents, end};

#[tokio::test(flavor = "multi_thread")]
async fn sure_rules_ask_no_model() {
    let model = ScriptedModel::obedient(|_| Reply::say("nobody asked")).await.unwrap();
    let settings = agents(&model, "[assess]\nconfidence = 0.6\nmargin = 0.0\n");
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, settings).await;
    let incident = town.site.first_settled().await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::Skipped));
    assert!(incident.investigation.unwrap().reason.contains("deploy.bad_rollout"));
    assert_eq!((model.requests().len(), town.site.run_events().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_leaves_the_result_of_the_rules() {
    let most = 6_000;
    let model = ScriptedModel::obedient(|body| right_about_bad_deploy(&Asked::new(body), &[])).await.unwrap();
    let settings = agents(&model, &format!("{ALWAYS}[limits]\ntokens = {most}\n"));
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, settings).await;
    let incident = town.site.first_settled().await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::BudgetSpent));
    let investigation = incident.investigation.as_ref().unwrap();
    assert!(investigation.reason.contains("6000 tokens"), "{}", investigation.reason);
    let used: u64 = investigation.runs.iter().map(|run| run.input_tokens + run.output_tokens).sum();
    assert!(used > 0 && used <= most, "{used}");
    assert_eq!(incident.cause().unwrap().code, "deploy.bad_rollout");
    sane(&model);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_incident_may_use_holds_over_all_its_runs() {
    let most = 4_500;
    let model = ScriptedModel::obedient(|body| right_about_bad_deploy(&Asked::new(body), &[])).await.unwrap();
    let settings = agents(&model, &format!("{ALWAYS}[limits.incident]\ntokens = {most}\n"));
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, settings).await;
    let incident = town.site.first_settled().await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::BudgetSpent));
    let reason = &incident.investigation.as_ref().unwrap().reason;
    assert!(reason.contains("the limit of 4500 tokens of one incident is reached"), "{reason}");
    let used = town.site.store.incident_usage(&incident.id).await.unwrap();
    assert!(used.tokens > 0 && used.tokens <= most, "{used:?}");
    assert!(used.turns as usize == model.requests().len(), "{used:?}");
}
