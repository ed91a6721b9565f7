//! The scripted model, asked over the real wire.

use kubewright::agents::model::{ModelError, Models};
use kubewright::settings::ProviderKind;
use kubewright::sim::model::{Call, Expect, Fault, Reply, Script, ScriptedModel, Step};
use rig_core::completion::FinishReason;
use serde_json::{Value, json};

use super::{KEY, answered, ask, impatience, models_with, patience, provider};

fn asking(server: &ScriptedModel) -> Models {
    models_with(&[("scripted", provider(ProviderKind::OpenAiCompatible, &server.url()))], patience())
}

fn stalled_by(server: &ScriptedModel) -> Models {
    models_with(&[("scripted", provider(ProviderKind::OpenAiCompatible, &server.url()))], impatience())
}

#[tokio::test]
async fn a_script_speaks_and_calls_and_remembers_what_it_was_asked() {
    let call = |city: &str| Call { tool: "weather".to_owned(), arguments: json!({"city": city}) };
    let expect = Expect {
        contains: vec!["How is Ulm?".to_owned()],
        lacks: vec!["Paris".to_owned()],
        tools: vec!["weather".to_owned()],
    };
    let script = Script {
        steps: vec![
            Step {
                expect,
                reply: Reply::SayAndCall("Two calls.".to_owned(), vec![call("Ulm"), call("Köln")]),
                repeat: false,
            },
            Reply::say("Rain in both.").into(),
        ],
        ..Script::default()
    };
    let server = ScriptedModel::start(script).await.unwrap();
    let models = asking(&server);
    let (answer, pieces) = answered(&models, &ask("How is Ulm?")).await;
    let answer = answer.unwrap();
    assert_eq!(pieces, ["Two ", "calls."]);
    assert_eq!(answer.finish, FinishReason::ToolCalls);
    let cities: Vec<Value> =
        answer.calls.iter().map(|call| call.function.arguments["city"].clone()).collect();
    assert_eq!(cities, ["Ulm", "Köln"]);
    assert!(!answer.spent.estimated && answer.spent.cost > 0.0);
    assert_eq!(answered(&models, &ask("And now?")).await.0.unwrap().text, "Rain in both.");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].authorization, Some(format!("Bearer {KEY}")));
    assert_eq!((server.unmet(), server.left()), (Vec::<String>::new(), 0));
}

#[tokio::test]
async fn a_request_off_the_script_is_refused_and_noted() {
    let expect = Expect { contains: vec!["Paris".to_owned()], ..Expect::default() };
    let script = Script { steps: vec![Step { expect, ..Reply::say("x").into() }], ..Script::default() };
    let server = ScriptedModel::start(script).await.unwrap();
    let Err(ModelError::Exhausted(reason)) = answered(&asking(&server), &ask("Ulm?")).await.0 else {
        panic!("the request is off the script")
    };
    assert!(reason.contains("script: step 1 expects the text \"Paris\""), "{reason}");
    assert_eq!((server.unmet().len(), server.left()), (1, 1));
}

#[tokio::test]
async fn every_scripted_fault_is_survived() {
    let faults = [
        Fault::Status { status: 429, retry_after: Some(0), message: String::new() },
        Fault::Status { status: 500, retry_after: None, message: "boom".to_owned() },
        Fault::Stall { after: String::new() },
        Fault::Garbage { after: String::new() },
        Fault::EarlyEnd { after: String::new() },
        Fault::WrongJson,
    ];
    for fault in faults {
        let script = [Reply::Fail(fault.clone()), Reply::say("fine")].into_iter().collect();
        let server = ScriptedModel::start(script).await.unwrap();
        let (answer, pieces) = answered(&stalled_by(&server), &ask("?")).await;
        assert_eq!(answer.map(|answer| answer.text), Ok("fine".to_owned()), "{fault:?}");
        assert_eq!((pieces.concat().as_str(), server.left()), ("fine", 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_after_text_ends_the_answer() {
    let after = "It was ".to_owned();
    for fault in [
        Fault::Stall { after: after.clone() },
        Fault::Garbage { after: after.clone() },
        Fault::EarlyEnd { after: after.clone() },
        Fault::Filtered { after: after.clone() },
    ] {
        let server = ScriptedModel::start([Reply::Fail(fault.clone())].into_iter().collect()).await.unwrap();
        let (answer, pieces) = answered(&stalled_by(&server), &ask("?")).await;
        assert!(matches!(answer, Err(ModelError::Exhausted(_))), "{fault:?}");
        assert_eq!((pieces.concat(), server.requests().len()), (after.clone(), 1), "{fault:?}");
    }
}

#[tokio::test]
async fn an_obedient_model_makes_its_reply_of_the_request() {
    let server = ScriptedModel::obedient(|body| {
        let asked = body["messages"].as_array().and_then(|all| all.last()).map(Value::to_string);
        match asked {
            Some(text) if text.contains("CALL weather") => Reply::call("weather", json!({"city": "Ulm"})),
            _ => Reply::say("Nothing to obey."),
        }
    })
    .await
    .unwrap();
    let models = asking(&server);
    assert_eq!(answered(&models, &ask("CALL weather now")).await.0.unwrap().calls.len(), 1);
    assert_eq!(answered(&models, &ask("Hello")).await.0.unwrap().text, "Nothing to obey.");
}

#[tokio::test]
async fn it_answers_whole_and_lists_itself_to_any_client() {
    let script: Script =
        [Reply::call("weather", json!({"city": "Ulm"})), Reply::say("Rain.")].into_iter().collect();
    let server = ScriptedModel::start(Script { no_usage: true, ..script }).await.unwrap();
    let client = crate::support::http_client();
    let post = async || -> Value {
        let request = client.post(format!("{}/chat/completions", server.url()));
        request.json(&json!({"messages": []})).send().await.unwrap().json().await.unwrap()
    };
    let first = post().await;
    assert_eq!(first["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], r#"{"city":"Ulm"}"#);
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls");
    let second = post().await;
    assert_eq!(second["choices"][0]["message"]["content"], "Rain.");
    assert!(second.get("usage").is_none());
    let listed = client.get(format!("{}/models", server.url())).send().await.unwrap();
    assert_eq!(listed.json::<Value>().await.unwrap()["data"][0]["id"], "scripted");
}

#[tokio::test]
async fn two_hundred_questions_at_once_are_all_answered() {
    let step = Step { repeat: true, ..Reply::say("a few words in a row").into() };
    let script = Script { steps: vec![step], pace_ms: 5, ..Script::default() };
    let server = ScriptedModel::start(script).await.unwrap();
    let models = asking(&server);
    let questions =
        (0..200).map(|_| async { answered(&models, &ask("?")).await.0.map(|answer| answer.text) });
    for text in futures::future::join_all(questions).await {
        assert_eq!(text, Ok("a few words in a row".to_owned()));
    }
}
