//! API servers that answer rubbish: every tool says so in words, within its time and its size, and nothing panics.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kubewright::sim::objects::ObjectStore;
use serde_json::{Value, json};

use super::stage::{Stage, serve};

/// Long for a machine that is busy, short for a test that waits for it.
const TIME: Duration = Duration::from_secs(5);

/// What the tools say of an answer that is not JSON of the expected shape.
const NOT_UNDERSTOOD: &str = "the answer is not what was expected";

/// What comes after the question which kinds there are.
type Rubbish = fn() -> Response;

/// A server that knows its kinds and has nothing else to say but this.
async fn stage(rubbish: Rubbish) -> Stage {
    let answer = move |request: Request| async move {
        match kinds(request.uri().path()) {
            Some(kinds) => axum::Json(kinds).into_response(),
            None => rubbish(),
        }
    };
    Stage::within(TIME, &serve(Router::new().fallback(answer)).await, ObjectStore::new()).await
}

fn kinds(path: &str) -> Option<Value> {
    let kind = |plural: &str, kind: &str| {
        json!({"name": plural, "singularName": "", "namespaced": !matches!(plural, "nodes" | "namespaces"),
            "kind": kind, "verbs": ["get", "list"]})
    };
    let group = |name: &str| json!({"name": name, "versions": [{"groupVersion": format!("{name}/v1")}]});
    Some(match path {
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "groups": [group("apps"), group("metrics.k8s.io")]}),
        "/api/v1" => json!({"resources": [kind("pods", "Pod"), kind("namespaces", "Namespace"),
            kind("nodes", "Node"), kind("configmaps", "ConfigMap"), kind("secrets", "Secret")]}),
        "/apis/apps/v1" => {
            json!({"resources": [kind("deployments", "Deployment"), kind("replicasets", "ReplicaSet")]})
        }
        "/apis/metrics.k8s.io/v1" => json!({"resources": [kind("pods", "PodMetrics")]}),
        _ => return None,
    })
}

/// One question a tool, with a namespace and without.
fn questions() -> Vec<(&'static str, Value)> {
    vec![
        ("kubernetes_get", json!({"kind": "pod", "name": "web", "namespace": "shop"})),
        ("kubernetes_get", json!({"kind": "pod", "name": "web"})),
        ("kubernetes_get", json!({"kind": "secret", "name": "web", "namespace": "shop"})),
        ("kubernetes_describe", json!({"kind": "deployment", "name": "web", "namespace": "shop"})),
        ("kubernetes_list", json!({"kind": "configmaps"})),
        ("kubernetes_events", json!({"namespace": "shop"})),
        ("rollout_history", json!({"name": "web", "namespace": "shop"})),
        ("kubectl", json!({"command": "kubectl get pods -n shop -o yaml"})),
        ("kubectl", json!({"command": "kubectl get secrets -A -o yaml"})),
        ("kubectl", json!({"command": "kubectl top pods -n shop"})),
    ]
}

/// Asks every tool; each must fail with these words, in time.
async fn all_fail(name: &str, rubbish: Rubbish, expected: &str) {
    let stage = stage(rubbish).await;
    for (tool, arguments) in questions() {
        let began = Instant::now();
        let told = stage.refused(tool, arguments.clone()).await;
        assert!(told.contains(expected), "{name}, {tool} {arguments}: {told}");
        assert!(told.chars().count() < 600 && !told.contains("hunter2"), "{name}, {tool}: {told}");
        assert!(began.elapsed() < 4 * TIME, "{name}, {tool}: {:?}", began.elapsed());
    }
}

