//! An API server in a closure: what it was asked, and an object that obeys preconditions.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Value, json};

use crate::remediate::pace::Pace;

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) line: String,
    pub(super) body: Value,
}

impl Call {
    pub(super) fn is_write(&self) -> bool {
        !self.line.starts_with("GET") && !self.line.contains("dryRun=All")
    }
}

/// What the server does with a request.
pub(super) enum Answer {
    Json(u16, Value),
    Hang,
}

pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message });
    Answer::Json(code, status)
}

/// A client of the scripted server.
pub(super) struct Api {
    pub(super) client: kube::Client,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Api {
    pub(super) fn answering(handler: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (seen, handler) = (calls.clone(), Arc::new(Mutex::new(handler)));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (seen, handler) = (seen.clone(), handler.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let bytes = request.into_body().collect_bytes().await.unwrap();
                let call = Call { line, body: serde_json::from_slice(&bytes).unwrap_or_default() };
                seen.lock().unwrap().push(call.clone());
                let answer = (handler.lock().unwrap())(&call);
                match answer {
                    Answer::Json(code, body) => {
                        let response = Response::builder().status(code).body(Body::from(body.to_string()));
                        Ok::<_, Infallible>(response.unwrap())
                    }
                    Answer::Hang => std::future::pending().await,
                }
            }
        });
        Self { client: kube::Client::new(service, "default"), calls }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.line).collect()
    }

    /// Requests that were to change something.
    pub(super) fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_write).collect()
    }
}

/// One object that obeys `resourceVersion` and moves its generation with its spec, and lists beside it.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    live: Arc<Mutex<Value>>,
    lists: Vec<(&'static str, Value)>,
}

impl Shelf {
    pub(super) fn with(live: Value) -> Self {
        Self { live: Arc::new(Mutex::new(live)), lists: Vec::new() }
    }

    /// Also serves `items` at a path that ends with `end` (before the query).
    pub(super) fn listing(mut self, end: &'static str, items: &[Value]) -> Self {
        self.lists.push((end, json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items })));
        self
    }

    pub(super) fn live(&self) -> Value {
        self.live.lock().unwrap().clone()
    }

    /// Somebody else's change.
    pub(super) fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut live = self.live.lock().unwrap();
        let mut next = live.clone();
        change(&mut next);
        *live = moved(&live, next);
    }

    pub(super) fn answer(&self, call: &Call) -> Answer {
        let path = call.line.split(['?', ' ']).nth(1).unwrap_or_default();
        if let Some((_, list)) = self.lists.iter().find(|(end, _)| path.ends_with(end)) {
            return Answer::Json(200, list.clone());
        }
        let mut live = self.live.lock().unwrap();
        if call.line.starts_with("GET") {
            return Answer::Json(200, live.clone());
        }
        if call.body["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"] {
            return refusal(409, "Conflict", "the object has been modified");
        }
        let next = moved(&live, call.body.clone());
        if !call.line.contains("dryRun=All") {
            *live = next.clone();
        }
        Answer::Json(200, next)
    }
}

fn moved(live: &Value, mut next: Value) -> Value {
    let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
    next["metadata"]["resourceVersion"] =
        json!((number(&live["metadata"]["resourceVersion"]) + 1).to_string());
    let spec_moved = i64::from(live["spec"] != next["spec"]);
    next["metadata"]["generation"] = json!(live["metadata"]["generation"].as_i64().unwrap() + spec_moved);
    next
}

/// A pace for tests: nobody waits for long.
pub(super) fn hurried() -> Pace {
    Pace { call: Duration::from_millis(60), retries: 2, wait: Duration::from_millis(1) }
}
