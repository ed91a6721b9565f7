//! Deliveries and reports, good and bad.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use kubewright::incident::Phase;
use kubewright::store::IncidentFilter;
use serde_json::{Map, Value, json};

use super::payload::{alert, crash, delivery};
use super::stage::Stage;

const ALERTMANAGER: &str = "/api/v1/webhooks/alertmanager";

async fn count(stage: &Stage) -> usize {
    stage.store.incidents(&IncidentFilter::default(), None, 200).await.unwrap().incidents.len()
}

#[tokio::test]
async fn a_delivery_is_taken_and_opens_an_incident() {
    let stage = Stage::new().await;
    let answer = stage.post(ALERTMANAGER, &crash()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let page = stage.store.incidents(&IncidentFilter::default(), None, 200).await.unwrap();
    let [incident] = page.incidents.as_slice() else { panic!("{page:?}") };
    assert_eq!(answer.json(), json!({ "accepted": 1, "incidents": [incident.id], "rejected": [] }));
    assert_eq!((incident.phase, incident.namespace.as_deref()), (Phase::Triage, Some("shop")));
}

#[tokio::test]
async fn a_repeated_delivery_opens_no_second_incident() {
    let stage = Stage::new().await;
    let first = stage.post(ALERTMANAGER, &crash()).await.json();
    let second = stage.post(ALERTMANAGER, &crash()).await.json();
    assert_eq!(first, second);
    assert_eq!(count(&stage).await, 1);
}

#[tokio::test]
async fn grafana_delivers_too() {
    let stage = Stage::new().await;
    let mut body = crash();
    body["orgId"] = json!(1);
    body["title"] = json!("[FIRING:1] KubePodCrashLooping");
    let answer = stage.post("/api/v1/webhooks/grafana", &body).await;
    assert_eq!((answer.status, count(&stage).await), (StatusCode::ACCEPTED, 1));
}

#[tokio::test]
async fn one_bad_alert_does_not_keep_its_neighbours_out() {
    let stage = Stage::new().await;
    let body = delivery(&[json!(7), alert("KubePodNotReady", "cart-6c9f-1", "firing")]);
    let answer = stage.post(ALERTMANAGER, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let answer = answer.json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&json!(1), &json!(0)));
    assert_eq!(count(&stage).await, 1);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_the_reason() {
    let stage = Stage::new().await;
    let refused = [
        ("{\"alerts\": [", 400, "malformed_json"),
        ("", 400, "malformed_json"),
        ("[]", 422, "wrong_type"),
        ("{\"alerts\": 7}", 422, "wrong_type"),
        ("{\"status\": \"firing\"}", 422, "wrong_type"),
        ("{\"alerts\": [{\"labels\": {\"namespace\": \"shop\"}}]}", 422, "all_rejected"),
        ("{\"alerts\": [{\"labels\": 7}]}", 422, "all_rejected"),
    ];
    for (body, status, code) in refused {
        let answer = stage.send_text(Method::POST, ALERTMANAGER, body).await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{body}: {}", answer.body);
    }
    assert_eq!(count(&stage).await, 0);
}

#[tokio::test]
async fn an_alert_without_a_namespace_or_with_unknown_labels_is_taken() {
    let stage = Stage::new().await;
    let body = delivery(&[json!({ "labels": { "alertname": "Odd", "no such label": "é\u{0}\u{1b}" } })]);
    assert_eq!(stage.post(ALERTMANAGER, &body).await.status, StatusCode::ACCEPTED);
    assert_eq!(count(&stage).await, 1);
}

#[tokio::test]
async fn an_alert_with_a_hundred_thousand_labels_is_taken() {
    let stage = Stage::new().await;
    let mut labels: Map<String, Value> = (0..100_000).map(|n| (format!("label_{n}"), json!("v"))).collect();
    labels.insert("alertname".to_owned(), json!("Huge"));
    labels.insert("namespace".to_owned(), json!("shop"));
    let answer = stage.post(ALERTMANAGER, &delivery(&[json!({ "labels": labels })])).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let page = stage.store.incidents(&IncidentFilter::default(), None, 1).await.unwrap();
    assert_eq!(page.incidents[0].namespace.as_deref(), Some("shop"));
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_too_large() {
    let stage = Stage::new().await;
    let answer = stage.send_text(Method::POST, ALERTMANAGER, vec![b' '; 10 << 20]).await;
    assert_eq!(answer.error(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_refused_and_a_missing_header_is_forgiven() {
    let stage = Stage::new().await;
    let request = |kind: Option<&str>| {
        let request = Request::post(ALERTMANAGER);
        let request =
            kind.into_iter().fold(request, |request, kind| request.header(header::CONTENT_TYPE, kind));
        request.body(Body::from(crash().to_string())).unwrap()
    };
    let answer = stage.send(request(Some("text/plain"))).await;
    assert_eq!(answer.error(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(stage.send(request(None)).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn while_the_store_is_away_the_sender_is_told_to_come_back() {
    let stage = Stage::new().await;
    stage.store.close().await;
    let answer = stage.post(ALERTMANAGER, &crash()).await;
    assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
}

#[tokio::test]
async fn a_person_reports_an_incident() {
    let stage = Stage::new().await;
    let report =
        json!({ "title": "checkout is slow", "namespace": "shop", "workload": "deployment/checkout" });
    let answer = stage.post("/api/v1/incidents", &report).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers[header::LOCATION], format!("/api/v1/incidents/{id}").as_str());
    let shown = stage.get(&format!("/api/v1/incidents/{id}")).await.json();
    assert_eq!(shown["incident"]["title"], "checkout is slow");
    assert_eq!(
        shown["incident"]["subject"],
        json!({ "kind": "Deployment", "namespace": "shop", "name": "checkout" })
    );
}

#[tokio::test]
async fn a_report_that_says_nothing_is_refused() {
    let stage = Stage::new().await;
    let path = "/api/v1/incidents";
    assert_eq!(stage.post(path, &json!({ "title": " " })).await.error(), (422, "bad_value".to_owned()));
    assert_eq!(stage.post(path, &json!({ "title": 7 })).await.error(), (422, "wrong_type".to_owned()));
    let malformed = stage.send_text(Method::POST, path, "{").await;
    assert_eq!(malformed.error(), (400, "malformed_json".to_owned()));
    assert_eq!(count(&stage).await, 0);
}