fn body(bytes: impl Into<Bytes>) -> Response {
    Body::from(bytes.into()).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_or_of_another_shape_is_told_by_its_place_and_not_quoted() {
    let cases: [(&str, Rubbish); 8] = [
        ("nothing", || body("")),
        ("a page", || body("<html><body>Please log in, password hunter2</body></html>")),
        ("half of it", || body(r#"{"items": [{"metadata": {"name": "hunter2"#)),
        ("invalid UTF-8", || body(&b"{\"items\": [{\"metadata\": {\"name\": \"\xff\xfehunter2\"}}]}"[..])),
        ("bytes", || body((0..=255).cycle().take(100_000).collect::<Vec<u8>>())),
        ("depth", || body(format!("{{\"items\": {}", "[".repeat(200_000)))),
        ("a number", || body("7")),
        ("null", || body("null")),
    ];
    for (name, rubbish) in cases {
        all_fail(name, rubbish, NOT_UNDERSTOOD).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_metadata_is_no_object() {
    let stage = stage(|| body(r#"{"ok": true, "data": {"password": "aHVudGVyMg=="}}"#)).await;
    for kind in ["pod", "secret"] {
        let asked = json!({"kind": kind, "name": "web", "namespace": "shop"});
        let told = stage.refused("kubernetes_get", asked).await;
        assert!(told.contains(NOT_UNDERSTOOD), "{kind}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_in_one_short_line_whatever_their_body() {
    all_fail(
        "teapot",
        || (StatusCode::IM_A_TEAPOT, "x\u{1b}[2J\n".repeat(9_000)).into_response(),
        "HTTP 418",
    )
    .await;
    let stage = stage(|| (StatusCode::INTERNAL_SERVER_ERROR, vec![0xff_u8; 1 << 20]).into_response()).await;
    let told = stage.refused("kubernetes_list", json!({"kind": "pods"})).await;
    assert!(told.contains("HTTP 500") && !told.contains('\u{1b}'), "{told}");
}

/// A body that never ends.
fn endless() -> Response {
    let chunk = Bytes::from_static(&[b' '; 64 * 1024]);
    let stream = futures::stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone()));
    Body::from_stream(stream).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_left_at_its_limit() {
    let stage = stage(endless).await;
    for (tool, arguments) in [
        ("kubernetes_get", json!({"kind": "pod", "name": "web", "namespace": "shop"})),
        ("kubernetes_list", json!({"kind": "configmaps"})),
        ("kubernetes_events", json!({"namespace": "shop"})),
        ("kubectl", json!({"command": "kubectl get secrets -A -o yaml"})),
    ] {
        let told = stage.refused(tool, arguments).await;
        assert!(
            told.contains("bytes and was not read to the end") || told.contains("no answer within"),
            "{tool}: {told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_off_is_told() {
    fn torn() -> Response {
        let parts = [Ok(Bytes::from_static(b"{\"items\": [")), Err(std::io::Error::other("torn"))];
        Body::from_stream(futures::stream::iter(parts)).into_response()
    }
    all_fail("torn", torn, "the connection broke").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_pages_never_end_costs_its_time_only() {
    let page =
        || axum::Json(json!({"metadata": {"continue": "more"}, "items": [], "rows": []})).into_response();
    let stage = stage(page).await;
    for (tool, arguments) in [
        ("kubernetes_list", json!({"kind": "configmaps"})),
        ("kubernetes_events", json!({"namespace": "shop"})),
        ("kubectl", json!({"command": "kubectl get pods -A -o yaml"})),
    ] {
        let told = tokio::time::timeout(4 * TIME, stage.refused(tool, arguments)).await.expect(tool);
        assert!(told.contains("no answer within 5.0 s"), "{tool}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_and_a_log_of_rubbish_are_shown_as_text() {
    fn answer(path: &str) -> Response {
        match path.ends_with("/log") {
            true => body([&b"one \xff\xfe line\n\x1b[2Jtwo\n"[..], &[0; 64]].concat()),
            false => axum::Json(json!({"metadata": {"name": "web", "namespace": 7, "labels": "none"},
                "spec": [], "status": {"containerStatuses": {"name": null}}}))
            .into_response(),
        }
    }
    let served = |request: Request| async move {
        match kinds(request.uri().path()) {
            Some(kinds) => axum::Json(kinds).into_response(),
            None => answer(request.uri().path()),
        }
    };
    let url = serve(Router::new().fallback(served)).await;
    let stage = Stage::within(TIME, &url, ObjectStore::new()).await;
    let log = json!({"pod": "web", "namespace": "shop", "container": "web"});
    let told = match stage.call("kubernetes_logs", log).await {
        Ok(output) => output.text,
        Err(error) => error.to_string(),
    };
    assert!(!told.contains('\u{1b}') && !told.contains('\0'), "{told:?}");
    for tool in ["kubernetes_get", "kubernetes_describe"] {
        let asked = json!({"kind": "pod", "name": "web", "namespace": "shop"});
        let told = match stage.call(tool, asked).await {
            Ok(output) => output.text,
            Err(error) => error.to_string(),
        };
        assert!(!told.is_empty(), "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_none_is_told_at_the_first_question_and_asked_again_later() {
    for (rubbish, expected) in [
        ("<html>Welcome to nginx!</html>", NOT_UNDERSTOOD),
        ("{}", "check that the URL leads to a Kubernetes API server"),
        (r#"{"items": [], "kind": "APIGroupDiscoveryList"}"#, "names no kind that can be read"),
        (
            r#"{"versions": ["../../secrets"], "groups": [{"versions": [{"groupVersion": "\u0000 /"}]}]}"#,
            "names no kind",
        ),
        (
            r#"{"items": [{"metadata": {"name": "x/../../y"}, "versions": [{"version": "v1", "resources": [
            {"resource": "pods/../../secrets", "scope": "Namespaced", "verbs": ["get", "list"]}]}]}]}"#,
            "names no kind",
        ),
    ] {
        let url = serve(Router::new().fallback(move || async move { rubbish })).await;
        let stage = Stage::within(TIME, &url, ObjectStore::new()).await;
        for (tool, arguments) in
            questions().into_iter().chain([("kubectl", json!({"command": "kubectl api-resources"}))])
        {
            // Events have a place that needs no discovery.
            if tool != "kubernetes_events" {
                let told = stage.refused(tool, arguments).await;
                assert!(told.contains(expected), "{rubbish}, {tool}: {told}");
            }
        }
    }
}
