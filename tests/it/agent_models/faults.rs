//! What goes wrong at a provider, and what is done about it.

use std::time::Duration;

use kubewright::agents::model::{Ask, ModelError, Models, Spent};
use kubewright::settings::{AgentsSettings, ProviderKind, ProviderSettings};
use rig_core::message::{ToolChoice, ToolName};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{answered, ask, impatience, model, models, models_with, patience, provider, scrub};
use crate::support::provider::{Canned, FakeProvider};

fn text(text: &str) -> Canned {
    Canned::events(&[
        &format!("data: {}", json!({"choices": [{"index": 0, "delta": {"content": text}}]})),
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        "data: [DONE]",
    ])
}

/// The beginning of an answer.
fn beginning() -> Canned {
    Canned::events(&[r#"data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}"#])
}

fn exhausted<T: std::fmt::Debug>(result: Result<T, ModelError>) -> String {
    match result {
        Err(ModelError::Exhausted(reason)) => reason,
        other => panic!("not exhausted: {other:?}"),
    }
}

/// Two models at two servers.
async fn pair(
    first: impl IntoIterator<Item = Canned>,
    second: impl IntoIterator<Item = Canned>,
) -> (FakeProvider, FakeProvider, Models) {
    let (first, second) = (FakeProvider::answering(first).await, FakeProvider::answering(second).await);
    let models = models_with(&both(&first, &second), patience());
    (first, second, models)
}

fn both(first: &FakeProvider, second: &FakeProvider) -> [(&'static str, ProviderSettings); 2] {
    let kind = ProviderKind::OpenAiCompatible;
    [("one", provider(kind, &first.url())), ("two", provider(kind, &second.url()))]
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_when_it_says_so() {
    let busy = Canned::status(429, "{}").header("retry-after", "1");
    let (first, second, models) = pair([busy, text("fine")], []).await;
    let began = Instant::now();
    let (answer, pieces) = answered(&models, &ask("?")).await;
    assert_eq!((answer.unwrap().model.as_str(), pieces), ("one", vec!["fine".to_owned()]));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!((first.asked().len(), second.asked().len()), (2, 0));
}

#[tokio::test]
async fn a_provider_that_is_busy_for_long_is_passed_over_and_left_alone() {
    let (first, second, models) =
        pair([Canned::status(429, "{}").header("retry-after", "600")], [text("fine"), text("again")]).await;
    for said in ["fine", "again"] {
        assert_eq!(answered(&models, &ask("?")).await.0.unwrap().text, said);
    }
    assert_eq!((first.asked().len(), second.asked().len()), (1, 2));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_waited() {
    let fake = FakeProvider::answering([Canned::status(429, "{}").header("retry-after", "600")]).await;
    let models = models(&[("one", provider(ProviderKind::OpenAiCompatible, &fake.url()))]);
    let began = Instant::now();
    let reason = exhausted(answered(&models, &ask("?")).await.0);
    assert_eq!(reason, "one is asked too often (status 429)");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn after_two_retries_the_next_model_is_asked() {
    let failures = [500, 502, 503].map(|status| Canned::status(status, "{}"));
    let (first, second, models) = pair(failures, [text("fine")]).await;
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap().model, "two");
    assert_eq!((first.asked().len(), second.asked().len()), (3, 1));
}

#[tokio::test]
async fn silence_before_an_answer_is_not_waited_out() {
    let (first, second, _) = pair([0; 3].map(|_| Canned::events(&[]).stalling()), [text("fine")]).await;
    let models = models_with(&both(&first, &second), impatience());
    let began = Instant::now();
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap().model, "two");
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(first.asked().len(), 3);
}

#[tokio::test]
async fn a_server_that_reads_in_silence_is_waited_for() {
    let fake = FakeProvider::answering([text("fine").after(Duration::from_millis(900))]).await;
    let models = models_with(&[("one", provider(ProviderKind::LlamaCpp, &fake.url()))], impatience());
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap().text, "fine");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn garbage_an_early_end_and_wrong_json_are_tried_again_and_never_shown() {
    let garbage = Canned::events(&["data: {\"choi\u{0}", "<html>", "data: 7"]);
    let early = Canned::events(&[r#"data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#]);
    let wrong = Canned::events(&[r#"data: {"choices":7}"#, "data: [DONE]"]);
    let (first, _second, models) = pair([garbage, early, wrong], [text("fine")]).await;
    let (answer, pieces) = answered(&models, &ask("?")).await;
    assert_eq!((answer.unwrap().model.as_str(), pieces), ("two", vec!["fine".to_owned()]));
    assert_eq!(first.asked().len(), 3);
}

#[tokio::test]
async fn what_was_shown_is_never_shown_again_by_another_attempt() {
    for broken in [beginning(), beginning().stalling()] {
        let (first, second, _) = pair([broken], [text("Half an answer")]).await;
        let models = models_with(&both(&first, &second), impatience());
        let mut spent = Spent::default();
        let mut shown = String::new();
        let mut on_text = |text: &str| shown.push_str(text);
        let deadline = Instant::now() + Duration::from_secs(20);
        let chain = models.chain(&[]).unwrap();
        let cancel = CancellationToken::new();
        let result = chain.ask_counting(&ask("?"), &mut on_text, &cancel, deadline, &mut spent).await;
        let reason = exhausted(result);
        assert!(reason.ends_with("after part of its answer was shown"), "{reason}");
        assert_eq!((shown.as_str(), second.asked().len(), first.asked().len()), ("Half an ", 0, 1));
        assert!(spent.estimated && spent.input_tokens > 0 && spent.output_tokens == 2, "{spent:?}");
    }
}

#[tokio::test]
async fn white_space_alone_is_no_part_of_an_answer() {
    let (first, second, models) = pair([text(" \n"), text(" \n"), text(" \n")], [text("fine")]).await;
    let (answer, pieces) = answered(&models, &ask("?")).await;
    assert_eq!((answer.unwrap().model.as_str(), pieces), ("two", vec!["fine".to_owned()]));
    assert_eq!((first.asked().len(), second.asked().len()), (3, 1));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_its_limit() {
    let event = format!(
        "data: {}",
        json!({"choices": [{"index": 0, "delta": {"reasoning_content": "x".repeat(64 * 1024)}}]})
    );
    let endless = Canned::events(&[&event]).repeated(200);
    let (first, _second, models) = pair([endless], [text("fine")]).await;
    let (answer, pieces) = answered(&models, &ask("?")).await;
    assert_eq!((answer.unwrap().model.as_str(), pieces), ("two", vec!["fine".to_owned()]));
    assert_eq!(first.asked().len(), 1, "what is too large once is not fetched again");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeProvider::answering([text("stolen")]).await;
    let target = format!("{}/chat/completions", elsewhere.url());
    let (_first, _second, models) = pair([Canned::status(307, "").header("location", &target)], []).await;
    let reason = exhausted(answered(&models, &ask("?")).await.0);
    assert!(reason.starts_with("one redirects elsewhere, which is not followed (status 307)"), "{reason}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_model_that_refuses_the_key_is_left_alone() {
    let (first, second, models) =
        pair([Canned::status(401, "{}"), text("late")], [text("fine"), text("again")]).await;
    for said in ["fine", "again"] {
        assert_eq!(answered(&models, &ask("?")).await.0.unwrap().text, said);
    }
    assert_eq!((first.asked().len(), second.asked().len()), (1, 2));
}

#[tokio::test]
async fn why_a_model_is_left_alone_is_said_as_long_as_it_is() {
    let fake = FakeProvider::answering([Canned::status(401, "{}")]).await;
    let models = models(&[("one", provider(ProviderKind::OpenAiCompatible, &fake.url()))]);
    let first = exhausted(answered(&models, &ask("?")).await.0);
    let second = exhausted(answered(&models, &ask("?")).await.0);
    assert!(second.starts_with(&format!("{first}, and is left alone for ")), "{first} / {second}");
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_after_three_questions() {
    let failures: Vec<Canned> = (0..12).map(|_| Canned::status(500, "{}")).collect();
    let fake = FakeProvider::answering(failures).await;
    let models = models(&[("one", provider(ProviderKind::OpenAiCompatible, &fake.url()))]);
    for _ in 0..3 {
        assert_eq!(exhausted(answered(&models, &ask("?")).await.0), "one failed (status 500)");
    }
    let reason = exhausted(answered(&models, &ask("?")).await.0);
    assert!(reason.starts_with("one failed (status 500), and is left alone for "), "{reason}");
    assert_eq!(fake.asked().len(), 9);
}

#[tokio::test]
async fn a_long_conversation_goes_to_a_model_that_can_read_more_only() {
    let body = r#"{"error":{"code":"context_length_exceeded","message":"maximum context length is 8192"}}"#;
    let small = FakeProvider::answering([0; 4].map(|_| Canned::status(400, body))).await;
    let large = FakeProvider::answering([text("read"), Canned::status(400, body)]).await;
    let kind = ProviderKind::OpenAiCompatible;
    let settings = AgentsSettings {
        providers: [
            ("s".to_owned(), provider(kind, &small.url())),
            ("l".to_owned(), provider(kind, &large.url())),
        ]
        .into(),
        models: [
            ("a".to_owned(), model("s", "a", 8_000)),
            ("b".to_owned(), model("s", "b", 8_000)),
            ("c".to_owned(), model("l", "c", 64_000)),
        ]
        .into(),
        ..AgentsSettings::default()
    };
    let models = Models::with_patience(&settings, scrub(), patience()).unwrap();
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap().model, "c");
    assert_eq!(small.asked().len(), 1, "neither again nor a model of the same size");
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap_err(), ModelError::ContextOverflow);
}

#[tokio::test]
async fn what_a_model_does_not_take_is_left_out_from_then_on() {
    let refuse = |text: &str| Canned::status(400, &json!({"error": {"message": text}}).to_string());
    let answers = [
        refuse("Unsupported value: 'temperature' does not support 0 with this model"),
        refuse("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        text("fine"),
        text("again"),
    ];
    let (first, _second, models) = pair(answers, []).await;
    let ask = Ask { temperature: Some(0.0), ..ask("?") };
    answered(&models, &ask).await.0.unwrap();
    answered(&models, &ask).await.0.unwrap();
    let asked = first.asked();
    assert_eq!((&asked[0].body["temperature"], &asked[0].body["max_tokens"]), (&json!(0.0), &json!(100)));
    for later in &asked[2..] {
        assert_eq!(later.body["max_completion_tokens"], 100);
        assert!(later.body.get("max_tokens").is_none() && later.body.get("temperature").is_none());
    }
}

#[tokio::test]
async fn a_server_that_cannot_stream_is_asked_for_whole_answers() {
    let whole = json!({"id": "c", "object": "chat.completion", "model": "m", "created": 0,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}});
    let whole = || Canned::status(200, &whole.to_string());
    let (first, _second, models) = pair([whole(), whole()], []).await;
    let (answer, pieces) = answered(&models, &ask("?")).await;
    assert_eq!((answer.unwrap().text.as_str(), pieces), ("whole", vec!["whole".to_owned()]));
    assert_eq!(first.asked()[0].body["stream"], true);
    assert_ne!(first.asked()[1].body["stream"], true);
}

#[tokio::test]
async fn a_filtered_and_an_empty_answer_are_no_answers() {
    let filtered = Canned::events(&[
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#,
        "data: [DONE]",
    ]);
    let (first, second, models) = pair([filtered], [text("fine")]).await;
    assert_eq!(answered(&models, &ask("?")).await.0.unwrap().text, "fine");
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
    let (first, second, models) = pair([text("")], []).await;
    let reason = exhausted(answered(&models, &ask("?")).await.0);
    assert!(reason.contains("two refused the question (status 418: no answer is left)"), "{reason}");
    assert_eq!((first.asked().len(), second.asked().len()), (2, 1));
}

#[tokio::test]
async fn cancelling_and_the_deadline_end_a_question_at_once() {
    let fake = FakeProvider::answering([0; 2].map(|_| Canned::events(&[]).stalling())).await;
    let models = models(&[("one", provider(ProviderKind::OpenAiCompatible, &fake.url()))]);
    let chain = models.chain(&[]).unwrap();
    let cancel = CancellationToken::new();
    let far = Instant::now() + Duration::from_secs(60);
    let question = ask("?");
    let mut silent = |_: &str| {};
    let asking = chain.ask(&question, &mut silent, &cancel, far);
    let stop = async {
        while fake.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(asking, stop);
    assert_eq!(result.unwrap_err(), ModelError::Cancelled);
    let near = Instant::now() + Duration::from_millis(100);
    let result = chain.ask(&question, &mut |_: &str| {}, &CancellationToken::new(), near).await;
    assert_eq!(result.unwrap_err(), ModelError::Deadline);
}

#[tokio::test]
async fn a_provider_that_is_not_there_says_so_without_its_address() {
    let port = crate::support::free_port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let models = models(&[("one", provider(ProviderKind::OpenAi, &url))]);
    assert_eq!(exhausted(answered(&models, &ask("?")).await.0), "one cannot be reached");
}

#[tokio::test]
async fn forcing_one_tool_is_weakened_where_the_wire_cannot() {
    let name = ToolName::new("weather").unwrap();
    let choice = ToolChoice::Specific { function_names: vec![name] };
    for (kind, expected) in [
        (ProviderKind::LlamaCpp, json!("required")),
        (ProviderKind::OpenAi, json!({"type": "function", "function": {"name": "weather"}})),
    ] {
        let fake = FakeProvider::answering([text("fine")]).await;
        let models = models(&[("one", provider(kind, &fake.url()))]);
        let ask = Ask { tool_choice: Some(choice.clone()), ..ask("?") };
        answered(&models, &ask).await.0.unwrap();
        assert_eq!(fake.asked()[0].body["tool_choice"], expected);
    }
}

#[tokio::test]
async fn a_question_that_no_wire_can_carry_is_refused_without_asking() {
    let (first, second, models) = pair([], []).await;
    let ask = Ask::default();
    let reason = exhausted(answered(&models, &ask).await.0);
    assert!(reason.starts_with("one cannot be asked this"), "{reason}");
    assert!(first.asked().is_empty() && second.asked().is_empty());
}
