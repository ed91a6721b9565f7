//! `/v1`: shapes, streams, errors.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use kubewright::agents::chat::Role;
use serde_json::{Value, json};

use super::reader::Reader;
use super::script::{Script, Then};
use crate::http::stage::{Answer, Stage};
use crate::support::eventually;

const PATH: &str = "/v1/chat/completions";

fn question(more: &Value) -> Value {
    let mut body = json!({ "model": "kubewright", "messages": [{ "role": "user", "content": "why is checkout crashing?" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Status, type, code and param of an error of OpenAI's shape.
fn error(answer: &Answer) -> (u16, String, String, Value) {
    let error = answer.json()["error"].clone();
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("type"), text("code"), error["param"].clone())
}

fn chunks(events: &[(String, String)]) -> Vec<Value> {
    let data = events.iter().filter(|(_, data)| data != "[DONE]");
    data.map(|(kind, data)| {
        assert_eq!(kind, "");
        serde_json::from_str(data).unwrap()
    })
    .collect()
}

#[tokio::test]
async fn an_answer_has_the_shape_of_a_chat_completion() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let answer = stage.post(PATH, &question(&json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("kubewright")));
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-") && body["created"].is_i64());
    assert_eq!(body["usage"], json!({ "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17 }));
    let choice = &body["choices"][0];
    assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(0), &json!("stop")));
    assert_eq!(choice["message"]["role"], "assistant");
    let text = choice["message"]["content"].as_str().unwrap();
    let link = "- [1] [A runbook](http://127.0.0.1:8080/api/v1/knowledge/documents/builtin/crash-loop.md)";
    assert!(text.starts_with("It crashes [1]. Roll it back.") && text.contains(link), "{text}");
}

#[tokio::test]
async fn a_stream_begins_with_the_role_and_ends_with_usage_and_done() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let asked = question(&json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let events = Reader::open(&stage, PATH, &asked).await.rest().await;
    assert_eq!(events.last().unwrap().1, "[DONE]");
    let chunks = chunks(&events);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"])
    );
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    let (last, said) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 17);
    assert!(said.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    let text: String =
        said.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    // What the model did not say in pieces is not lost, and nothing is said twice.
    assert!(text.starts_with("It crashes [1]. Roll it back.\n\nSources:\n- [1] [A runbook]("), "{text}");
    assert_eq!(said.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn without_being_asked_for_usage_is_not_in_a_stream() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let events = Reader::open(&stage, PATH, &question(&json!({ "stream": true }))).await.rest().await;
    assert!(
        chunks(&events).iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"] != json!([]))
    );
}

#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_and_no_done() {
    let stage = Stage::with_talk(Script::new(Then::Fails)).await;
    let events = Reader::open(&stage, PATH, &question(&json!({ "stream": true }))).await.rest().await;
    let last: Value = serde_json::from_str(&events.last().unwrap().1).unwrap();
    assert_eq!(
        (&last["error"]["type"], &last["error"]["code"]),
        (&json!("server_error"), &json!("model_unavailable"))
    );
    assert!(events.iter().any(|(_, data)| data.contains("crashes")), "{events:?}");
    let whole = stage.post(PATH, &question(&json!({}))).await;
    assert_eq!(error(&whole).0, 503);
    assert_eq!(whole.headers[header::RETRY_AFTER], "5");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_turn() {
    let script = Script::new(Then::Hangs);
    let stage = Stage::with_talk(script.clone()).await;
    let mut stream = Reader::open(&stage, PATH, &question(&json!({ "stream": true }))).await;
    script.began.notified().await;
    assert!(stream.next().await.is_some());
    assert_eq!(script.cancelled.load(Ordering::SeqCst), 0);
    drop(stream);
    let ended = async || (script.cancelled.load(Ordering::SeqCst) == 1).then_some(());
    eventually("the turn is cancelled", Duration::from_secs(10), ended).await;
    eventually("its task ends", Duration::from_secs(10), async || stage.tasks.is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_client_that_waits_for_the_whole_and_goes_away_cancels_its_turn_too() {
    let script = Script::new(Then::Hangs);
    let stage = Stage::with_talk(script.clone()).await;
    let body = question(&json!({}));
    let asked = stage.post(PATH, &body);
    tokio::select! {
        _ = asked => panic!("a turn that hangs was answered"),
        () = script.began.notified() => {}
    }
    let ended = async || (script.cancelled.load(Ordering::SeqCst) == 1).then_some(());
    eventually("the turn is cancelled", Duration::from_secs(10), ended).await;
}

#[tokio::test]
async fn a_stopping_server_ends_its_chats() {
    let script = Script::new(Then::Hangs);
    let stage = Stage::with_talk(script.clone()).await;
    let mut stream = Reader::open(&stage, PATH, &question(&json!({ "stream": true }))).await;
    script.began.notified().await;
    stage.shutdown.cancel();
    let events = stream.rest().await;
    assert!(events.last().unwrap().1.contains("\"cancelled\""), "{events:?}");
}

#[tokio::test]
async fn a_chat_too_many_is_told_to_come_back() {
    let stage = Stage::with_talk(Script::new(Then::Hangs)).await;
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(Reader::open(&stage, PATH, &question(&json!({ "stream": true }))).await);
    }
    let answer = stage.post(PATH, &question(&json!({}))).await;
    assert_eq!(error(&answer), (429, "rate_limit_error".into(), "rate_limit_exceeded".into(), Value::Null));
    assert_eq!(answer.headers[header::RETRY_AFTER], "5");
    assert_eq!(stage.get("/v1/models").await.status, 200);
    open.truncate(255);
    let seated = async || {
        let mut request = question(&json!({ "stream": true }));
        request["model"] = json!("gpt-4o");
        (stage.post(PATH, &request).await.status == 404).then_some(())
    };
    eventually("the seat of a chat that has ended is free again", Duration::from_secs(10), seated).await;
}

#[tokio::test]
async fn what_a_client_wants_reaches_the_turn() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let id = stage.crash().await;
    let asked = json!({
        "model": "kubewright-security",
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": [{ "type": "text", "text": "why?" }] }],
        "stop": ["END"], "max_tokens": 9, "max_completion_tokens": 7, "temperature": 0.5, "n": 1, "user": "ada",
        "metadata": { "incident": id.as_str(), "cluster": "prod-eu", "namespaces": "shop, cart" }, "top_p": 0.1, "tools": [],
    });
    assert_eq!(stage.post(PATH, &asked).await.status, 200);
    let turn = script.asked.lock().unwrap().pop().unwrap();
    assert_eq!(
        (turn.agent.as_str(), turn.about, turn.cluster.as_deref()),
        ("security", Some(id), Some("prod-eu"))
    );
    assert_eq!((turn.stop, turn.max_tokens, turn.temperature), (vec!["END".to_owned()], Some(7), Some(0.5)));
    let roles: Vec<Role> = turn.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    let namespaces: Vec<&String> = turn.access.namespaces().unwrap().iter().collect();
    assert_eq!(namespaces, ["cart", "shop"]);
}

#[tokio::test]
async fn an_incident_is_named_in_any_of_four_places() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let id = stage.crash().await;
    let said = json!({ "messages": [{ "role": "user", "content": format!("incident:{id} why?") }] });
    let places =
        [json!({ "model": format!("kubewright:{id}") }), json!({ "metadata": { "incident": id } }), said];
    for place in places {
        assert_eq!(stage.post(PATH, &question(&place)).await.status, 200);
        assert_eq!(script.asked.lock().unwrap().pop().unwrap().about, Some(id.clone()), "{place}");
    }
    let request = |name: &str| {
        let request = Request::post(PATH).header(header::CONTENT_TYPE, "application/json");
        let request = request.header("x-kubewright-incident", name);
        request.body(Body::from(question(&json!({})).to_string())).unwrap()
    };
    assert_eq!(stage.send(request(id.as_str())).await.status, 200);
    assert_eq!(script.asked.lock().unwrap().pop().unwrap().about, Some(id));
    let missing = stage.send(request("inc-zzzz")).await;
    assert_eq!(
        error(&missing),
        (404, "invalid_request_error".into(), "not_found".into(), json!("X-Kubewright-Incident"))
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_in_openais_shape() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let many = vec![json!({ "role": "user", "content": "x" }); 257];
    let huge = "x".repeat(256 * 1024 + 1);
    for (more, status, code, param) in [
        (json!({ "model": "gpt-4o" }), 404, "model_not_found", json!("model")),
        (json!({ "model": 7 }), 400, "invalid_type", json!("model")),
        (json!({ "messages": [] }), 400, "bad_chat", json!("messages")),
        (
            json!({ "messages": [{ "role": "assistant", "content": "x" }] }),
            400,
            "bad_chat",
            json!("messages"),
        ),
        (
            json!({ "messages": [{ "role": "wizard", "content": "x" }] }),
            400,
            "invalid_value",
            json!("messages[0].role"),
        ),
        (json!({ "messages": many }), 400, "bad_chat", json!("messages")),
        (json!({ "messages": [{ "role": "user", "content": huge }] }), 400, "bad_chat", json!("messages")),
        (json!({ "n": 3 }), 400, "unsupported_value", json!("n")),
        (json!({ "temperature": 3 }), 400, "unsupported_value", json!("temperature")),
        (json!({ "metadata": { "cluster": "nowhere" } }), 400, "bad_chat", json!("metadata.cluster")),
        (json!({ "metadata": { "incident": "inc-zzzz" } }), 404, "not_found", json!("metadata.incident")),
    ] {
        let answer = stage.post(PATH, &question(&more)).await;
        let expected = (status, "invalid_request_error".to_owned(), code.to_owned(), param);
        assert_eq!(error(&answer), expected, "{:.200}", more.to_string());
    }
}

#[tokio::test]
async fn garbage_bodies_are_refused_in_openais_shape() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    for (body, status) in [
        (b"".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"\xff\xfe\x00garbage".to_vec(), 400),
        (b"[[[[[[[[".to_vec(), 400),
        (vec![b'['; 100_000], 400),
        (b"null".to_vec(), 400),
        (b"{}".to_vec(), 400),
        (vec![b' '; 3 * 1024 * 1024], 413),
    ] {
        let answer = stage.send_text(Method::POST, PATH, body.clone()).await;
        let (seen, kind, ..) = error(&answer);
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        assert_eq!((seen, kind.as_str()), (status, "invalid_request_error"), "{shown}");
    }
    let untyped =
        stage.send(Request::post(PATH).body(Body::from(question(&json!({})).to_string())).unwrap()).await;
    assert_eq!(error(&untyped).0, 415);
    assert_eq!(error(&stage.get("/v1/nothing").await).0, 404);
    assert_eq!(error(&stage.get(PATH).await).0, 405);
}

#[tokio::test]
async fn a_missing_key_is_refused_in_openais_shape() {
    let stage = Stage::with_token("s3cret").await;
    for answer in [stage.get("/v1/models").await, stage.post(PATH, &question(&json!({}))).await] {
        assert_eq!(
            error(&answer),
            (401, "invalid_request_error".into(), "invalid_api_key".into(), Value::Null)
        );
    }
}

#[tokio::test]
async fn the_orchestrator_and_each_specialist_are_models() {
    let stage = Stage::new().await;
    let list = stage.get("/v1/models").await.json();
    let names: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    let expected = [
        "kubewright",
        "kubewright-diagnostic",
        "kubewright-remediation",
        "kubewright-security",
        "kubewright-performance",
        "kubewright-learning",
    ];
    assert_eq!((list["object"].as_str(), names.as_slice()), (Some("list"), expected.as_slice()));
    let one = stage.get("/v1/models/kubewright-security").await.json();
    assert_eq!((&one["id"], &one["object"]), (&json!("kubewright-security"), &json!("model")));
    assert_eq!(stage.get("/v1/models/kubewright-orchestrator").await.json()["id"], "kubewright");
    assert_eq!(error(&stage.get("/v1/models/gpt-4o").await).2, "model_not_found");
}
