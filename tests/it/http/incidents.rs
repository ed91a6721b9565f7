//! Lists, details, closing, history, graph and runbook.

use axum::http::{Method, StatusCode, header};
use jiff::SignedDuration;
use kubewright::incident::Event;
use kubewright::observe::Snapshot;
use serde_json::{Value, json};

use super::payload::{alert, delivery};
use super::stage::Stage;

async fn opened(stage: &Stage, names: &[&str]) {
    for name in names {
        let body = delivery(&[alert(name, &format!("{}-6c9f-1", name.to_lowercase()), "firing")]);
        stage.post("/api/v1/webhooks/alertmanager", &body).await;
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first() {
    let stage = Stage::new().await;
    opened(&stage, &["One", "Two", "Three"]).await;
    let first = stage.get("/api/v1/incidents?limit=2").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = stage.get(&format!("/api/v1/incidents?limit=2&cursor={cursor}")).await.json();
    let ids = |page: &Value| -> Vec<Value> {
        page["incidents"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!((ids(&first).len(), ids(&second).len()), (2, 1));
    assert!(!ids(&first).contains(&ids(&second)[0]));
    assert_eq!(second.get("next_cursor"), None);
}

#[tokio::test]
async fn filters_leave_out_what_does_not_fit() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let counts = |query: &'static str| {
        let stage = &stage;
        async move {
            stage.get(&format!("/api/v1/incidents?{query}")).await.json()["incidents"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    assert_eq!(counts("open=true&phase=triage&cluster=prod-eu&namespace=shop&severity=critical").await, 1);
    for none in
        ["open=false", "phase=closed", "cluster=other", "namespace=other", "severity=info", "text=nope"]
    {
        assert_eq!(counts(none).await, 0, "{none}");
    }
    stage.post(&format!("/api/v1/incidents/{id}/close"), &json!({ "by": "ada" })).await;
    assert_eq!(counts("open=false").await, 1);
}

#[tokio::test]
async fn unknown_filters_and_values_are_refused_with_those_that_exist() {
    let stage = Stage::new().await;
    let refused = [
        ("phase=sleeping", "triage"),
        ("severity=awful", "critical"),
        ("colour=red", "namespace"),
        ("limit=0", "1 to 200"),
        ("limit=201", "1 to 200"),
        ("limit=many", "limit"),
        ("open=perhaps", "open"),
    ];
    for (query, named) in refused {
        let answer = stage.get(&format!("/api/v1/incidents?{query}")).await;
        assert_eq!(answer.error(), (400, "bad_query".to_owned()), "{query}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{query}: {message}");
    }
    let cursor = stage.get("/api/v1/incidents?cursor=zz").await;
    assert_eq!(cursor.error(), (400, "bad_cursor".to_owned()));
}

#[tokio::test]
async fn an_incident_is_shown_with_its_story_also_by_the_beginning_of_its_name() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let whole = stage.get(&format!("/api/v1/incidents/{id}")).await;
    let short = stage.get(&format!("/api/v1/incidents/{}", &id.as_str()[4..9])).await;
    assert_eq!((whole.status, &whole.body), (StatusCode::OK, &short.body));
    let shown = whole.json();
    assert_eq!(shown["incident"]["id"], json!(id));
    assert!(shown["story"]["headline"].as_str().unwrap().starts_with(id.as_str()));
}

#[tokio::test]
async fn an_unknown_incident_is_not_found_anywhere() {
    let stage = Stage::new().await;
    for path in ["", "/events", "/events/stream", "/graph", "/runbook", "/snapshot"] {
        let answer = stage.get(&format!("/api/v1/incidents/inc-none{path}")).await;
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path}");
    }
    let closed = stage.post("/api/v1/incidents/inc-none/close", &json!({ "by": "ada" })).await;
    assert_eq!(closed.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_person_closes_an_incident_and_doing_it_twice_changes_nothing() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let path = format!("/api/v1/incidents/{id}/close");
    let body = json!({ "by": "ada", "comment": "known, fixed by hand" });
    let first = stage.post(&path, &body).await;
    assert_eq!(first.status, StatusCode::OK);
    let incident = first.json()["incident"].clone();
    assert_eq!(incident["outcome"], "closed_by_person");
    assert_eq!(incident["reason"], "Closed by ada: known, fixed by hand");
    assert_eq!(stage.post(&path, &body).await.json()["incident"], incident);
    assert_eq!(stage.store.events(&id, 0, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn somebody_without_a_name_closes_nothing() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let path = format!("/api/v1/incidents/{id}/close");
    for body in [json!({ "by": " " }), json!({ "by": "a\nb" }), json!({ "by": "x".repeat(201) })] {
        assert_eq!(stage.post(&path, &body).await.error(), (422, "bad_name".to_owned()), "{body}");
    }
    assert_eq!(stage.post(&path, &json!({})).await.error(), (422, "wrong_type".to_owned()));
    assert_eq!(
        stage.post(&path, &json!({ "by": "a", "x": 1 })).await.error(),
        (422, "wrong_type".to_owned())
    );
    assert_eq!(stage.send_text(Method::POST, &path, "{").await.error(), (400, "malformed_json".to_owned()));
    let large = json!({ "by": "ada", "comment": "x".repeat(100_000) });
    assert_eq!(stage.post(&path, &large).await.error(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn the_history_is_listed_from_any_place() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let kinds = |answer: Value| -> Vec<String> {
        let events = answer["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/api/v1/incidents/{}/events", incident.id);
    let all = kinds(stage.get(&path).await.json());
    assert_eq!(all, ["opened", "observed", "diagnosed", "planned", "decided", "approval_requested"]);
    assert_eq!(kinds(stage.get(&format!("{path}?after=4")).await.json()), all[4..]);
    assert_eq!(stage.get(&format!("{path}?after=x")).await.error(), (400, "bad_query".to_owned()));
}

#[tokio::test]
async fn the_graph_is_drawn_once_there_is_a_snapshot() {
    let stage = Stage::new().await;
    let id = stage.crash().await;
    let path = format!("/api/v1/incidents/{id}/graph");
    assert_eq!(stage.get(&path).await.error(), (404, "not_found".to_owned()));
    let incident = stage.store.incident(&id).await.unwrap().unwrap();
    let snapshot: Snapshot = serde_json::from_value(json!({
        "cluster": "prod-eu", "taken_at": "2026-11-21T03:30:00Z", "scope": incident.signals[0].scope,
        "focus": null, "signals": incident.signals, "changes": [], "logs": [], "log_patterns": [], "readings": [],
        "gaps": [],
        "objects": { "pods": [{
            "metadata": { "name": "checkout-7d9f8b6c5-abcde", "namespace": "shop", "uid": "p-1" },
            "spec": { "nodeName": "n1", "containers": [{ "name": "app" }] }
        }] }
    }))
    .unwrap();
    let observed = Event::Observed { objects: 1, logs: 0, readings: 0, gaps: Vec::new() };
    stage.advance(&id, vec![observed], Some(snapshot)).await;
    let graph = stage.get(&path).await;
    assert_eq!(graph.status, StatusCode::OK, "{}", graph.body);
    assert!(graph.body.contains("checkout-7d9f8b6c5-abcde"), "{}", graph.body);
    assert!(graph.json()["nodes"].is_array() && graph.json()["links"].is_array());
}

#[tokio::test]
async fn the_runbook_has_real_names_and_the_command_that_approves() {
    let stage = Stage::new().await;
    let incident = stage.waiting(SignedDuration::from_hours(1)).await;
    let runbook = stage.get(&format!("/api/v1/incidents/{}/runbook", incident.id)).await;
    assert_eq!(runbook.headers[header::CONTENT_TYPE], "text/markdown; charset=utf-8");
    for line in [
        "kubectl -n shop get pods -o wide",
        "kubectl -n shop describe deployment/checkout",
        "kubectl -n shop rollout history deployment/checkout",
        "kubectl -n shop logs checkout-7d9f8b6c5-abcde -c app --tail=100 --previous",
        "up == 0",
        "+image: shop:1",
        &format!("kubewright --server http://127.0.0.1:8080/ approvals approve {}", incident.id),
        "- <https://runbooks.example/crash>",
        &format!("- <http://127.0.0.1:8080/api/v1/incidents/{}/graph>", incident.id),
    ] {
        assert!(runbook.body.lines().any(|shown| shown == line), "{line} is missing from:\n{}", runbook.body);
    }
}
