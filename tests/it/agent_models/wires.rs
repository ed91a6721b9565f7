//! Every family's wire: where it is asked, with which key, with which body, and how its streams are read.

use kubewright::agents::model::{Ask, Spent};
use kubewright::settings::ProviderKind;
use rig_core::message::{Message, ToolResultContent};
use serde_json::{Value, json};

use super::{KEY, answered, ask, model, models, provider};
use crate::support::provider::{Asked, Canned, FakeProvider};

/// OpenAI's stream of a text and a call.
const OPENAI: [&str; 6] = [
    r#"data: {"id":"c1","object":"chat.completion.chunk","model":"small-1","choices":[{"index":0,"delta":{"role":"assistant","content":"Let me "},"finish_reason":null}]}"#,
    r#"data: {"id":"c1","choices":[{"index":0,"delta":{"content":"look."},"finish_reason":null}]}"#,
    r#"data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":"}}]},"finish_reason":null}]}"#,
    r#"data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Ulm\"}"}}]},"finish_reason":null}]}"#,
    r#"data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":12,\"total_tokens\":42}}\n\ndata: [DONE]",
];

const ANTHROPIC: [&str; 10] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"small-1\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Let me \"}}",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"look.\"}}",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"weather\",\"input\":{}}}",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\\\"Ulm\\\"}\"}}",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":12}}",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}",
];

const GEMINI: [&str; 3] = [
    r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Let me "}]},"index":0}],"responseId":"r1","modelVersion":"small-1"}"#,
    r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"look."}]},"index":0}],"responseId":"r1","modelVersion":"small-1"}"#,
    r#"data: {"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"weather","args":{"city":"Ulm"}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":30,"candidatesTokenCount":12,"totalTokenCount":42},"responseId":"r1","modelVersion":"small-1"}"#,
];

const OLLAMA: [&str; 4] = [
    r#"{"model":"small-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Let me "},"done":false}"#,
    r#"{"model":"small-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"look."},"done":false}"#,
    r#"{"model":"small-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Ulm"}}}]},"done":false}"#,
    r#"{"model":"small-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":30,"eval_count":12}"#,
];

/// Asks once over a wire, checks that text, call and usage are read, and gives back the request.
async fn asked_over(kind: ProviderKind, path: &str, canned: Canned) -> Asked {
    let fake = FakeProvider::answering([canned]).await;
    let models = models(&[("it", provider(kind, &format!("{}{path}", fake.url())))]);
    let (answer, pieces) = answered(&models, &ask("How is Ulm?")).await;
    let answer = answer.unwrap();
    assert_eq!(pieces, ["Let me ", "look."]);
    assert_eq!((answer.text.as_str(), answer.model.as_str()), ("Let me look.", "it"));
    let call = answer.calls.first().unwrap();
    assert_eq!(call.function.name.as_str(), "weather");
    assert_eq!(Value::Object(call.function.arguments.clone()), json!({"city": "Ulm"}));
    assert_eq!(answer.spent, Spent { input_tokens: 30, output_tokens: 12, cost: 54e-6, estimated: false });
    let mut asked = fake.asked();
    assert_eq!(asked.len(), 1);
    asked.remove(0)
}

/// What every wire of OpenAI's family sends.
fn check_openai_body(body: &Value) {
    assert_eq!(body["stream"], true);
    assert_eq!(body["max_tokens"], 100);
    assert_eq!(body["messages"][0]["role"], "system");
    assert!(body["messages"][0]["content"].is_string(), "servers that copy this wire know no list there");
    assert!(body["messages"][1].to_string().contains("How is Ulm?"));
    assert_eq!(body["tools"][0]["function"]["name"], "weather");
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["city"]));
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn openai_is_asked_for_chat_completions() {
    let asked = asked_over(ProviderKind::OpenAi, "/v1", Canned::events(&OPENAI)).await;
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.body["model"], "small-1");
    check_openai_body(&asked.body);
    assert_ne!(asked.body["store"], true, "nothing is to be stored");
}

#[tokio::test]
async fn azure_is_asked_by_deployment_and_version() {
    let asked = asked_over(ProviderKind::Azure, "", Canned::events(&OPENAI)).await;
    assert_eq!(asked.path, "/openai/deployments/small-1/chat/completions?api-version=2024-10-21");
    assert_eq!(asked.headers["api-key"], KEY);
    check_openai_body(&asked.body);
}

#[tokio::test]
async fn llama_cpp_is_asked_for_chat_completions() {
    let asked = asked_over(ProviderKind::LlamaCpp, "/v1", Canned::events(&OPENAI)).await;
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    check_openai_body(&asked.body);
}

#[tokio::test]
async fn any_compatible_server_is_asked_for_chat_completions() {
    let asked = asked_over(ProviderKind::OpenAiCompatible, "/some/base", Canned::events(&OPENAI)).await;
    assert_eq!(asked.path, "/some/base/chat/completions");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    check_openai_body(&asked.body);
}

