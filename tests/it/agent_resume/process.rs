//! The real program, killed (SIGKILL) in the middle of an investigation: the same result, and nothing paid for twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use kubewright::incident::{ExecutionState, Incident, Outcome, Phase};
use kubewright::sim::model::{Asked, Call, Fault, Reply, ScriptedModel};
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::gate::{Gate, Hold, Rule};
use crate::support::server::Server;
use crate::support::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);
const SETTINGS: &str = "[automation]\nlevel = 3\n[verify]\nstability_window = \"1s\"\ndeadline = \"40s\"\npoll_interval = \"200ms\"";

fn write_agents(folder: &Path, model: &ScriptedModel) {
    let text = format!(
        "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\n[models.main]\nprovider = \"scripted\"\n\
         model = \"scripted\"\ncontext_tokens = 128000\ninput_price = 1.0\noutput_price = 1.0\n\
         [assess]\nconfidence = 1.0\nmargin = 1.0\n",
        model.url()
    );
    std::fs::write(folder.join("agents.toml"), text).unwrap();
}

/// Who is asked.
fn who(asked: &Asked<'_>) -> &'static str {
    let prompt = asked.prompt();
    let known = [
        ("You lead the investigation", "orchestrator"),
        ("You are a diagnostician", "diagnostic"),
        ("You weigh", "judge"),
        ("You propose the repair", "remediation"),
    ];
    known.into_iter().find(|(line, _)| prompt.starts_with(line)).map_or("nobody", |(_, name)| name)
}

fn call(tool: &str, arguments: Value) -> Call {
    Call { tool: tool.to_owned(), arguments }
}

fn submit(answer: Value) -> Reply {
    Reply::call("submit", answer)
}

/// Agents who find `code` in checkout by two looks at it, and repair it by fewer replicas where no playbook does.
fn play(asked: &Asked<'_>, code: &str) -> Reply {
    let object = json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"});
    let cause = |seen: Vec<String>| {
        json!({"code": code, "object": object, "statement": "A scripted model says so.", "confidence": 0.9,
            "evidence_for": seen})
    };
    match who(asked) {
        "orchestrator" => {
            let question = json!({"specialist": "diagnostic", "question": "What failed first?"});
            submit(json!({"reason": "Somebody has to look.", "assignments": [question]}))
        }
        "diagnostic" => match asked.results().len() {
            0 => Reply::Call(vec![call("kubernetes_list", json!({"kind": "pods", "namespace": "shop"}))]),
            1 => Reply::Call(vec![call(
                "rollout_history",
                json!({"kind": "Deployment", "name": "checkout", "namespace": "shop"}),
            )]),
            _ => {
                let seen = asked.evidence("Deployment shop/checkout").into_iter().rev().take(2).collect();
                submit(json!({"summary": "This was found.", "hypotheses": [cause(seen)]}))
            }
        },
        "judge" => {
            let number = |line: &str| Some(line.trim().strip_prefix("for [")?.split_once(']')?.0.to_owned());
            let seen: Vec<String> = asked.text().lines().filter_map(number).collect();
            submit(json!({"hypotheses": [cause(seen)], "decision": "done", "reason": "That is how it is."}))
        }
        "remediation" if asked.results().is_empty() => {
            let scale = json!({"action": "scale", "workload": object, "replicas": 4});
            let cause = json!({"code": code, "object": object, "statement": "Too few replicas."});
            let plan =
                json!({"actions": [scale], "rationale": "More replicas carry more.", "hypothesis": cause});
            Reply::Call(vec![call("propose_plan", plan)])
        }
        "remediation" => submit(json!({"proposed": true, "recommendation": "Scale it up.", "evidence": []})),
        other => panic!("{other} is asked"),
    }
}

/// A model that holds the call of number `held`, from 1; none: it holds nothing.
async fn model(held: Option<usize>, code: &'static str) -> (ScriptedModel, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let model = ScriptedModel::obedient(move |body| {
        if Some(count.fetch_add(1, Ordering::SeqCst) + 1) == held {
            return Reply::Fail(Fault::Stall { after: String::new() });
        }
        play(&Asked::new(body), code)
    });
    (model.await.unwrap(), asked)
}

/// How often each was asked.
fn counts(model: &ScriptedModel) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for request in model.requests() {
        *counts.entry(who(&Asked::new(&request.body))).or_default() += 1;
    }
    counts
}

async fn ended(server: &Server) -> Incident {
    let id = server.only_incident().await;
    eventually("the incident ends", LIMIT, async || {
        let incident = server.incident(&id).await;
        matches!(incident.phase, Phase::Closed | Phase::Escalated).then_some(incident)
    })
    .await
}

