//! Tools that answer what is no text.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use kubewright::sim::api::{self, ApiState};
use kubewright::sim::kinds::{NAMESPACES, PODS};
use kubewright::sim::logbook::LogBook;
use kubewright::sim::model::{Asked, Call, Reply, ScriptedModel};
use kubewright::sim::objects::ObjectStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{chat, hasty, leaves_it, site};

/// An API server whose logs and Deployments are no UTF-8.
async fn broken_cluster() -> String {
    let api = ApiState::new(ObjectStore::new(), LogBook::new());
    api.store.create(&NAMESPACES, json!({"metadata": {"name": "shop"}})).unwrap();
    let pod = json!({"metadata": {"name": "checkout-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": "shop:1"}]}});
    api.store.create(&PODS, pod).unwrap();
    let deployment = b"{\"kind\": \"Deployment\", \"metadata\": {\"name\": \"\xff\xfe\x00\"}}";
    let garbage = async move || ([(header::CONTENT_TYPE, "application/json")], deployment.to_vec());
    let log = async || b"2026-11-21T03:00:00Z it \xff\xfe\x00 ends\n".to_vec();
    let router = Router::new()
        .route("/api/v1/namespaces/shop/pods/checkout-1/log", get(log))
        .route("/apis/apps/v1/namespaces/shop/deployments/checkout", get(garbage))
        .fallback_service(api::router(api));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn reads(asked: &Asked<'_>) -> Reply {
    let call = |tool: &str, arguments: Value| Call { tool: tool.to_owned(), arguments };
    if !asked.results().is_empty() {
        return Reply::say("I read what can be read.");
    }
    Reply::Call(vec![
        call("kubernetes_logs", json!({"namespace": "shop", "pod": "checkout-1"})),
        call("kubernetes_get", json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"})),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_utf_8_is_told_as_far_as_it_can_be_and_fails_nothing() {
    let model = ScriptedModel::obedient(leaves_it(reads)).await.unwrap();
    let site = site(&broken_cluster().await, hasty(&model, "")).await;
    let heard = chat(&site, &json!({"message": "why?"})).await;
    assert!(heard.done().text.starts_with("I read what can be read."), "{}", heard.done().text);
    let finished: Vec<(&str, bool)> = heard
        .events
        .iter()
        .filter(|(kind, _)| kind == "tool_finished")
        .map(|(_, data)| (data["tool"].as_str().unwrap(), data["ok"].as_bool().unwrap()))
        .collect();
    assert!(finished.contains(&("kubernetes_logs", true)), "{:#?}", heard.events);
    assert!(finished.contains(&("kubernetes_get", false)), "{:#?}", heard.events);
    let requests = model.requests();
    let results = Asked::new(&requests.last().unwrap().body).results().join("\n");
    assert!(results.contains("it \u{fffd}\u{fffd} ends"), "{results}");
}
