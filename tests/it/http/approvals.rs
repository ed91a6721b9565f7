//! Repairs that wait, and answers that count only for what was shown.

use axum::http::StatusCode;
use jiff::SignedDuration;
use kubewright::incident::{Incident, Phase};
use serde_json::{Value, json};

use super::stage::{Answer, Stage};

async fn answer(stage: &Stage, incident: &Incident, word: &str, by: &str, digest: &str) -> Answer {
    let path = format!("/api/v1/approvals/{}/{word}", incident.id);
    stage.post(&path, &json!({ "by": by, "digest": digest, "comment": "looked at it" })).await
}

fn digest(incident: &Incident) -> &str {
    &incident.approval.as_ref().unwrap().digest
}

async fn phase(stage: &Stage, incident: &Incident) -> Phase {
    stage.store.incident(&incident.id).await.unwrap().unwrap().phase
}

#[tokio::test]
async fn a_waiting_repair_is_listed_with_all_that_is_answered_about() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/api/v1/approvals").await.json(), json!({ "approvals": [] }));
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let listed = stage.get("/api/v1/approvals").await.json()["approvals"].clone();
    let expected = json!([{
        "incident": incident.id,
        "title": incident.title,
        "severity": "critical",
        "cluster": "prod-eu",
        "cause": incident.hypotheses[0],
        "reasons": ["Production asks first."],
        "plan": incident.plan,
        "digest": digest(&incident),
        "requested_at": incident.approval.as_ref().unwrap().requested_at,
        "expires_at": incident.approval.as_ref().unwrap().expires_at,
    }]);
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn an_approved_repair_goes_on() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let approved = answer(&stage, &incident, "approve", "ada", digest(&incident)).await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
    let approved = approved.json()["incident"].clone();
    assert_eq!(approved["phase"], "repair");
    let answered = &approved["approval"];
    assert_eq!(
        (&answered["approved"], &answered["answered_by"], &answered["comment"]),
        (&json!(true), &json!("ada"), &json!("looked at it"))
    );
    assert_eq!(stage.get("/api/v1/approvals").await.json()["approvals"], json!([]));
}

#[tokio::test]
async fn a_denied_repair_is_not_made_and_another_is_looked_for() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let denied = answer(&stage, &incident, "deny", "ada", digest(&incident)).await;
    assert_eq!(denied.status, StatusCode::OK, "{}", denied.body);
    let denied = denied.json()["incident"].clone();
    assert_eq!(denied["phase"], "plan");
    assert_eq!(denied["denied_actions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_answer_about_another_plan_does_not_count() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let refused = answer(&stage, &incident, "approve", "ada", "0000").await;
    assert_eq!(refused.error(), (409, "digest_mismatch".to_owned()));
    assert_eq!(phase(&stage, &incident).await, Phase::AwaitApproval);
}

#[tokio::test]
async fn the_same_answer_may_be_sent_again_and_another_one_not() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let digest = digest(&incident);
    answer(&stage, &incident, "approve", "ada", digest).await;
    let events = stage.store.events(&incident.id, 0, 100).await.unwrap().len();
    assert_eq!(answer(&stage, &incident, "approve", "ada", digest).await.status, StatusCode::OK);
    let taken = (409, "already_answered".to_owned());
    assert_eq!(answer(&stage, &incident, "approve", "bo", digest).await.error(), taken);
    assert_eq!(answer(&stage, &incident, "deny", "ada", digest).await.error(), taken);
    assert_eq!(stage.store.events(&incident.id, 0, 100).await.unwrap().len(), events);
}

#[tokio::test]
async fn an_expired_request_is_gone() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_secs(-1)).await;
    let late = answer(&stage, &incident, "approve", "ada", digest(&incident)).await;
    assert_eq!(late.error(), (410, "expired".to_owned()));
    assert_eq!(phase(&stage, &incident).await, Phase::AwaitApproval);
}

#[tokio::test]
async fn where_nothing_waits_nothing_can_be_answered() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let incident = stage.store.incident(&id).await.unwrap().unwrap();
    assert_eq!(
        answer(&stage, &incident, "approve", "ada", "d").await.error(),
        (409, "not_waiting".to_owned())
    );
    let unknown = stage.post("/api/v1/approvals/inc-none/deny", &json!({ "by": "ada", "digest": "d" })).await;
    assert_eq!(unknown.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_answer_needs_a_name_and_a_digest() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let path = format!("/api/v1/approvals/{}/approve", incident.id);
    let bodies: [(Value, &str); 3] = [
        (json!({ "by": "ada" }), "wrong_type"),
        (json!({ "digest": digest(&incident) }), "wrong_type"),
        (json!({ "by": "", "digest": digest(&incident) }), "bad_name"),
    ];
    for (body, code) in bodies {
        assert_eq!(stage.post(&path, &body).await.error(), (422, code.to_owned()), "{body}");
    }
    assert_eq!(phase(&stage, &incident).await, Phase::AwaitApproval);
}
