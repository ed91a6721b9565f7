//! Health, readiness, metrics.

use axum::http::header;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kubewright::store::{Account, Reserved, Usage};
use kubewright::telemetry::metrics as recorded;
use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn the_server_lives_and_is_ready() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/healthz").await.json(), json!({ "status": "ok" }));
    assert_eq!(stage.get("/readyz").await.json(), json!({ "status": "ready", "knowledge": "switched off" }));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let stage = Stage::new().await;
    stage.runner.send(false).unwrap();
    stage.store.close().await;
    let answer = stage.get("/readyz").await;
    assert_eq!(answer.error(), (503, "not_ready".to_owned()));
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("store: ") && message.contains("runner: not at work"), "{message}");
    assert_eq!(stage.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn metrics_count_alerts_incidents_and_requests() {
    let recorder = recorded::recorder().unwrap();
    let stage = Stage::with("", recorder.handle()).await;
    let _guard = metrics::set_default_local_recorder(&recorder);
    stage.crash().await;
    stage.crash().await;
    stage.get("/api/v1/incidents/inc-none").await;
    let page = stage.get("/metrics").await;
    assert_eq!(page.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"kubewright_alerts_received_total{source="alertmanager",result="opened"} 1"#,
        r#"kubewright_alerts_received_total{source="alertmanager",result="repeated"} 1"#,
        r#"kubewright_incidents{phase="triage"} 1"#,
        r#"kubewright_incidents{phase="closed"} 0"#,
        r#"kubewright_http_requests_total{method="POST",route="/api/v1/webhooks/alertmanager",status="202"} 2"#,
        r#"kubewright_http_requests_total{method="GET",route="/api/v1/incidents/{id}",status="404"} 1"#,
    ] {
        assert!(page.body.lines().any(|shown| shown == line), "{line} is missing from:\n{}", page.body);
    }
}

#[tokio::test]
async fn what_models_have_used_today_is_told_with_the_limits() {
    let stage = Stage::new().await;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let account = Account { day: today, tenant: "others".to_owned(), incident: None };
    let usage = Usage { tokens: 1_200, cost: 0.25, turns: 1, millis: 0 };
    assert!(matches!(stage.store.reserve_usage(&account, &[], &usage).await.unwrap(), Reserved::Yes { .. }));
    let shown = stage.get("/api/v1/usage").await.json();
    assert_eq!(shown["day"], today.to_string());
    let used = json!({ "tokens": 1200, "cost": 0.25, "turns": 1, "seconds": 0.0 });
    let limit = json!({ "tokens": 20_000_000, "cost": 20.0 });
    assert_eq!(shown["all"], json!({ "used": used, "limit": limit }));
    assert_eq!(shown["tenants"], json!([{ "name": "others", "used": used, "limit": {} }]));
    assert_eq!(shown["incidents"], json!([]));
}
