//! Models that fail: what the rules found stands, and the record says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubewright::incident::{Incident, InvestigationEnd, Outcome};
use kubewright::sim::Scenario;
use kubewright::sim::model::{Asked, Fault, Reply, ScriptedModel};
use serde_json::json;

use super::{Who, right_about_bad_deploy, run_of, sane, submit, who};
use crate::support::site::{ALWAYS, Town, agents, end};

async fn bad_deploy(model: &ScriptedModel) -> (Town, Incident) {
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, agents(model, ALWAYS)).await;
    let incident = town.site.first_settled().await;
    (town, incident)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_leaves_the_result_of_the_rules() {
    let model = ScriptedModel::obedient(|body| {
        let asked = Asked::new(body);
        match who(&asked) {
            Who::Orchestrator => right_about_bad_deploy(&asked, &[]),
            Who::Diagnostic if asked.results().is_empty() => right_about_bad_deploy(&asked, &[]),
            _ => Reply::Fail(Fault::Status { status: 500, retry_after: None, message: "down".to_owned() }),
        }
    })
    .await
    .unwrap();
    let (town, incident) = bad_deploy(&model).await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::FellBack));
    let investigation = incident.investigation.as_ref().unwrap();
    assert!(investigation.reason.starts_with("The result of the rules stands: "), "{}", investigation.reason);
    assert_eq!(incident.cause().unwrap().code, "deploy.bad_rollout");
    // What was used until then is on record.
    assert_eq!(run_of(&incident, "orchestrator").turns, 1);
    assert_eq!(run_of(&incident, "diagnostic").turns, 1);
    assert!(!run_of(&incident, "judge").outcome.is_empty());
    assert!(town.sim.healed());
    sane(&model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_answer_is_mended_once_the_model_is_told() {
    let malformed = Arc::new(AtomicUsize::new(0));
    let count = malformed.clone();
    let model = ScriptedModel::obedient(move |body| {
        let asked = Asked::new(body);
        let told = asked.text().contains("the answer does not fit: ");
        if who(&asked) == Who::Judge && !told {
            count.fetch_add(1, Ordering::Relaxed);
            return submit(json!({"hypotheses": [{"code": 7}], "decision": "done", "reason": "?"}));
        }
        right_about_bad_deploy(&asked, &[])
    })
    .await
    .unwrap();
    let (_town, incident) = bad_deploy(&model).await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::Concluded));
    assert_eq!(malformed.load(Ordering::Relaxed), 1);
    assert_eq!(run_of(&incident, "judge").turns, 2);
    let requests = model.requests();
    let place = requests.iter().any(|request| request.body.to_string().contains("hypotheses[0].code: "));
    assert!(place, "the model is told where it does not fit");
    sane(&model);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_fits_leaves_the_result_of_the_rules() {
    let model = ScriptedModel::obedient(|body| {
        let asked = Asked::new(body);
        match who(&asked) {
            Who::Judge => Reply::say("I believe that it is DNS."),
            _ => right_about_bad_deploy(&asked, &[]),
        }
    })
    .await
    .unwrap();
    let (_town, incident) = bad_deploy(&model).await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::FellBack));
    assert_eq!(run_of(&incident, "judge").turns, 3);
    assert_eq!(incident.cause().unwrap().code, "deploy.bad_rollout");
    sane(&model);
}
