//! An API server that only has what all versions have: no aggregated discovery, no tables, no lists of metadata. Beside it
//! the metrics API, which every server gets from an add-on.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::stage::{Stage, words};

/// The paths that were asked for.
type Seen = Arc<Mutex<Vec<String>>>;

/// The server, and what it is asked.
async fn plain() -> (Stage, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let stage = Stage::behind(move |api: Router| {
        api.layer(from_fn(move |mut request: Request, next: Next| {
            let path = request.uri().path().to_owned();
            log.lock().unwrap().push(path.clone());
            request.headers_mut().remove(ACCEPT);
            async move {
                match metrics(&path) {
                    Some(answer) => Json(answer).into_response(),
                    None if path == "/apis" => with_metrics(next.run(request).await).await,
                    None => next.run(request).await,
                }
            }
        }))
    });
    (stage.await, seen)
}

/// The groups, with that of the metrics.
async fn with_metrics(answer: Response) -> Response {
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let mut groups: Value = serde_json::from_slice(&body).unwrap();
    let version = json!({"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"});
    let group = json!({"name": "metrics.k8s.io", "versions": [version]});
    groups["groups"].as_array_mut().unwrap().push(group);
    Body::from(groups.to_string()).into_response()
}

/// What metrics-server answers.
fn metrics(path: &str) -> Option<Value> {
    let usage = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory});
    let pod = |namespace: &str, name: &str, cpu: &str, memory: &str| {
        let container = json!({"name": "web", "usage": usage(cpu, memory)});
        json!({"metadata": {"namespace": namespace, "name": name}, "timestamp": "2026-01-01T00:00:00Z",
            "window": "15s", "containers": [container]})
    };
    let shop = [pod("shop", "web-2-good", "12500000n", "65536Ki"), pod("shop", "web-2-sick", "0", "1Mi")];
    let vault = [pod("vault", "safe-1", "1", "2Gi")];
    let pods = |items: &[Value]| json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items});
    Some(match path.strip_prefix("/apis/metrics.k8s.io/v1beta1")? {
        "" => json!({"kind": "APIResourceList", "groupVersion": "metrics.k8s.io/v1beta1", "resources": [
            {"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": ["get", "list"]},
            {"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]}]}),
        "/pods" => pods(&[&shop[..], &vault[..]].concat()),
        "/namespaces/shop/pods" => pods(&shop),
        "/namespaces/vault/pods" => pods(&vault),
        "/nodes" => json!({"kind": "NodeMetricsList", "items": [
            {"metadata": {"name": "node-1"}, "usage": usage("250m", "3Gi")}]}),
        _ => return None,
    })
}

async fn kubectl(stage: &Stage, line: &str) -> Vec<String> {
    words(&stage.shown("kubectl", json!({"command": format!("kubectl {line}")})).await)
}

#[tokio::test]
async fn kinds_are_found_group_by_group_where_discovery_is_not_aggregated() {
    let (stage, seen) = plain().await;
    let (legacy, aggregated) = (stage.context.observer.reader(), Stage::new().await);
    let (legacy, aggregated) = (legacy.catalog().await.unwrap(), aggregated.context.observer.reader());
    let aggregated = aggregated.catalog().await.unwrap();
    let of_api = |kind: &&kubewright::observe::ResourceKind| kind.group != "metrics.k8s.io";
    let mut kinds = [legacy.kinds.clone(), aggregated.kinds.clone()].map(|kinds| {
        let mut names: Vec<_> = kinds
            .iter()
            .filter(of_api)
            // Sub-resources stand apart in the old form.
            .filter(|kind| !kind.plural.contains('/'))
            .map(|kind| (kind.resource(), kind.kind.clone(), kind.short_names.clone(), kind.namespaced))
            .collect();
        names.sort();
        names
    });
    let aggregated = kinds[1].split_off(0);
    assert_eq!(kinds[0], aggregated);
    assert_eq!(legacy.unread, [""; 0]);
    let asked: Vec<String> = seen.lock().unwrap().clone();
    for path in ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/apis/metrics.k8s.io/v1beta1"] {
        assert_eq!(asked.iter().filter(|one| *one == path).count(), 1, "{path}: {asked:?}");
    }
    let deployment = json!({"kind": "deploy", "name": "web", "namespace": "shop", "path": "spec.replicas"});
    assert_eq!(stage.shown("kubernetes_get", deployment).await.trim(), "2");
}

#[tokio::test]
async fn a_server_that_draws_no_tables_still_lists_names_and_ages() {
    let (stage, _) = plain().await;
    let pods = words(&stage.shown("kubernetes_list", json!({"kind": "pods", "namespace": "shop"})).await);
    assert_eq!(pods[0], "NAME AGE");
    assert!(pods[1].starts_with("web-2-good ") && pods[2].starts_with("web-2-sick "), "{pods:?}");
    let all = kubectl(&stage, "get pods -A --show-labels").await;
    assert_eq!(all[0], "NAMESPACE NAME AGE LABELS");
    assert!(all.iter().any(|row| row.starts_with("vault safe-1 ") && row.ends_with("app=web")), "{all:?}");
    let none = json!({"kind": "pods", "namespace": "shop", "labels": "app=db"});
    assert_eq!(stage.shown("kubernetes_list", none).await, "No resources found in shop namespace.");
    // Names are offered although the server gives no list of metadata only.
    let wrong =
        stage.refused("kubernetes_get", json!({"kind": "po", "name": "web-2-sik", "namespace": "shop"}));
    let told = wrong.await;
    assert!(told.contains("did you mean web-2-sick"), "{told}");
}

#[tokio::test]
async fn top_shows_what_the_metrics_api_says_and_only_what_may_be_seen() {
    let (stage, _) = plain().await;
    assert_eq!(
        kubectl(&stage, "top pods -n shop").await,
        ["NAMESPACE NAME CPU(cores) MEMORY(bytes)", "shop web-2-good 12m 64Mi", "shop web-2-sick 0m 1Mi"]
    );
    assert_eq!(
        kubectl(&stage, "top pod web-2-good -n shop --containers").await,
        ["NAMESPACE NAME CONTAINER CPU(cores) MEMORY(bytes)", "shop web-2-good web 12m 64Mi"]
    );
    assert_eq!(kubectl(&stage, "top nodes").await, ["NAME CPU(cores) MEMORY(bytes)", "node-1 250m 3072Mi"]);
    let everywhere = kubectl(&stage, "top pods -A").await;
    assert!(everywhere.contains(&"vault safe-1 1000m 2048Mi".to_owned()), "{everywhere:?}");
    let wrong = stage.refused("kubectl", json!({"command": "kubectl top pod web-2-goood -n shop"})).await;
    assert!(wrong.contains("did you mean web-2-good"), "{wrong}");
    let stage = stage.only(&["shop"]);
    let permitted = kubectl(&stage, "top pods -A").await;
    assert_eq!(permitted.len(), 3, "{permitted:?}");
    let denied = stage.refused("kubectl", json!({"command": "kubectl top pods -n vault"})).await;
    assert!(denied.contains("permitted: shop"), "{denied}");
}
