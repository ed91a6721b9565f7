//! A reverse proxy before the API server that can hold one chosen request: so a test knows exactly where a process is
//! when it kills it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::Notify;

/// Where the chosen request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The API server has not seen it.
    Before,
    /// The API server has done it, the client does not know.
    After,
    /// Nowhere: the API server has not seen it, and the client is told to come back (503).
    Refused,
}

/// Which request is held: the `nth` (from 0) with this method whose path and query contain `part`, and whose query says
/// `dryRun` or does not.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) method: Method,
    pub(crate) part: &'static str,
    pub(crate) dry_run: bool,
    pub(crate) nth: usize,
    pub(crate) hold: Hold,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    rule: Mutex<Option<Rule>>,
    held: Notify,
}

/// The proxy. Requests that match the rule hang until their client goes away; all others pass.
pub(crate) struct Gate {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Gate {
    pub(crate) async fn before(upstream: &str, rule: Rule) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: super::http_client(),
            rule: Mutex::new(Some(rule)),
            held: Notify::new(),
        });
        let app = axum::Router::new().fallback(pass).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { shared, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns once the chosen request is being held. The rule is used up.
    pub(crate) async fn holds(&self) {
        self.shared.held.notified().await;
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let hold = matching(&shared, &request);
    if hold == Some(Hold::Before) {
        return hang(&shared).await;
    }
    if hold == Some(Hold::Refused) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503,
            "reason": "ServiceUnavailable", "message": "the API server is starting"});
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(status)).into_response();
    }
    let response = forward(&shared, request).await;
    if hold == Some(Hold::After) {
        return hang(&shared).await;
    }
    response
}

fn matching(shared: &Shared, request: &Request) -> Option<Hold> {
    let target = request.uri().to_string();
    let mut slot = shared.rule.lock().unwrap();
    let rule = slot.as_mut()?;
    let matches = *request.method() == rule.method
        && target.contains(rule.part)
        && target.contains("dryRun") == rule.dry_run;
    if !matches {
        return None;
    }
    if rule.nth > 0 {
        rule.nth -= 1;
        return None;
    }
    slot.take().map(|rule| rule.hold)
}

async fn hang(shared: &Shared) -> Response {
    shared.held.notify_one();
    std::future::pending().await
}

async fn forward(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let url = format!("{}{}", shared.upstream, parts.uri);
    let body = to_bytes(body, 16 << 20).await.unwrap();
    let sent = shared.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
    match sent {
        Ok(answer) => {
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                if !matches!(name.as_str(), "transfer-encoding" | "content-length" | "connection") {
                    response = response.header(name, value);
                }
            }
            response.body(Body::from_stream(answer.bytes_stream())).unwrap()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
