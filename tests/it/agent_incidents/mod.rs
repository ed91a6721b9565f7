//! Whole incidents in the simulator, with agents whose model is scripted.

mod budgets;
mod conclusions;
mod context;
mod failures;

use kubewright::incident::{AgentRun, Incident};
use kubewright::sim::Scenario;
use kubewright::sim::model::{Asked, Call, Reply, ScriptedModel};
use serde_json::{Value, json};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Orchestrator,
    Diagnostic,
    Performance,
    Judge,
    Remediation,
}

fn who(asked: &Asked<'_>) -> Who {
    let prompt = asked.prompt();
    let first = prompt.lines().next().unwrap_or_default();
    match first {
        line if line.starts_with("You lead the investigation") => Who::Orchestrator,
        line if line.starts_with("You are a diagnostician") => Who::Diagnostic,
        line if line.contains("performance engineer") => Who::Performance,
        line if line.starts_with("You weigh") => Who::Judge,
        line if line.starts_with("You propose the repair") => Who::Remediation,
        line => panic!("nobody is prompted like this: {line}"),
    }
}

fn submit(answer: Value) -> Reply {
    Reply::call("submit", answer)
}

fn call(tool: &str, arguments: Value) -> Call {
    Call { tool: tool.to_owned(), arguments }
}

/// Asks these specialists.
fn dispatch(specialists: &[&str]) -> Reply {
    let assignments: Vec<Value> = specialists
        .iter()
        .map(|name| json!({"specialist": name, "question": "What failed first?"}))
        .collect();
    submit(json!({"reason": "Somebody has to look.", "assignments": assignments}))
}

fn suspicion(code: &str, name: &str, confidence: f64, cited: &[String]) -> Value {
    json!({"code": code, "object": {"kind": "Deployment", "namespace": "shop", "name": name},
        "statement": "A scripted model says so.", "confidence": confidence, "evidence_for": cited})
}

fn report(hypotheses: &[Value]) -> Reply {
    submit(json!({"summary": "This was found.", "hypotheses": hypotheses}))
}

fn verdict(hypotheses: &[Value], decision: &str) -> Reply {
    submit(json!({"hypotheses": hypotheses, "decision": decision, "reason": "That is how it is."}))
}

/// The numbers of the first Evidence that contains `part`.
fn cited(asked: &Asked<'_>, part: &str) -> Vec<String> {
    asked.evidence(part).into_iter().take(2).collect()
}

/// Agents who see a bad rollout of checkout, like the rules, and say `extra` as well.
fn right_about_bad_deploy(asked: &Asked<'_>, extra: &[Value]) -> Reply {
    match who(asked) {
        Who::Orchestrator => dispatch(&["diagnostic", "performance"]),
        Who::Diagnostic if asked.results().is_empty() => Reply::Call(vec![
            call("kubernetes_list", json!({"kind": "pods", "namespace": "shop"})),
            call("rollout_history", json!({"kind": "Deployment", "name": "checkout", "namespace": "shop"})),
        ]),
        Who::Diagnostic => {
            let seen = cited(asked, "Deployment shop/checkout");
            report(&[suspicion("deploy.bad_rollout", "checkout", 0.9, &seen)])
        }
        Who::Performance => report(&[]),
        Who::Judge => {
            let seen = cited(asked, "Deployment shop/checkout");
            let mut all = vec![suspicion("deploy.bad_rollout", "checkout", 0.9, &seen)];
            all.extend_from_slice(extra);
            verdict(&all, "done")
        }
        Who::Remediation => panic!("a playbook has a repair"),
    }
}

/// Three times the visitors, and nothing that would add replicas: the rules know no such cause.
fn too_few_replicas() -> Scenario {
    let text = include_str!("too-few-replicas.toml");
    Scenario::parse(text).unwrap()
}

fn run_of<'a>(incident: &'a Incident, agent: &str) -> &'a AgentRun {
    let runs = &incident.investigation.as_ref().unwrap().runs;
    runs.iter().find(|run| run.agent == agent).unwrap_or_else(|| panic!("{agent} in {runs:#?}"))
}

/// What holds for every request: the fence is explained and used, each agent is offered its own tools only, and no
/// password of the simulated world is in it.
fn sane(model: &ScriptedModel) {
    let requests = model.requests();
    assert!(!requests.is_empty());
    for request in &requests {
        let asked = Asked::new(&request.body);
        let (text, offered) = (asked.text(), asked.tools());
        let fence =
            text.split_once("begins with `<<<untrusted ").map(|(_, rest)| rest.split('`').next().unwrap());
        let marker = fence.unwrap().trim();
        assert_eq!(marker.len(), 32, "{marker}");
        assert!(text.contains(&format!("\n<<<untrusted {marker} ")), "{text}");
        assert!(text.contains(&format!("\n<<<end untrusted {marker}>>>")), "{text}");
        for secret in ["correct-horse-7", "battery-staple-9"] {
            assert!(!text.contains(secret), "{secret}");
        }
        assert!(offered.contains(&"submit"), "{offered:?}");
        let others = |allowed: &[&str]| offered.iter().filter(|tool| !allowed.contains(tool)).count();
        match who(&asked) {
            Who::Orchestrator | Who::Judge => assert_eq!(offered, ["submit"]),
            Who::Diagnostic | Who::Performance => {
                assert!(
                    !offered.contains(&"propose_plan") && !offered.contains(&"list_actions"),
                    "{offered:?}"
                );
            }
            Who::Remediation => {
                let allowed = [
                    "submit",
                    "kubernetes_get",
                    "kubernetes_describe",
                    "kubernetes_list",
                    "rollout_history",
                    "search_knowledge",
                    "similar_incidents",
                    "incident_evidence",
                    "list_actions",
                    "propose_plan",
                ];
                assert_eq!(others(&allowed), 0, "{offered:?}");
            }
        }
    }
}
