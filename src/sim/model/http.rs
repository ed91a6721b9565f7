//! The HTTP interface of the scripted model.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::script::{Call, Fault, Reply};
use super::wire::{self, Finish};
use super::{Recorded, Stage};

/// Largest request that is read.
const MOST_REQUEST: usize = 16 * 1024 * 1024;

/// Bytes that are of no wire: half an event, then what is not UTF-8.
const GARBAGE: &[u8] = b"data: {\"choices\": [{\"del\n\ndata: \xff\xfe\x00]]]\n\n<html>\n\n";

pub(super) fn router(stage: Arc<Stage>) -> Router {
    let models = json!({"object": "list",
        "data": [{"id": wire::MODEL, "object": "model", "created": 0, "owned_by": "kubewright"}]});
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(async move || Json(models)))
        .layer(DefaultBodyLimit::max(MOST_REQUEST))
        .with_state(stage)
}

/// What is sent, and whether anything follows.
struct Played {
    text: String,
    calls: Vec<Call>,
    end: End,
}

enum End {
    Well(Finish),
    Early,
    Stall,
    Garbage,
    WrongJson,
}

async fn complete(State(stage): State<Arc<Stage>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, None, "the body is not JSON");
    };
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let streamed = value.get("stream").and_then(Value::as_bool).unwrap_or_default();
    let read = value.get("messages").map(Value::to_string).unwrap_or_default();
    let reply = stage.reply(Recorded { authorization: authorization.map(str::to_owned), body: value });
    let played = match played(reply) {
        Ok(played) => played,
        Err((status, wait, message)) => return refusal(status, wait, &message),
    };
    let usage = stage.counts_tokens().then(|| wire::usage(&read, &played.text));
    if streamed { stream(played, usage, stage) } else { whole(played, usage).await }
}

type Refusal = (StatusCode, Option<u64>, String);

fn played(reply: Reply) -> Result<Played, Refusal> {
    let (text, calls, end) = match reply {
        Reply::Say(text) => (text, Vec::new(), End::Well(Finish::Stop)),
        Reply::Call(calls) => (String::new(), calls, End::Well(Finish::ToolCalls)),
        Reply::SayAndCall(text, calls) => (text, calls, End::Well(Finish::ToolCalls)),
        Reply::Fail(Fault::Status { status, retry_after, message }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err((status, retry_after, message));
        }
        Reply::Fail(Fault::Stall { after }) => (after, Vec::new(), End::Stall),
        Reply::Fail(Fault::Garbage { after }) => (after, Vec::new(), End::Garbage),
        Reply::Fail(Fault::EarlyEnd { after }) => (after, Vec::new(), End::Early),
        Reply::Fail(Fault::WrongJson) => (String::new(), Vec::new(), End::WrongJson),
        Reply::Fail(Fault::Filtered { after }) => (after, Vec::new(), End::Well(Finish::ContentFilter)),
    };
    Ok(Played { text, calls, end })
}

fn refusal(status: StatusCode, wait: Option<u64>, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "scripted", "code": null}});
    let mut response = (status, Json(body)).into_response();
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    response
}

async fn whole(played: Played, usage: Option<Value>) -> Response {
    let Played { text, calls, end } = played;
    match end {
        End::Well(finish) => Json(wire::whole(&text, &calls, finish, usage)).into_response(),
        End::Stall => std::future::pending().await,
        End::WrongJson => Json(json!({"choices": 7})).into_response(),
        End::Garbage => json_bytes(GARBAGE.to_vec()),
        End::Early => {
            let mut text = wire::whole(&text, &calls, Finish::Stop, usage).to_string().into_bytes();
            text.truncate(text.len() / 2);
            json_bytes(text)
        }
    }
}

fn json_bytes(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

fn stream(played: Played, usage: Option<Value>, stage: Arc<Stage>) -> Response {
    let pace = stage.pace();
    let Played { text, calls, end } = played;
    let mut events = wire::text_chunks(&text);
    events.extend(wire::call_chunks(&calls));
    let mut last: &[u8] = b"data: [DONE]\n\n";
    let mut stalls = false;
    match end {
        End::Well(finish) => events.extend(wire::end_chunks(finish, usage)),
        End::Early => last = b"",
        End::Garbage => last = GARBAGE,
        End::WrongJson => events.push(json!({"choices": 7})),
        End::Stall => (last, stalls) = (b"", true),
    }
    let mut reader = Reader { stage, gone: true };
    let body = async_stream::stream! {
        for event in events {
            yield Ok::<_, Infallible>(Bytes::from(format!("data: {event}\n\n")));
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
        }
        yield Ok(Bytes::from_static(last));
        if stalls {
            std::future::pending::<()>().await;
        }
        reader.has_read_all();
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}

/// Whoever reads a streamed reply. Dropped before the end, it has gone away.
struct Reader {
    stage: Arc<Stage>,
    gone: bool,
}

impl Reader {
    fn has_read_all(&mut self) {
        self.gone = false;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.gone {
            self.stage.broken_off.fetch_add(1, Ordering::Relaxed);
        }
    }
}
