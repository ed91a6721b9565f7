//! Reading Prometheus and Loki over HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::{Observer, Prometheus, Reading, ReadingKind};
use super::{PATIENT, SHORT, client, cluster, gaps, scope, settings, shop};
use crate::incident::ObjectRef;

/// An HTTP server on a free port; it ends with the test's runtime.
async fn serve(answer: impl Fn(Request) -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move |request: Request| async move { answer(request) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn json_answer(body: &Value) -> Response {
    Response::new(Body::from(body.to_string()))
}

fn vector(samples: &Value) -> Response {
    json_answer(&json!({"status": "success", "data": {"resultType": "vector", "result": samples}}))
}

fn prometheus(url: &str, timeout: Duration) -> Prometheus {
    Prometheus::new(cluster(Some(url), None).prometheus.as_ref().unwrap(), timeout).unwrap()
}

async fn failure(url: &str, timeout: Duration) -> String {
    prometheus(url, timeout).query("up", None).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_query_carries_its_credentials_and_goes_below_the_base_path() {
    let url = serve(|request| {
        let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let labels = json!({"path": request.uri().to_string(), "auth": header("authorization"),
            "tenant": header("x-scope-orgid"), "agent": header("user-agent")});
        vector(&json!([{"metric": labels, "value": [0, "1"]}]))
    })
    .await;
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let samples =
        prometheus(&format!("{url}/prom/"), PATIENT).query("up{a=\"b&c\"}", Some(at)).await.unwrap();
    let seen: Vec<&str> = samples[0].labels.values().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            concat!("kubewright/", env!("CARGO_PKG_VERSION")),
            "Bearer token-1",
            "/prom/api/v1/query?query=up%7Ba%3D%22b%26c%22%7D&time=2026-01-01T00%3A00%3A00Z",
            "tenant-1",
        ]
    );
}

#[tokio::test]
async fn credentials_are_not_carried_to_another_host() {
    let stolen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&stolen);
    let thief = serve(move |_| {
        *count.lock().unwrap() += 1;
        vector(&json!([]))
    })
    .await;
    let url = serve(move |_| {
        Response::builder().status(307).header("location", &thief).body(Body::empty()).unwrap()
    })
    .await;
    let told = failure(&url, PATIENT).await;
    assert!(told.contains("redirects to another host"), "{told}");
    assert_eq!(*stolen.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_metrics_store_that_errs_hangs_floods_or_babbles_is_told_as_what_it_is() {
    let errs = serve(|_| {
        let body = json!({"status": "error", "errorType": "execution", "error": "query processing would load too many samples"});
        Response::builder().status(422).body(Body::from(body.to_string())).unwrap()
    })
    .await;
    let hangs = serve(|_| {
        Response::new(Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>()))
    })
    .await;
    let floods = serve(|_| Response::new(Body::from(vec![b'['; 9 * 1024 * 1024]))).await;
    let babbles = serve(|_| Response::new(Body::from("<html>sign in"))).await;
    let down = serve(|_| Response::builder().status(503).body(Body::from("no backend")).unwrap()).await;
    let cases = [
        (errs, PATIENT, "Prometheus answered execution: query processing would load too many samples"),
        (hangs, SHORT, "no answer within 0.1 s"),
        (floods, PATIENT, "the answer is larger than 8388608 bytes"),
        (babbles, PATIENT, "the answer is not what was expected"),
        (down, PATIENT, "the server answered HTTP 503: no backend"),
        ("http://127.0.0.1:1".to_owned(), PATIENT, "connection refused"),
        ("http://kubewright-test.invalid".to_owned(), PATIENT, "the host name cannot be resolved"),
    ];
    for (url, timeout, expected) in cases {
        let told = failure(&url, timeout).await;
        assert!(told.contains(expected), "{told:?} should contain {expected:?}");
        assert!(!told.contains("token-1"), "{told}");
    }
}

#[tokio::test]
async fn readings_are_about_objects_and_compared_with_an_hour_ago() {
    let url = serve(|request| {
        let query: String = request.uri().query().unwrap_or_default().to_owned();
        let value = if query.contains("time=") { "0.25" } else { "0.5" };
        let labels = json!({"namespace": "shop", "pod": "checkout-b-x2x4z", "container": "app"});
        if query.contains("container_memory_working_set_bytes") {
            return vector(
                &json!([{"metric": labels, "value": [0, value]}, {"metric": {}, "value": [0, "NaN"]}]),
            );
        }
        if query.contains("http_requests_total") && query.contains("status%3D") {
            return vector(&json!([{"metric": {"service": "front"}, "value": [0, value]}]));
        }
        vector(&json!([]))
    })
    .await;
    let (client, _) = client(shop);
    let observer = Observer::with_client(client, &cluster(Some(&url), None), &settings(PATIENT)).unwrap();
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    let told: Vec<Reading> =
        snapshot.readings.into_iter().map(|reading| Reading { query: String::new(), ..reading }).collect();
    let reading = |kind, object, container: Option<&str>| Reading {
        kind,
        object,
        container: container.map(str::to_owned),
        value: 0.5,
        before: Some(0.25),
        query: String::new(),
    };
    assert_eq!(
        told,
        [
            reading(
                ReadingKind::MemoryOfLimit,
                ObjectRef::new("Pod", "shop", "checkout-b-x2x4z"),
                Some("app")
            ),
            reading(ReadingKind::ErrorRate, ObjectRef::new("Service", "shop", "front"), None),
        ]
    );
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
}

#[tokio::test]
async fn stores_that_fail_are_gaps_beside_a_whole_picture() {
    let errs = serve(|_| Response::builder().status(500).body(Body::from("boom\u{1b}[31m")).unwrap()).await;
    let (client, _) = client(shop);
    let observer =
        Observer::with_client(client, &cluster(Some(&errs), Some(&errs)), &settings(PATIENT)).unwrap();
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    let expected =
        ["prometheus", "loki"].map(|name| format!("{name}: the server answered HTTP 500: boom [31m"));
    assert_eq!(gaps(&snapshot), expected);
    assert_eq!(snapshot.logs.len(), 2);
}

#[tokio::test]
async fn lines_of_the_log_store_become_patterns_of_the_workload() {
    let url = serve(|request| {
        let query = request.uri().query().unwrap_or_default();
        assert!(query.contains("query=%7Bnamespace%3D%22shop%22%2Cpod%3D%7E%22checkout-"), "{query}");
        json_answer(&json!({"status": "success", "data": {"resultType": "streams", "result": [{
            "stream": {"pod": "checkout-a-gone1"},
            "values": [["1767225600000000000", "ERROR upstream payments timed out after 30s"],
                ["1767225601000000000", "ERROR upstream payments timed out after 31s"]]}]}}))
    })
    .await;
    let (client, _) = client(shop);
    let observer = Observer::with_client(client, &cluster(None, Some(&url)), &settings(PATIENT)).unwrap();
    let snapshot = observer.snapshot(&scope(Some("checkout")), &[]).await;
    let first = &snapshot.log_patterns[0];
    assert_eq!(
        (first.template.as_str(), first.count, &first.source),
        ("upstream payments timed out after <n>", 2, &ObjectRef::new("Deployment", "shop", "checkout"))
    );
    assert_eq!(first.first_seen, Some("2026-01-01T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_probe_tries_the_query_api_and_loki() {
    let good = serve(|request| {
        if request.uri().path().ends_with("/labels") {
            json_answer(&json!({"data": []}))
        } else {
            vector(&json!([]))
        }
    })
    .await;
    let (client, _) = client(shop);
    let observer =
        Observer::with_client(client, &cluster(Some(&good), Some("http://127.0.0.1:1")), &settings(PATIENT))
            .unwrap();
    let probed = observer.probe().await;
    let told = |what: &str| {
        let found = probed.iter().find(|connection| connection.what == what).unwrap();
        (found.ok, found.detail.clone())
    };
    assert_eq!(told("Prometheus"), (true, format!("{good}/")));
    let (ok, detail) = told("Loki");
    assert!(!ok && detail.starts_with("connection refused"), "{detail}");
}
