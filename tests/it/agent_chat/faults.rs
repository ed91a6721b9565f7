//! Providers that fail and clients that go away: a clear error, nothing lost, and no token more.

use std::time::Duration;

use kubewright::sim::model::{Fault, Reply, ScriptedModel};
use kubewright::store::{ConversationId, Message};
use serde_json::{Value, json};

use super::{NOWHERE, chat, complete, events, hasty, leaves_it, question, site};
use crate::support::site::{Site, agents};
use crate::support::{eventually, http_client};

async fn kept(site: &Site, conversation: &str) -> Vec<Message> {
    site.store.messages(&ConversationId::from_text(conversation), 0, 10).await.unwrap()
}

/// The server's error in OpenAI's shape.
fn is_clear(error: &Value) {
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("server_error"), &json!("model_unavailable")),
        "{error}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("no model answered: ") && !message.contains("127.0.0.1"), "{message}");
    assert!(error.get("param").is_some(), "{error}");
}

/// Nothing was shown yet: the answer is composed without a model, and says why.
async fn is_composed(site: &Site, heard: &super::Heard, shown: &str) {
    let done = heard.done();
    assert_eq!((done.model.as_deref(), done.finish.as_str()), (None, "stop"), "{shown}");
    let why = done
        .text
        .split("No language model has answered: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{shown}: {}", done.text));
    assert!(why.starts_with("main ") && !why.contains("127.0.0.1"), "{shown}: {why}");
    let kept = kept(site, &heard.conversation).await;
    assert_eq!(kept[1].text, done.text, "{shown}");
    let (status, body) = complete(site, &question(&json!({}))).await;
    assert_eq!(status, 200, "{shown}: {body}");
    let (_, stream) = complete(site, &question(&json!({"stream": true}))).await;
    assert!(super::streamed(&stream).contains("No language model has answered: main "), "{shown}: {stream}");
    assert!(stream.contains("[DONE]"), "{shown}: {stream}");
}

fn faults() -> Vec<(&'static str, Fault)> {
    let it = || "It ".to_owned();
    let down = Fault::Status { status: 500, retry_after: None, message: "down".to_owned() };
    vec![
        ("", down),
        ("", Fault::WrongJson),
        ("", Fault::Stall { after: String::new() }),
        ("", Fault::Garbage { after: String::new() }),
        ("", Fault::EarlyEnd { after: " \n".to_owned() }),
        ("It", Fault::Garbage { after: it() }),
        ("It", Fault::Stall { after: it() }),
        ("It", Fault::EarlyEnd { after: it() }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_a_clear_error_and_nothing_is_lost() {
    let each = faults().into_iter().map(|(said, fault)| async move {
        let shown = format!("{fault:?}");
        let fails = fault.clone();
        let model = ScriptedModel::obedient(leaves_it(move |_| Reply::Fail(fails.clone()))).await.unwrap();
        let site = site(NOWHERE, hasty(&model, "")).await;
        let heard = chat(&site, &json!({"message": "why?"})).await;
        if said.is_empty() {
            return is_composed(&site, &heard, &shown).await;
        }
        let failed = heard.of("failed").unwrap_or_else(|| panic!("{shown}: {:?}", heard.events));
        assert_eq!(failed["error"]["code"], "model_unavailable", "{shown}");
        assert_eq!(heard.said(), said, "{shown}");
        let kept = kept(&site, &heard.conversation).await;
        assert_eq!(kept[0].text, "why?");
        let answers: Vec<(&str, Option<&str>)> =
            kept.iter().skip(1).map(|kept| (kept.text.as_str(), kept.about.finish.as_deref())).collect();
        assert_eq!(answers, [(said, Some("failed"))], "{shown}");

        let (status, body) = complete(&site, &question(&json!({}))).await;
        assert_eq!(status, 503, "{shown}: {body}");
        is_clear(&serde_json::from_str::<Value>(&body).unwrap()["error"]);
        let (status, stream) = complete(&site, &question(&json!({"stream": true}))).await;
        assert_eq!(status, 200);
        let chunks = events(&stream);
        // What ends the stream is the error: whoever reads on for [DONE] must not take the answer for whole.
        is_clear(&chunks.last().unwrap().1["error"]);
        assert!(!stream.contains("[DONE]"), "{shown}: {stream}");
    });
    futures::future::join_all(each).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_model_answers_where_the_first_fails() {
    let bad = ScriptedModel::obedient(|_| Reply::Fail(Fault::WrongJson)).await.unwrap();
    let good = ScriptedModel::obedient(leaves_it(|_| Reply::say("It is fine."))).await.unwrap();
    let other = format!(
        "[providers.other]\nkind = \"openai_compatible\"\nurl = \"{}\"\n\
         [models.second]\nprovider = \"other\"\nmodel = \"x\"\ncontext_tokens = 128000\nanswer_tokens = 2048\n",
        good.url()
    );
    let site = site(NOWHERE, hasty(&bad, &other)).await;
    let done = chat(&site, &json!({"message": "why?"})).await.done();
    assert_eq!((done.text.as_str(), done.model.as_deref()), ("It is fine.", Some("second")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_stops_the_tokens() {
    let long = "word ".repeat(4_000);
    let model =
        ScriptedModel::paced(Duration::from_millis(20), leaves_it(move |_| Reply::say(long.clone()))).await;
    let model = model.unwrap();
    let site = site(NOWHERE, agents(&model, "")).await;
    for (number, path, body) in [
        (1, "/v1/chat/completions", question(&json!({"stream": true}))),
        (2, "/api/v1/chat", json!({"message": "why?"})),
    ] {
        let mut answer = http_client().post(format!("{}{path}", site.url)).json(&body).send().await.unwrap();
        let conversation = answer.headers().get("x-kubewright-conversation").cloned();
        let mut read = String::new();
        while !read.contains("word") {
            read.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().unwrap()));
        }
        assert_eq!(model.broken_off(), number - 1);
        drop(answer);
        let gone = async || (model.broken_off() == number).then_some(());
        eventually("the provider's stream is let go", Duration::from_secs(10), gone).await;
        if let Some(conversation) = conversation {
            let conversation = conversation.to_str().unwrap().to_owned();
            let said = eventually("what was said is kept", Duration::from_secs(10), async || {
                kept(&site, &conversation).await.into_iter().nth(1)
            })
            .await;
            assert_eq!(said.about.finish.as_deref(), Some("cancelled"));
            assert!(said.text.starts_with("word") && said.text.len() < 4_000, "{}", said.text.len());
        }
        assert_eq!(model.requests().len(), number);
    }
}
