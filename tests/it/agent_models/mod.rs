//! Asking language models: every wire once, and everything that can go wrong on it.

mod faults;
mod scripted;
mod secrets;
mod wires;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kubewright::agents::model::{Answer, Ask, ModelError, Models, Patience, Scrub};
use kubewright::settings::{AgentsSettings, ModelSettings, ProviderKind, ProviderSettings};
use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolName};
use secrecy::SecretString;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The key in every test; it must never be seen.
const KEY: &str = "key-of-the-test-4711";

/// Replaced by [`scrub`].
const SECRET: &str = "hunter2";

fn scrub() -> Scrub {
    Arc::new(|text: &str| text.replace(SECRET, "[secret]"))
}

/// Pauses short enough for a test, timeouts long enough for a busy machine.
fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        silence: Duration::from_secs(10),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_secs(2),
        rest: Duration::from_secs(60),
    }
}

/// For servers that stall.
fn impatience() -> Patience {
    Patience { silence: Duration::from_millis(300), ..patience() }
}

fn provider(kind: ProviderKind, url: &str) -> ProviderSettings {
    ProviderSettings {
        kind,
        url: Some(url.parse().unwrap()),
        key: Some(SecretString::from(KEY.to_owned())),
        api_version: None,
        timeout: Duration::from_secs(10),
    }
}

fn model(provider: &str, model: &str, context_tokens: u64) -> ModelSettings {
    ModelSettings {
        provider: provider.to_owned(),
        model: model.to_owned(),
        context_tokens,
        answer_tokens: 512,
        input_price: 1.0,
        output_price: 2.0,
    }
}

/// Models named like their providers, in this order.
fn models(providers: &[(&str, ProviderSettings)]) -> Models {
    models_with(providers, patience())
}

fn models_with(providers: &[(&str, ProviderSettings)], patience: Patience) -> Models {
    let settings = AgentsSettings {
        providers: providers.iter().map(|(name, provider)| ((*name).to_owned(), provider.clone())).collect(),
        models: providers
            .iter()
            .map(|(name, _)| ((*name).to_owned(), model(name, "small-1", 8192)))
            .collect::<BTreeMap<_, _>>(),
        model_order: providers.iter().map(|(name, _)| (*name).to_owned()).collect(),
        ..AgentsSettings::default()
    };
    Models::with_patience(&settings, scrub(), patience).unwrap()
}

/// A question with a system message, a history of one call, and one tool.
fn ask(text: &str) -> Ask {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Ask {
        messages: vec![Message::system("You answer."), Message::user(text)],
        tools: vec![ToolDefinition::new(ToolName::new("weather").unwrap(), "Tells the weather", parameters)],
        max_tokens: Some(100),
        ..Ask::default()
    }
}

/// What came of a question, with the pieces of text that were passed on.
async fn answered(models: &Models, ask: &Ask) -> (Result<Answer, ModelError>, Vec<String>) {
    let mut pieces = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut on_text = |text: &str| pieces.push(text.to_owned());
    let chain = models.chain(&[]).unwrap();
    let result = chain.ask(ask, &mut on_text, &CancellationToken::new(), deadline).await;
    (result, pieces)
}

#[test]
fn without_models_there_is_no_chain() {
    let models = Models::new(&AgentsSettings::default(), scrub()).unwrap();
    assert!(models.is_empty() && models.chain(&[]).is_none());
}

#[test]
fn a_chain_has_the_order_of_the_file_or_of_its_names_and_the_smallest_context() {
    let text = r#"
        [providers.here]
        kind = "ollama"
        [models.zeta]
        provider = "here"
        model = "z"
        context_tokens = 8000
        [models.alpha]
        provider = "here"
        model = "a"
        context_tokens = 4000
    "#;
    let environment = kubewright::settings::Environment::default();
    let settings = AgentsSettings::parse(text, std::path::Path::new("agents.toml"), &environment).unwrap();
    let models = Models::new(&settings, scrub()).unwrap();
    let names = |wanted: &[String]| {
        models.chain(wanted).map(|chain| chain.names().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]).unwrap(), ["zeta", "alpha"]);
    assert_eq!(names(&["alpha".to_owned(), "zeta".to_owned()]).unwrap(), ["alpha", "zeta"]);
    assert_eq!(names(&["nobody".to_owned()]), None);
    assert_eq!(models.chain(&[]).unwrap().context_tokens(), 4000);
}

#[test]
fn a_model_without_its_provider_is_refused() {
    let text = "[models.lost]\nprovider = \"nowhere\"\nmodel = \"m\"\n";
    let environment = kubewright::settings::Environment::default();
    let problems =
        AgentsSettings::parse(text, std::path::Path::new("agents.toml"), &environment).unwrap_err();
    assert!(problems.to_string().contains("models.lost.provider"), "{problems}");
    let settings = AgentsSettings {
        models: BTreeMap::from([("lost".to_owned(), model("nowhere", "m", 8192))]),
        ..AgentsSettings::default()
    };
    assert!(Models::new(&settings, scrub()).is_err());
}
