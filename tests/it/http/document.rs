//! The OpenAPI document says what is served.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stage::Stage;

const ROUTES: [&str; 39] = [
    "DELETE /api/v1/chat/conversations/{id}",
    "DELETE /api/v1/knowledge/documents/{source}/{path}",
    "GET /api/v1/approvals",
    "GET /api/v1/chat/conversations",
    "GET /api/v1/chat/conversations/{id}",
    "GET /api/v1/events/stream",
    "GET /api/v1/incidents",
    "GET /api/v1/incidents/{id}",
    "GET /api/v1/incidents/{id}/events",
    "GET /api/v1/incidents/{id}/events/stream",
    "GET /api/v1/incidents/{id}/graph",
    "GET /api/v1/incidents/{id}/runbook",
    "GET /api/v1/incidents/{id}/similar",
    "GET /api/v1/incidents/{id}/snapshot",
    "GET /api/v1/knowledge/documents",
    "GET /api/v1/knowledge/documents/{source}/{path}",
    "GET /api/v1/knowledge/jobs/{id}",
    "GET /api/v1/knowledge/search",
    "GET /api/v1/knowledge/stats",
    "GET /api/v1/openapi.json",
    "GET /api/v1/runs",
    "GET /api/v1/runs/{id}",
    "GET /api/v1/usage",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /readyz",
    "GET /v1/models",
    "GET /v1/models/{id}",
    "POST /api/v1/approvals/{id}/approve",
    "POST /api/v1/approvals/{id}/deny",
    "POST /api/v1/chat",
    "POST /api/v1/incidents",
    "POST /api/v1/incidents/{id}/close",
    "POST /api/v1/knowledge/documents",
    "POST /api/v1/knowledge/passages/{id}/feedback",
    "POST /api/v1/webhooks/alertmanager",
    "POST /api/v1/webhooks/grafana",
    "POST /v1/chat/completions",
];

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    operations.collect()
}

/// Every `$ref` inside a value.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_document_contains_every_route_and_is_served() {
    let stage = Stage::new().await;
    let served = stage.get("/openapi.json").await.json();
    assert_eq!(served, serde_json::to_value(kubewright::http::openapi()).unwrap());
    assert_eq!(served, stage.get("/api/v1/openapi.json").await.json());
    let documented: BTreeSet<String> = operations(&served).into_iter().map(|(name, _)| name).collect();
    assert_eq!(documented, ROUTES.iter().map(|route| (*route).to_owned()).collect());
}

#[test]
fn the_document_is_sound_openapi_3_1() {
    let document = serde_json::to_value(kubewright::http::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["info"]["title"], "kubewright");
    for (name, operation) in operations(&document) {
        let identified = operation["operationId"].is_string() && operation["summary"].is_string();
        assert!(identified && !operation["responses"].as_object().unwrap().is_empty(), "{name}");
    }
    for reference in references(&document) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let document = serde_json::to_value(kubewright::http::openapi()).unwrap();
    let ids: Vec<&str> = operations(&document)
        .iter()
        .map(|(_, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
}
