//! `/api/v1/chat`: events, and conversations that are kept.

use std::time::Duration;

use axum::http::Method;
use kubewright::agents::chat::Role;
use kubewright::http::AnswerDone;
use serde_json::{Value, json};

use super::reader::Reader;
use super::script::{Script, Then};
use crate::http::stage::Stage;
use crate::support::eventually;

const PATH: &str = "/api/v1/chat";

async fn ask(stage: &Stage, body: &Value) -> AnswerDone {
    let events = Reader::open(stage, PATH, body).await.rest().await;
    let (kind, data) = events.last().unwrap();
    assert_eq!(kind, "done", "{data}");
    serde_json::from_str(data).unwrap()
}

async fn kept(stage: &Stage, id: &str) -> Value {
    stage.get(&format!("/api/v1/chat/conversations/{id}")).await.json()
}

#[tokio::test]
async fn everything_that_happens_is_told_and_the_end_has_it_all() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let mut stream = Reader::open(&stage, PATH, &json!({ "message": "why?" })).await;
    let named = stream.headers["x-kubewright-conversation"].to_str().unwrap().to_owned();
    let events = stream.rest().await;
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["tool_started", "citation", "text", "text", "text", "done"]);
    let done: AnswerDone = serde_json::from_str(&events.last().unwrap().1).unwrap();
    assert_eq!((done.conversation, done.text.as_str()), (named, "It crashes [1]. Roll it back."));
    assert_eq!((done.finish.as_str(), done.model.as_deref()), ("stop", Some("scripted")));
    assert_eq!((done.usage.input_tokens, done.usage.output_tokens), (12, 5));
    assert!(
        done.citations[0].uri.starts_with("http://127.0.0.1:8080/api/v1/knowledge/"),
        "{:?}",
        done.citations
    );
}

#[tokio::test]
async fn an_answer_that_ends_otherwise_follows_what_was_said() {
    let stage = Stage::with_talk(Script::new(Then::EndsOtherwise)).await;
    let events = Reader::open(&stage, PATH, &json!({ "message": "why?" })).await.rest().await;
    let text = |(kind, data): &(String, String)| {
        let data: Value = serde_json::from_str(data).unwrap();
        (kind == "text").then(|| data["text"].as_str().unwrap().to_owned())
    };
    let said: String = events.iter().filter_map(text).collect();
    assert_eq!(said, "It crashes [1].\n\nI had to stop.");
    let done: AnswerDone = serde_json::from_str(&events.last().unwrap().1).unwrap();
    assert_eq!(done.text, said);
    assert_eq!(kept(&stage, &done.conversation).await["messages"][1]["text"], json!(said));
}

#[tokio::test]
async fn a_secret_in_a_question_is_kept_nowhere() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    let secret = "ghp_CanaryCanaryCanaryCanaryCanary123456";
    let conversation =
        ask(&stage, &json!({ "message": format!("my token is {secret}, why?") })).await.conversation;
    let detail = kept(&stage, &conversation).await;
    assert_eq!(detail["conversation"]["title"], "my token is <secret:said-in-words:1>, why?");
    assert_eq!(detail["messages"][0]["text"], "my token is <secret:said-in-words:1>, why?");
    assert!(!stage.get("/api/v1/chat/conversations").await.body.contains(secret));
}