#[tokio::test]
async fn anthropic_is_asked_for_messages() {
    let asked = asked_over(ProviderKind::Anthropic, "", Canned::events(&ANTHROPIC)).await;
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.headers["x-api-key"], KEY);
    assert!(asked.headers.contains_key("anthropic-version"));
    assert_eq!((&asked.body["model"], &asked.body["max_tokens"]), (&json!("small-1"), &json!(100)));
    assert!(asked.body["system"].to_string().contains("You answer."));
    assert_eq!(asked.body["messages"][0]["role"], "user");
    assert_eq!(asked.body["tools"][0]["name"], "weather");
    assert_eq!(asked.body["tools"][0]["input_schema"]["required"], json!(["city"]));
    assert_eq!(asked.body["stream"], true);
}

#[tokio::test]
async fn gemini_is_asked_for_content_with_its_key_in_a_header() {
    let asked = asked_over(ProviderKind::Gemini, "", Canned::events(&GEMINI)).await;
    assert_eq!(asked.path, "/v1beta/models/small-1:streamGenerateContent?alt=sse");
    assert_eq!(asked.headers["x-goog-api-key"], KEY);
    assert!(asked.body["systemInstruction"].to_string().contains("You answer."));
    assert!(asked.body["contents"][0].to_string().contains("How is Ulm?"));
    assert_eq!(asked.body["tools"][0]["functionDeclarations"][0]["name"], "weather");
    assert_eq!(asked.body["generationConfig"]["maxOutputTokens"], 100);
}

#[tokio::test]
async fn ollama_is_asked_natively_with_the_whole_context_and_must_not_cut_it() {
    let asked = asked_over(ProviderKind::Ollama, "", Canned::lines(&OLLAMA)).await;
    assert_eq!(asked.path, "/api/chat");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.body["model"], "small-1");
    assert_eq!(asked.body["options"], json!({"num_predict": 100, "num_ctx": 8192}));
    assert_eq!((&asked.body["truncate"], &asked.body["shift"]), (&json!(false), &json!(false)));
    assert_eq!(asked.body["tools"][0]["function"]["name"], "weather");
    assert_eq!(asked.body["messages"][1], json!({"role": "user", "content": "How is Ulm?"}));
}

#[tokio::test]
async fn the_answer_and_the_results_of_its_calls_go_back_whole() {
    for (kind, base, canned) in [
        (ProviderKind::OpenAi, "/v1", [Canned::events(&OPENAI), Canned::events(&OPENAI)]),
        (ProviderKind::Anthropic, "", [Canned::events(&ANTHROPIC), Canned::events(&ANTHROPIC)]),
        (ProviderKind::Gemini, "", [Canned::events(&GEMINI), Canned::events(&GEMINI)]),
        (ProviderKind::Ollama, "", [Canned::lines(&OLLAMA), Canned::lines(&OLLAMA)]),
    ] {
        let fake = FakeProvider::answering(canned).await;
        let models = models(&[("it", provider(kind, &format!("{}{base}", fake.url())))]);
        let mut ask = ask("How is Ulm?");
        let (answer, _) = answered(&models, &ask).await;
        let answer = answer.unwrap();
        let result = answer.calls[0].result(vec![ToolResultContent::text("Rain in Ulm, 7 degrees.")]);
        ask.messages.extend([answer.message, Message::tool_results(vec![result])]);
        answered(&models, &ask).await.0.unwrap();
        let sent = fake.asked()[1].body.to_string();
        assert!(
            sent.contains("Rain in Ulm, 7 degrees.") && sent.contains("Let me look."),
            "{kind:?}: {sent}"
        );
        let id = match kind {
            ProviderKind::OpenAi => "call_1",
            ProviderKind::Anthropic => "toolu_1",
            _ => "weather",
        };
        assert!(sent.matches(id).count() >= 2, "{kind:?} must pair the result with its call: {sent}");
    }
}

#[tokio::test]
async fn a_server_that_counts_no_tokens_is_estimated() {
    let fake =
        FakeProvider::answering([Canned::events(&OPENAI[..5]), Canned::events(&["data: [DONE]"])]).await;
    let models = models(&[("it", provider(ProviderKind::LlamaCpp, &fake.url()))]);
    let question = ask("How is Ulm?");
    let spent = answered(&models, &question).await.0.unwrap().spent;
    assert!(spent.estimated);
    assert_eq!(spent.input_tokens, question.estimated_tokens());
    // "Let me look." and {"city":"Ulm"}.
    assert_eq!(spent.output_tokens, 7);
}

#[tokio::test]
async fn an_answer_is_never_asked_to_be_longer_than_the_model_writes() {
    let fake = FakeProvider::answering([Canned::events(&OPENAI)]).await;
    let models = models(&[("it", provider(ProviderKind::LlamaCpp, &fake.url()))]);
    let ask = Ask { max_tokens: Some(1_000_000), stop: vec!["END".to_owned()], ..ask("How is Ulm?") };
    answered(&models, &ask).await.0.unwrap();
    assert_eq!(fake.asked()[0].body["max_tokens"], model("it", "small-1", 1).answer_tokens);
    assert_eq!(fake.asked()[0].body["stop"], json!(["END"]));
}
