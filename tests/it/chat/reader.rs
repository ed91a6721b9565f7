//! Reading a stream of server-sent events from the router.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode, header};
use futures::StreamExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::http::stage::Stage;

const LIMIT: Duration = Duration::from_secs(20);

/// An open stream. Dropping it is what a client does that goes away.
pub(crate) struct Reader {
    body: BodyDataStream,
    text: String,
    pub(crate) headers: HeaderMap,
}

impl Reader {
    pub(crate) async fn open(stage: &Stage, path: &str, body: &Value) -> Self {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let response = stage.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap());
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let headers = response.headers().clone();
        Self { body: response.into_body().into_data_stream(), text: String::new(), headers }
    }

    /// The next event's kind (empty where it has none) and data; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        tokio::time::timeout(LIMIT, self.read()).await.expect("the stream stays silent")
    }

    /// All that follows.
    pub(crate) async fn rest(&mut self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }

    async fn read(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start().to_owned()).unwrap_or_default()
                };
                let (kind, data) = (field("event:"), field("data:"));
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Some((kind, data));
                }
                continue;
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}
