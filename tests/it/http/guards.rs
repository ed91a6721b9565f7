//! Who is let in, and what every answer has.

use axum::body::Body;
use axum::http::{Method, Request, header};

use super::payload::crash;
use super::stage::{Answer, Stage};

const PROTECTED: [&str; 10] = [
    "/api/v1/chat/conversations",
    "/api/v1/knowledge/search?q=oom",
    "/api/v1/knowledge/documents/builtin/crash-loop.md",
    "/api/v1/incidents/inc-a/similar",
    "/api/v1/incidents",
    "/api/v1/approvals",
    "/api/v1/events/stream",
    "/metrics",
    "/openapi.json",
    "/api/v1/openapi.json",
];

async fn get(stage: &Stage, path: &str, name: &str, value: &str) -> Answer {
    stage.send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_the_token_only_health_is_answered() {
    let stage = Stage::with_token("s3cret").await;
    for path in PROTECTED {
        let answer = stage.get(path).await;
        assert_eq!(answer.error(), (401, "unauthorized".to_owned()), "{path}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer realm=\"kubewright\"");
    }
    let webhook = stage.post("/api/v1/webhooks/alertmanager", &crash()).await;
    assert_eq!(webhook.error(), (401, "unauthorized".to_owned()));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(stage.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_token_opens_and_a_wrong_one_does_not() {
    let stage = Stage::with_token("s3cret").await;
    let path = "/api/v1/incidents";
    assert_eq!(get(&stage, path, "authorization", "Bearer s3cret").await.status, 200);
    assert_eq!(get(&stage, path, "x-api-key", "s3cret").await.status, 200);
    assert_eq!(get(&stage, path, "authorization", "Bearer s3crets").await.status, 401);
    assert_eq!(get(&stage, path, "authorization", "Basic s3cret").await.status, 401);
}

#[tokio::test]
async fn web_pages_of_other_sites_are_refused() {
    let stage = Stage::new().await;
    let request = |origin: &str| {
        Request::post("/api/v1/webhooks/alertmanager")
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::ORIGIN, origin)
            .body(Body::from(crash().to_string()))
            .unwrap()
    };
    assert_eq!(stage.send(request("https://evil.example")).await.error(), (403, "forbidden".to_owned()));
    assert_eq!(stage.send(request("http://127.0.0.1:8080")).await.status, 202);
}

#[tokio::test]
async fn a_rebound_name_is_refused_while_no_token_guards() {
    let open = Stage::new().await;
    assert_eq!(
        get(&open, "/api/v1/incidents", "host", "evil.example").await.error(),
        (403, "forbidden".to_owned())
    );
    let guarded = Stage::with_token("s3cret").await;
    let request =
        Request::get("/api/v1/incidents").header("host", "kubewright.internal").header("x-api-key", "s3cret");
    assert_eq!(guarded.send(request.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_have_the_shape_of_every_error() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/api/v2/nothing").await.error(), (404, "not_found".to_owned()));
    let wrong = stage.send_text(Method::DELETE, "/api/v1/incidents", "").await;
    assert_eq!(wrong.error(), (405, "method_not_allowed".to_owned()));
    assert!(wrong.headers.contains_key(header::ALLOW));
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let stage = Stage::new().await;
    let given = get(&stage, "/api/v2/nothing", "x-request-id", "req-7").await;
    assert_eq!(given.headers["x-request-id"], "req-7");
    assert_eq!(given.json()["error"]["request_id"], "req-7");
    let made = stage.get("/healthz").await;
    assert_eq!(made.headers["x-request-id"].len(), 36);
    let unfit = get(&stage, "/healthz", "x-request-id", &"x".repeat(129)).await;
    assert_eq!(unfit.headers["x-request-id"].len(), 36);
}