/// What is the same however often the program was killed.
fn brief(incident: &Incident) -> Value {
    let investigation = incident.investigation.as_ref().unwrap();
    let runs: Vec<Value> = investigation
        .runs
        .iter()
        .map(
            |run| json!({"agent": run.agent, "turns": run.turns, "tools": run.tools, "outcome": run.outcome}),
        )
        .collect();
    let causes: Vec<Value> = incident
        .hypotheses
        .iter()
        .map(|cause| json!({"code": cause.code, "object": cause.object, "confidence": cause.confidence}))
        .collect();
    json!({"runs": runs, "causes": causes, "end": investigation.end, "outcome": incident.outcome})
}

async fn not_killed() -> Value {
    let (model, _) = model(None, "deploy.bad_rollout").await;
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    write_agents(folder.path(), &model);
    let server = Server::start(folder.path(), &stage.cluster(&stage.kubernetes_url()), SETTINGS).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    brief(&ended(&server).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_model_thinks_it_goes_on_with_what_was_answered() {
    let expected = not_killed().await;
    // The specialist's second turn, and the judge: then the specialist's answer and its Evidence are of the store.
    for held in [3, 5] {
        let (model, asked) = model(Some(held), "deploy.bad_rollout").await;
        let stage = Stage::broken("bad-deploy").await;
        let folder = tempfile::tempdir().unwrap();
        write_agents(folder.path(), &model);
        let mut server =
            Server::start(folder.path(), &stage.cluster(&stage.kubernetes_url()), SETTINGS).await;
        stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
        eventually("the model holds the call", LIMIT, async || {
            (asked.load(Ordering::SeqCst) == held).then_some(())
        })
        .await;
        server.kill();
        server.restart().await;
        let incident = ended(&server).await;
        assert_eq!(incident.outcome, Some(Outcome::Repaired));
        assert_eq!(brief(&incident), expected, "held at {held}");
        // Five calls make an investigation; only the one that was held is made again.
        let again = if held == 3 { "diagnostic" } else { "judge" };
        let mut once = BTreeMap::from([("orchestrator", 1), ("diagnostic", 3), ("judge", 1)]);
        *once.get_mut(again).unwrap() += 1;
        assert_eq!(counts(&model), once, "held at {held}");
        let listed = server.get(&format!("/api/v1/runs?incident={}", incident.id)).await;
        let states: Vec<&str> =
            listed["runs"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["finished"; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_its_repair_is_rehearsed_the_agent_is_not_asked_again() {
    let (model, _) = model(None, "agent.other").await;
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    write_agents(folder.path(), &model);
    // The first rehearsal is the tool's, the second the step's own.
    let rehearsal =
        Rule { method: Method::PUT, part: "/deployments/", dry_run: true, nth: 1, hold: Hold::Before };
    let gate = Gate::before(&stage.kubernetes_url(), rehearsal).await;
    let mut server = Server::start(folder.path(), &stage.cluster(&gate.url()), SETTINGS).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    tokio::time::timeout(LIMIT, gate.holds()).await.expect("the repair is rehearsed");
    let before = counts(&model);
    assert_eq!(before.get("remediation"), Some(&2));
    server.kill();
    server.restart().await;
    let id = server.only_incident().await;
    let incident = eventually("the repair is applied", LIMIT, async || {
        let incident = server.incident(&id).await;
        incident
            .executions
            .iter()
            .any(|execution| execution.state != ExecutionState::Intended)
            .then_some(incident)
    })
    .await;
    assert_eq!(counts(&model), before);
    assert_eq!(incident.plan.unwrap().agent.as_deref(), Some("remediation"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_cannot_be_rehearsed_yet_leaves_what_was_paid_for_on_record() {
    let (model, _) = model(None, "agent.other").await;
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    write_agents(folder.path(), &model);
    // The first rehearsal is the tool's, the second the step's own.
    let rehearsal =
        Rule { method: Method::PUT, part: "/deployments/", dry_run: true, nth: 1, hold: Hold::Refused };
    let gate = Gate::before(&stage.kubernetes_url(), rehearsal).await;
    let server = Server::start(folder.path(), &stage.cluster(&gate.url()), SETTINGS).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    let id = server.only_incident().await;
    let kinds = eventually("it is planned", LIMIT, async || {
        let events = server.events(&id).await;
        let kinds: Vec<&str> = events.iter().map(|recorded| recorded.event.kind()).collect();
        kinds.contains(&"planned").then_some(kinds)
    })
    .await;
    let from = kinds.iter().position(|kind| *kind == "diagnosed").unwrap();
    let to = kinds.iter().position(|kind| *kind == "planned").unwrap();
    assert_eq!(kinds[from..=to], ["diagnosed", "investigated", "step_failed", "planned"]);
    assert_eq!(counts(&model).get("remediation"), Some(&2));
    let investigation = server.incident(&id).await.investigation.unwrap();
    assert_eq!(investigation.runs.iter().filter(|run| run.agent == "remediation").count(), 1);
}
