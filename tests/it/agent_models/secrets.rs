//! Nothing secret leaves, and no key comes back.

use kubewright::agents::model::{Ask, ModelError};
use kubewright::settings::ProviderKind;
use rig_core::completion::ToolDefinition;
use rig_core::message::{AssistantContent, Message, ToolName, ToolResultContent};
use serde_json::json;

use super::{KEY, SECRET, answered, ask, models, provider};
use crate::support::provider::{Canned, FakeProvider};

/// A secret wherever a caller could have left one.
fn leaking() -> Ask {
    let arguments = json!({"note": format!("it is {SECRET}")});
    let call = AssistantContent::tool_call("call_1", ToolName::new("weather").unwrap(), arguments);
    let result = match &call {
        AssistantContent::ToolCall(call) => call.result(vec![
            ToolResultContent::text(format!("password={SECRET}")),
            ToolResultContent::text(json!({"nested": {"password": SECRET}}).to_string()),
        ]),
        _ => unreachable!("a call was made"),
    };
    let schema = json!({"type": "object", "description": SECRET});
    Ask {
        messages: vec![
            Message::system(format!("You know {SECRET}.")),
            Message::user(format!("Is it {SECRET}?")),
            Message::Assistant(rig_core::message::AssistantMessage::new(vec![
                AssistantContent::text(format!("I think {SECRET}.")),
                call,
            ])),
            Message::tool_results(vec![result]),
        ],
        tools: vec![ToolDefinition::new(
            ToolName::new("weather").unwrap(),
            format!("Finds {SECRET}"),
            schema.clone(),
        )],
        schema: Some(schema),
        stop: vec![SECRET.to_owned()],
        ..Ask::default()
    }
}

#[tokio::test]
async fn a_secret_in_any_place_of_a_question_leaves_over_no_wire() {
    for (_, kind) in ProviderKind::ALL {
        let fake = FakeProvider::answering([Canned::status(400, "{}")]).await;
        let models = models(&[("one", provider(kind, &fake.url()))]);
        let _ = answered(&models, &leaking()).await;
        let asked = fake.asked();
        assert_eq!(asked.len(), 1, "{kind:?}");
        let sent = asked[0].body.to_string();
        assert!(!sent.contains(SECRET), "{kind:?} sent {sent}");
        assert!(sent.matches("[secret]").count() >= 5, "{kind:?} sent {sent}");
    }
}

#[tokio::test]
async fn a_provider_that_echoes_the_key_or_a_secret_is_not_repeated() {
    for (_, kind) in ProviderKind::ALL {
        for status in [400, 401, 404, 500] {
            let message = format!("bad key {KEY} for {SECRET} at\n{}", "x".repeat(5000));
            let body = json!({"error": {"message": message}}).to_string();
            let fake = FakeProvider::answering((0..3).map(|_| Canned::status(status, &body))).await;
            let models = models(&[("one", provider(kind, &fake.url()))]);
            let Err(error) = answered(&models, &ask("?")).await.0 else { panic!("{kind:?} has no answer") };
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(KEY) && !shown.contains(SECRET), "{kind:?} {status}: {shown}");
            assert!(shown.contains("[key]") && shown.contains("[secret]"), "{kind:?} {status}: {shown}");
            assert!(shown.len() < 2000 && matches!(error, ModelError::Exhausted(_)));
        }
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_is_cleaned_too() {
    let event = format!(
        "data: {}",
        json!({"error": {"message": format!("bad key {KEY} for {SECRET}"), "code": 500}})
    );
    let fake = FakeProvider::answering((0..3).map(|_| Canned::events(&[&event]))).await;
    let models = models(&[("one", provider(ProviderKind::OpenAiCompatible, &fake.url()))]);
    let Err(error) = answered(&models, &ask("?")).await.0 else { panic!("there is no answer") };
    let shown = error.to_string();
    assert!(!shown.contains(KEY) && !shown.contains(SECRET), "{shown}");
}
