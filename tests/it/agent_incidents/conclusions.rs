//! Agents who are right, agents who are wrong, and claims that nothing shows.

use kubewright::agents::progress::RunEvent;
use kubewright::incident::{Action, ExecutionState, Incident, InvestigationEnd, Outcome, Phase, Proposer};
use kubewright::sim::Scenario;
use kubewright::sim::kinds::DEPLOYMENTS;
use kubewright::sim::model::{Asked, Reply, ScriptedModel};
use serde_json::{Value, json};

use super::{
    Who, call, cited, dispatch, report, right_about_bad_deploy, run_of, sane, submit, suspicion,
    too_few_replicas, verdict, who,
};
use crate::support::site::{ALWAYS, Town, agents, end};

fn replicas(town: &Town, name: &str) -> i64 {
    let live = town.sim.store().get(&DEPLOYMENTS, "shop", name).unwrap();
    live["spec"]["replicas"].as_i64().unwrap()
}

/// Agents who find that checkout has too few replicas, and scale `target` to `replicas`.
fn scaling(body: &Value, target: &str, replicas: i64) -> Reply {
    let asked = Asked::new(body);
    match who(&asked) {
        Who::Orchestrator => dispatch(&["performance"]),
        Who::Performance if asked.results().is_empty() => Reply::Call(vec![
            call("kubernetes_get", json!({"kind": "Deployment", "name": "checkout", "namespace": "shop"})),
            call(
                "metrics_query",
                json!({"query": "sum by (namespace, service) (rate(http_requests_total{service=\"checkout\", code=~\"5..\"}[1m]))"}),
            ),
        ]),
        Who::Performance => {
            let seen = cited(&asked, "Deployment shop/checkout");
            report(&[suspicion("agent.other", "checkout", 0.85, &seen)])
        }
        Who::Judge => {
            let number = |line: &str| Some(line.trim().strip_prefix("for [")?.split_once(']')?.0.to_owned());
            let seen: Vec<String> = asked.text().lines().filter_map(number).collect();
            verdict(&[suspicion("agent.other", "checkout", 0.85, &seen)], "done")
        }
        Who::Remediation => match asked.results().len() {
            0 => Reply::call("list_actions", json!({})),
            1 => {
                let object = |name: &str| json!({"kind": "Deployment", "namespace": "shop", "name": name});
                let scale = json!({"action": "scale", "workload": object(target), "replicas": replicas});
                Reply::call(
                    "propose_plan",
                    json!({"actions": [scale], "rationale": "More replicas carry more.",
                    "hypothesis": {"code": "agent.other", "object": object("checkout"), "statement": "Too few replicas."}}),
                )
            }
            _ => submit(json!({"proposed": true, "recommendation": "Scale it up.", "evidence": []})),
        },
        Who::Diagnostic => panic!("nobody asked"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_that_the_rules_do_not_know_is_found_and_repaired_by_agents() {
    let model = ScriptedModel::obedient(|body| scaling(body, "checkout", 8)).await.unwrap();
    let town = Town::in_trouble(too_few_replicas(), 3, agents(&model, ALWAYS)).await;
    let incident = town.site.first_settled().await;
    assert_eq!(incident.outcome, Some(Outcome::Repaired), "{incident:#?}");
    assert!(town.sim.healed());
    assert_eq!(replicas(&town, "checkout"), 8);
    let cause = incident.cause().unwrap();
    assert_eq!((cause.code.as_str(), cause.object.name.as_str()), ("agent.other", "checkout"));
    assert!(matches!(cause.proposer, Proposer::Agent(_)));
    let known = |id| incident.evidence.iter().any(|evidence| evidence.id == id);
    assert!(!cause.evidence_for.is_empty() && cause.evidence_for.iter().all(|id| known(*id)));
    let plan = incident.plan.as_ref().unwrap();
    assert_eq!(plan.agent.as_deref(), Some("remediation"));
    let scaled = |action: &Action| matches!(action, Action::Scale { replicas: 8, .. });
    assert!(plan.actions.iter().all(|planned| scaled(&planned.action)));
    let run = run_of(&incident, "remediation");
    assert_eq!(run.tools.get("propose_plan"), Some(&1));
    assert!(run.turns == 3 && run.input_tokens > 500 && run.cost > 0.0 && run.prompt.len() == 16, "{run:#?}");
    assert_eq!(town.changes().await.len(), 1);
    assert!(town.site.run_events().iter().any(|event| matches!(event, RunEvent::PlanProposed { .. })));
    sane(&model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_by_a_mistaken_agent_is_undone_when_verification_sees_no_help() {
    let model = ScriptedModel::obedient(|body| scaling(body, "catalog", 4)).await.unwrap();
    let town = Town::in_trouble(too_few_replicas(), 3, agents(&model, ALWAYS)).await;
    let before = replicas(&town, "catalog");
    let incident = town.site.first_settled().await;
    assert_eq!(incident.phase, Phase::Escalated, "{incident:#?}");
    let states: Vec<ExecutionState> = incident.executions.iter().map(|execution| execution.state).collect();
    // It was tried once, put back, and the same change is not tried again.
    assert_eq!(states, [ExecutionState::RolledBack]);
    assert_eq!(replicas(&town, "catalog"), before);
    assert!(!town.sim.healed());
    let refusals = model.requests();
    let told = |request: &Value| request.to_string().contains("was tried and did not help");
    assert!(refusals.iter().any(|request| told(&request.body)), "the agent is told why it may not repeat it");
    sane(&model);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cites_nothing_is_dropped_and_specialists_work_side_by_side() {
    let model = ScriptedModel::obedient(|body| {
        let extra = [
            suspicion("memory.exhausted", "checkout", 0.9, &[]),
            suspicion("network.policy_denies", "checkout", 0.9, &["E99999".to_owned()]),
            suspicion("image.pull_failed", "invented", 0.9, &["E1".to_owned()]),
        ];
        right_about_bad_deploy(&Asked::new(body), &extra)
    })
    .await
    .unwrap();
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, agents(&model, ALWAYS)).await;
    let incident = town.site.first_settled().await;
    assert_eq!((incident.outcome, end(&incident)), (Some(Outcome::Repaired), InvestigationEnd::Concluded));
    let investigation = incident.investigation.as_ref().unwrap();
    assert_eq!(investigation.dropped.len(), 3, "{:?}", investigation.dropped);
    let nobody = investigation.dropped.iter().filter(|why| why.contains("nobody has seen"));
    assert_eq!(nobody.count(), 1);
    assert_eq!(incident.cause().unwrap().code, "deploy.bad_rollout");
    let codes: Vec<&str> = incident.hypotheses.iter().map(|hypothesis| hypothesis.code.as_str()).collect();
    assert!(!codes.contains(&"network.policy_denies"), "{codes:?}");
    side_by_side(&town.site.run_events());
    called_and_answered(&town.site.run_events());
    counted(&incident);
    sane(&model);
}

/// Both have begun before one has ended.
fn side_by_side(events: &[RunEvent]) {
    let at = |is: &dyn Fn(&RunEvent) -> bool| events.iter().position(is).unwrap();
    let started = |name: &'static str| move |event: &RunEvent| matches!(event, RunEvent::AgentStarted { agent, .. } if agent == name);
    let finished = |event: &RunEvent| matches!(event, RunEvent::AgentFinished { agent, .. } if agent == "diagnostic" || agent == "performance");
    let (first, second) = (at(&started("diagnostic")), at(&started("performance")));
    assert!(first < at(&finished) && second < at(&finished), "{events:#?}");
}

/// Every call has its own name, and its answer.
fn called_and_answered(events: &[RunEvent]) {
    let begun: Vec<&String> = events
        .iter()
        .filter_map(|event| match event {
            RunEvent::ToolStarted { call, .. } => Some(call),
            _ => None,
        })
        .collect();
    assert_eq!(begun.len(), 2);
    assert_ne!(begun[0], begun[1]);
    for call in begun {
        let answer = events.iter().find_map(|event| match event {
            RunEvent::ToolFinished { call: of, ok, summary, .. } if of == call => {
                Some((*ok, summary.clone()))
            }
            _ => None,
        });
        let (ok, summary) = answer.unwrap();
        assert!(ok && !summary.is_empty() && !summary.contains("<<<"), "{summary}");
    }
}

fn counted(incident: &Incident) {
    let runs = &incident.investigation.as_ref().unwrap().runs;
    let mut names: Vec<&str> = runs.iter().map(|run| run.agent.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["diagnostic", "judge", "orchestrator", "performance"]);
    let diagnostic = run_of(incident, "diagnostic");
    assert_eq!((diagnostic.turns, diagnostic.tools.values().sum::<u32>()), (2, 2));
    assert_eq!(diagnostic.models, ["main"]);
}
