//! Chat over HTTP with the agents behind it, whose model is scripted.

mod faults;
mod plans;
mod said;
mod tools;

use std::path::Path;

use kubewright::agents::progress::RunEvent;
use kubewright::http::AnswerDone;
use kubewright::settings::{AgentsSettings, Environment};
use kubewright::sim::model::{Asked, Reply, ScriptedModel};
use serde_json::{Value, json};

use crate::support::http_client;
use crate::support::site::{Site, listener};

/// An answer of `/api/v1/chat` with all its events.
struct Heard {
    conversation: String,
    events: Vec<(String, Value)>,
}

impl Heard {
    fn kinds(&self) -> Vec<&str> {
        self.events.iter().map(|(kind, _)| kind.as_str()).collect()
    }

    fn of(&self, kind: &str) -> Option<&Value> {
        self.events.iter().find(|(of, _)| of == kind).map(|(_, data)| data)
    }

    fn done(&self) -> AnswerDone {
        let data = self.of("done").unwrap_or_else(|| panic!("{:#?}", self.events));
        serde_json::from_value(data.clone()).unwrap()
    }

    /// What was said piece by piece.
    fn said(&self) -> String {
        let texts = self.events.iter().filter(|(kind, _)| kind == "text");
        texts.map(|(_, data)| data["text"].as_str().unwrap()).collect()
    }

    fn approval(&self) -> (String, String, String) {
        let data = self.of("approval_needed").unwrap_or_else(|| panic!("{:#?}", self.events));
        match serde_json::from_value(data.clone()).unwrap() {
            RunEvent::ApprovalNeeded { digest, command, request, .. } => (digest, command, request),
            other => panic!("{other:?}"),
        }
    }
}

async fn chat(site: &Site, body: &Value) -> Heard {
    let answer = http_client().post(format!("{}/api/v1/chat", site.url)).json(body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{body}");
    let conversation = answer.headers()["x-kubewright-conversation"].to_str().unwrap().to_owned();
    Heard { conversation, events: events(&answer.text().await.unwrap()) }
}

/// The events of a stream: their kinds, empty where there is none, and their data, text where it is no JSON.
fn events(stream: &str) -> Vec<(String, Value)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_start().to_owned())
    };
    let event = |event: &str| {
        let data = field(event, "data:")?;
        let value = serde_json::from_str(&data).unwrap_or(Value::String(data));
        Some((field(event, "event:").unwrap_or_default(), value))
    };
    stream.split("\n\n").filter_map(event).collect()
}

/// A request of OpenAI's wire; the status and the body.
async fn complete(site: &Site, body: &Value) -> (u16, String) {
    let url = format!("{}/v1/chat/completions", site.url);
    let answer = http_client().post(url).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn question(more: &Value) -> Value {
    let mut body = json!({ "model": "kubewright", "messages": [{ "role": "user", "content": "why?" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What was said in a stream of chunks.
fn streamed(stream: &str) -> String {
    let chunks = events(stream);
    let content = |(_, chunk): &(String, Value)| {
        chunk.pointer("/choices/0/delta/content").and_then(Value::as_str).map(str::to_owned)
    };
    chunks.iter().filter_map(content).collect()
}

fn whole(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

/// What `agents.toml` says of a model that has a second to answer; `more` follows.
fn hasty(model: &ScriptedModel, more: &str) -> AgentsSettings {
    let text = format!(
        "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\ntimeout = \"1s\"\n\
         [models.main]\nprovider = \"scripted\"\nmodel = \"scripted\"\ncontext_tokens = 128000\nanswer_tokens = 2048\n{more}",
        model.url()
    );
    AgentsSettings::parse(&text, Path::new("agents.toml"), &Environment::new()).unwrap()
}

/// A server whose cluster is at `cluster`.
async fn site(cluster: &str, agents: AgentsSettings) -> Site {
    let (listener, _) = listener().await;
    Site::start(listener, &format!("[[clusters]]\nname = \"prod\"\nurl = \"{cluster}\"\n"), 3, agents).await
}

/// Where nothing answers.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A model that leaves every incident to people, and in chat does what `chat` says.
fn leaves_it(chat: impl Fn(&Asked<'_>) -> Reply) -> impl Fn(&Value) -> Reply {
    move |body| {
        let asked = Asked::new(body);
        let prompt = asked.prompt();
        let submit = |answer: Value| Reply::call("submit", answer);
        match prompt.as_str() {
            prompt if prompt.starts_with("You are kubewright") => chat(&asked),
            prompt if prompt.starts_with("You lead") => submit(json!({"reason": "?", "assignments": []})),
            prompt if prompt.starts_with("You weigh") => {
                submit(json!({"hypotheses": [], "decision": "escalate", "reason": "Nobody can tell."}))
            }
            _ => submit(json!({"summary": "Nothing was found.", "hypotheses": []})),
        }
    }
}
