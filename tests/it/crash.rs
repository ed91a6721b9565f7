//! Durability: the program is killed (SIGKILL) in every phase, started again, and the incident ends the same, with each
//! Action applied exactly once.
//!
//! A gate between the program and the API server holds one chosen request, so that the process dies exactly there.

use std::time::Duration;

use axum::http::Method;
use kubewright::incident::{ExecutionState, Incident, Outcome, Phase};
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::gate::{Gate, Hold, Rule};
use crate::support::server::Server;
use crate::support::stage::Stage;

const LIMIT: Duration = Duration::from_secs(60);
const AUTOMATIC: &str = "[automation]\nlevel = 3\n[verify]\nstability_window = \"1s\"\ndeadline = \"40s\"\npoll_interval = \"200ms\"";

fn rule(method: Method, part: &'static str, dry_run: bool, nth: usize, hold: Hold) -> Rule {
    Rule { method, part, dry_run, nth, hold }
}

/// Plays the incident with a kill at the held request and returns it once it ended, with the stage.
async fn killed_at(rule: Rule) -> (Incident, Stage) {
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::before(&stage.kubernetes_url(), rule).await;
    let mut server = Server::start(folder.path(), &stage.cluster(&gate.url()), AUTOMATIC).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    tokio::time::timeout(LIMIT, gate.holds()).await.expect("the held request comes");
    server.kill();
    server.restart().await;
    let incident = ended(&server).await;
    (incident, stage)
}

async fn ended(server: &Server) -> Incident {
    let id = server.only_incident().await;
    eventually("the incident ends", LIMIT, async || {
        let incident = server.incident(&id).await;
        matches!(incident.phase, Phase::Closed | Phase::Escalated).then_some(incident)
    })
    .await
}

/// The incident was repaired by one rollback, and the API server saw exactly one change of the Deployment.
async fn assert_repaired_once((incident, stage): (Incident, Stage)) {
    let states: Vec<ExecutionState> = incident.executions.iter().map(|execution| execution.state).collect();
    assert_eq!((incident.outcome, states), (Some(Outcome::Repaired), vec![ExecutionState::Applied]));
    assert_eq!(stage.changes_by_kubewright().await.len(), 1);
    let shown = incident.executions.iter().all(|execution| execution.prior.is_null());
    assert!(shown, "the captured state can hold passwords; clients never see it");
}

#[tokio::test]
async fn killed_in_triage_it_reads_again_and_repairs_once() {
    assert_repaired_once(killed_at(rule(Method::GET, "/pods", false, 0, Hold::After)).await).await;
}

#[tokio::test]
async fn killed_in_plan_it_plans_again_and_repairs_once() {
    assert_repaired_once(killed_at(rule(Method::PUT, "/deployments/", true, 0, Hold::Before)).await).await;
}

#[tokio::test]
async fn killed_in_repair_before_the_intent_is_journaled_it_repairs_once() {
    assert_repaired_once(killed_at(rule(Method::PUT, "/deployments/", true, 1, Hold::After)).await).await;
}

#[tokio::test]
async fn killed_in_repair_with_the_change_on_its_way_it_repairs_once() {
    assert_repaired_once(killed_at(rule(Method::PUT, "/deployments/", false, 0, Hold::Before)).await).await;
}

#[tokio::test]
async fn killed_in_repair_with_the_change_made_but_not_recorded_it_repairs_once() {
    assert_repaired_once(killed_at(rule(Method::PUT, "/deployments/", false, 0, Hold::After)).await).await;
}

/// Kills as soon as the history shows an event of `kind`: the process is then in the phase after it.
async fn killed_after(kind: &str) -> (Incident, Stage) {
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = stage.cluster(&stage.kubernetes_url());
    let mut server = Server::start(folder.path(), &cluster, AUTOMATIC).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    let id = server.only_incident().await;
    eventually("the event comes", LIMIT, async || {
        server.events(&id).await.iter().any(|recorded| recorded.event.kind() == kind).then_some(())
    })
    .await;
    server.kill();
    server.restart().await;
    (ended(&server).await, stage)
}

#[tokio::test]
async fn killed_in_diagnose_it_repairs_once() {
    assert_repaired_once(killed_after("observed").await).await;
}

#[tokio::test]
async fn killed_in_guard_it_repairs_once() {
    assert_repaired_once(killed_after("planned").await).await;
}

#[tokio::test]
async fn killed_in_verify_it_goes_on_watching() {
    assert_repaired_once(killed_after("verification_looked").await).await;
}

#[tokio::test]
async fn killed_right_after_taking_an_alert_it_has_not_lost_it() {
    assert_repaired_once(killed_after("opened").await).await;
}

#[tokio::test]
async fn killed_while_waiting_for_a_person_the_approval_still_counts() {
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = stage.cluster(&stage.kubernetes_url());
    let settings = AUTOMATIC.replace("level = 3", "level = 1");
    let mut server = Server::start(folder.path(), &cluster, &settings).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    let id = server.only_incident().await;
    let asked = async |server: &Server| {
        eventually("approval is asked for", LIMIT, async || {
            server.incident(&id).await.approval.filter(|approval| approval.approved.is_none())
        })
        .await
    };
    let before = asked(&server).await;
    server.kill();
    server.restart().await;
    assert_eq!(asked(&server).await, before);
    assert_eq!(stage.changes_by_kubewright().await, Vec::<Value>::new());
    let answer = json!({"by": "ann", "digest": before.digest});
    assert_eq!(server.post(&format!("/api/v1/approvals/{id}/approve"), &answer).await.0, 200);
    let incident = ended(&server).await;
    assert_repaired_once((incident, stage)).await;
}

#[tokio::test]
async fn killed_in_roll_back_it_undoes_once() {
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    // The second real change is the undo: the alert's expression is always true, so no repair can help.
    let undo = rule(Method::PUT, "/deployments/", false, 1, Hold::After);
    let gate = Gate::before(&stage.kubernetes_url(), undo).await;
    let impatient = AUTOMATIC.replace("deadline = \"40s\"", "deadline = \"2s\"");
    let mut server = Server::start(folder.path(), &stage.cluster(&gate.url()), &impatient).await;
    let webhook = server.url("/api/v1/webhooks/alertmanager");
    stage.send_alert_from(&webhook, "http://prometheus/graph?g0.expr=vector(1)").await;
    tokio::time::timeout(LIMIT, gate.holds()).await.expect("the undo comes");
    server.kill();
    server.restart().await;
    let incident = ended(&server).await;
    let states: Vec<ExecutionState> = incident.executions.iter().map(|execution| execution.state).collect();
    assert_eq!((incident.phase, states), (Phase::Escalated, vec![ExecutionState::RolledBack]));
    assert_eq!(stage.changes_by_kubewright().await.len(), 2);
}

#[tokio::test]
async fn stopped_by_sigterm_it_gives_its_work_back_and_goes_on_later() {
    let stage = Stage::broken("bad-deploy").await;
    let folder = tempfile::tempdir().unwrap();
    let cluster = stage.cluster(&stage.kubernetes_url());
    let mut server = Server::start(folder.path(), &cluster, AUTOMATIC).await;
    stage.send_alert(&server.url("/api/v1/webhooks/alertmanager")).await;
    server.only_incident().await;
    assert!(server.terminate().success(), "a SIGTERM is an orderly end");
    server.restart().await;
    let incident = ended(&server).await;
    assert_repaired_once((incident, stage)).await;
}