#[tokio::test]
async fn a_conversation_is_kept_listed_resumed_and_removed() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let id = stage.crash().await;
    let first = json!({ "message": "why?\nreally", "incident": id, "agent": "security" });
    let conversation = ask(&stage, &first).await.conversation;
    let again = ask(&stage, &json!({ "message": "and now?", "conversation": conversation })).await;
    assert_eq!(again.conversation, conversation);
    let turn = script.asked.lock().unwrap().pop().unwrap();
    let said: Vec<(Role, &str)> = turn.messages.iter().map(|said| (said.role, said.text.as_str())).collect();
    let answer = "It crashes [1]. Roll it back.";
    assert_eq!(said, [(Role::User, "why?\nreally"), (Role::Assistant, answer), (Role::User, "and now?")]);
    assert_eq!((turn.about.as_ref(), turn.agent.as_str()), (Some(&id), "security"));

    let detail = kept(&stage, &conversation).await;
    let head = &detail["conversation"];
    assert_eq!((&head["title"], &head["messages"]), (&json!("why? really"), &json!(4)));
    assert_eq!(head["incident"], json!(id));
    let last = &detail["messages"][3];
    assert_eq!((&last["speaker"], &last["text"]), (&json!("assistant"), &json!(answer)));
    assert_eq!((&last["model"], &last["finish"]), (&json!("scripted"), &json!("stop")));
    assert_eq!(last["citations"][0]["mark"], "[1]");

    let other = ask(&stage, &json!({ "message": "something else" })).await.conversation;
    let list = stage.get("/api/v1/chat/conversations?limit=1").await.json();
    assert_eq!(list["conversations"][0]["id"], json!(other));
    let cursor = list["next_cursor"].as_str().unwrap();
    let next = stage.get(&format!("/api/v1/chat/conversations?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&next["conversations"][0]["id"], next.get("next_cursor")), (&json!(conversation), None));
    let about = stage.get(&format!("/api/v1/chat/conversations?incident={id}")).await.json();
    assert_eq!(about["conversations"].as_array().unwrap().len(), 1);

    let path = format!("/api/v1/chat/conversations/{conversation}");
    assert_eq!(stage.send_text(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(stage.get(&path).await.error(), (404, "not_found".to_owned()));
    assert_eq!(stage.send_text(Method::DELETE, &path, "").await.status, 404);
}

#[tokio::test]
async fn a_conversation_keeps_the_namespaces_that_it_began_with() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let read = || {
        let turn = script.asked.lock().unwrap().pop().unwrap();
        turn.access.namespaces().map(|names| names.iter().cloned().collect::<Vec<_>>())
    };
    let asked = |namespaces: &Value, conversation: &str| json!({ "message": "and?", "namespaces": namespaces, "conversation": conversation });
    let both = Some(vec!["cart".to_owned(), "shop".to_owned()]);
    let first = json!({ "message": "why?", "namespaces": ["shop", " cart ", "shop"] });
    let narrow = ask(&stage, &first).await.conversation;
    assert_eq!(read(), both);
    assert_eq!(kept(&stage, &narrow).await["conversation"]["namespaces"], json!(both));
    for again in [json!([]), json!(["cart", "shop"]), json!(["cart", "shop", "payments"])] {
        ask(&stage, &asked(&again, &narrow)).await;
        assert_eq!(read(), both, "{again}");
    }
    let wide = ask(&stage, &json!({ "message": "why?" })).await.conversation;
    assert_eq!(read(), None);
    for (conversation, named) in [(&narrow, "shop"), (&narrow, "payments"), (&wide, "shop")] {
        let answer = stage.post(PATH, &asked(&json!([named]), conversation)).await;
        assert_eq!(answer.error(), (409, "other_namespaces".to_owned()), "{named}");
    }
    assert!(script.asked.lock().unwrap().is_empty());
    assert_eq!(kept(&stage, &narrow).await["messages"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_failed_turn_keeps_the_question_and_what_was_said() {
    let stage = Stage::with_talk(Script::new(Then::Fails)).await;
    let events = Reader::open(&stage, PATH, &json!({ "message": "why?" })).await.rest().await;
    let (kind, data) = events.last().unwrap();
    let failed: Value = serde_json::from_str(data).unwrap();
    assert_eq!((kind.as_str(), &failed["error"]["code"]), ("failed", &json!("model_unavailable")));
    let detail = kept(&stage, failed["conversation"].as_str().unwrap()).await;
    assert_eq!(detail["messages"][0]["text"], "why?");
    let answer = &detail["messages"][1];
    assert_eq!((&answer["text"], &answer["finish"]), (&json!("It crashes [1]."), &json!("failed")));
}

#[tokio::test]
async fn what_was_said_before_a_client_went_away_is_kept() {
    let script = Script::new(Then::Hangs);
    let stage = Stage::with_talk(script.clone()).await;
    let mut stream = Reader::open(&stage, PATH, &json!({ "message": "why?" })).await;
    let id = stream.headers["x-kubewright-conversation"].to_str().unwrap().to_owned();
    script.began.notified().await;
    // Until its task has heard the words, they were not said.
    while stream.next().await.unwrap().1 != r#"{"type":"text","text":"crashes [1]."}"# {}
    drop(stream);
    let answer = eventually("the answer is kept", Duration::from_secs(10), async || {
        kept(&stage, &id).await["messages"].get(1).cloned()
    });
    let answer = answer.await;
    assert_eq!((&answer["text"], &answer["finish"]), (&json!("It crashes [1]."), &json!("cancelled")));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_kept() {
    let stage = Stage::with_talk(Script::new(Then::Ends)).await;
    for (body, expected) in [
        (json!({ "message": " " }), (400, "bad_chat")),
        (json!({ "message": "x".repeat(300 * 1024) }), (400, "bad_chat")),
        (json!({ "message": "x", "conversation": "cnv-nothing" }), (404, "not_found")),
        (json!({ "message": "x", "incident": "inc-nothing" }), (404, "not_found")),
        (json!({ "message": "x", "agent": "wizard" }), (404, "agent_not_found")),
        (json!({ "message": "x", "cluster": "nowhere" }), (400, "bad_chat")),
        (json!({ "message": "x", "colour": "red" }), (422, "wrong_type")),
        (json!({ "message": 7 }), (422, "wrong_type")),
        (json!({ "message": "x", "namespaces": vec!["a"; 101] }), (422, "too_many_namespaces")),
        (json!({ "message": "x", "namespaces": ["a".repeat(64)] }), (422, "bad_namespace")),
    ] {
        let answer = stage.post(PATH, &body).await;
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{:.100}", body.to_string());
    }
    assert_eq!(stage.get("/api/v1/chat/conversations").await.json()["conversations"], json!([]));
    assert_eq!(stage.get("/api/v1/chat/conversations?cursor=zz").await.error().1, "bad_cursor");
}

#[tokio::test]
async fn the_oldest_of_a_long_conversation_is_left_out_and_that_is_said() {
    let script = Script::new(Then::Ends);
    let stage = Stage::with_talk(script.clone()).await;
    let first = ask(&stage, &json!({ "message": "x".repeat(200 * 1024) })).await.conversation;
    let long = json!({ "message": "y".repeat(100 * 1024), "conversation": first });
    let events = Reader::open(&stage, PATH, &long).await.rest().await;
    assert_eq!(events[0].0, "notice");
    assert!(events[0].1.contains("1 oldest"), "{}", events[0].1);
    let turn = script.asked.lock().unwrap().pop().unwrap();
    assert_eq!(turn.messages.len(), 2);
}
