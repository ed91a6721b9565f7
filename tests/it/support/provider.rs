//! A fake provider of language models: gives canned answers in order, byte for byte, and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    status: u16,
    headers: Vec<(&'static str, String)>,
    chunks: Vec<Bytes>,
    stalls: bool,
    delay: Duration,
}

impl Canned {
    pub(crate) fn status(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self {
            status,
            headers,
            chunks: vec![Bytes::from(body.to_owned())],
            stalls: false,
            delay: Duration::ZERO,
        }
    }

    /// A stream of server-sent events, each given as its lines.
    pub(crate) fn events(events: &[&str]) -> Self {
        let chunks = events.iter().map(|event| Bytes::from(format!("{event}\n\n"))).collect();
        let headers = vec![("content-type", "text/event-stream".to_owned())];
        Self { status: 200, headers, chunks, stalls: false, delay: Duration::ZERO }
    }

    /// A stream of JSON lines.
    pub(crate) fn lines(lines: &[&str]) -> Self {
        let chunks = lines.iter().map(|line| Bytes::from(format!("{line}\n"))).collect();
        let headers = vec![("content-type", "application/x-ndjson".to_owned())];
        Self { status: 200, headers, chunks, stalls: false, delay: Duration::ZERO }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Nothing follows, and the connection stays open.
    pub(crate) fn stalling(mut self) -> Self {
        self.stalls = true;
        self
    }

    /// Nothing is heard of it for so long.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// One chunk, so many times.
    pub(crate) fn repeated(mut self, times: usize) -> Self {
        self.chunks = vec![self.chunks[0].clone(); times];
        self
    }
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Canned>>,
    asked: Mutex<Vec<Asked>>,
}

/// The server; it ends with the test.
pub(crate) struct FakeProvider {
    shared: Arc<Shared>,
    url: String,
}

impl FakeProvider {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Canned>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared =
            Arc::new(Shared { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() });
        let app = axum::Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { shared, url }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 16 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let asked = Asked { path: parts.uri.to_string(), headers: parts.headers, body };
    shared.asked.lock().unwrap().push(asked);
    let next = shared.answers.lock().unwrap().pop_front();
    let canned = next.unwrap_or_else(|| Canned::status(418, r#"{"error":{"message":"no answer is left"}}"#));
    tokio::time::sleep(canned.delay).await;
    let mut response = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        response = response.header(*name, value);
    }
    let body = async_stream::stream! {
        for chunk in canned.chunks {
            yield Ok::<_, Infallible>(chunk);
        }
        if canned.stalls {
            std::future::pending::<()>().await;
        }
    };
    response.body(Body::from_stream(body)).unwrap()
}
