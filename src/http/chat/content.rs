//! What OpenAI's clients send. They send much that means nothing here; what is unknown is passed over, what is known and
//! wrong is refused by name.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::agents::chat::{ChatMessage, Role};
use crate::http::error::ApiError;

/// A request for an answer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(super) struct CompletionRequest {
    /// `kubewright`, `kubewright-diagnostic`, …; `:inc-…` after it names an incident.
    pub(super) model: String,
    /// The conversation so far; the last message is the question.
    pub(super) messages: Vec<WireMessage>,
    /// Whether the answer comes in pieces.
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    /// A text, or several, at which the answer ends.
    pub(super) stop: Option<Stop>,
    /// Most tokens of the answer.
    pub(super) max_tokens: Option<u64>,
    /// The same under its newer name, which wins.
    pub(super) max_completion_tokens: Option<u64>,
    /// Randomness, 0 to 2.
    pub(super) temperature: Option<f64>,
    /// How many answers; only 1.
    pub(super) n: Option<u64>,
    /// `incident`, `cluster`, `namespaces` (separated by commas) say what it is about.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// How a stream is sent.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(super) struct StreamOptions {
    /// Whether a last chunk says what was used.
    pub(super) include_usage: Option<bool>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(super) enum Stop {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Stop {
    pub(super) fn texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        }
    }
}

/// A message as it is sent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(super) struct WireMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    role: String,
    /// A text, or a list of parts of type `text`.
    #[schema(value_type = Option<Object>)]
    content: Option<Value>,
}

impl CompletionRequest {
    /// Reads a body; what is wrong is told with its place.
    pub(super) fn read(body: Value) -> Result<Self, ApiError> {
        let request: Self = serde_path_to_error::deserialize(body).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." { "body".to_owned() } else { place };
            let text = format!("{place}: {}", error.inner());
            ApiError::bad_request("invalid_type", text).with_param(place)
        })?;
        request.check()?;
        Ok(request)
    }

    /// What the metadata say under a name; other clients keep other things there.
    pub(super) fn metadata(&self, name: &str) -> Option<String> {
        self.metadata.as_ref()?.get(name)?.as_str().map(str::to_owned)
    }

    /// Refuses values that no answer can be made with.
    fn check(&self) -> Result<(), ApiError> {
        let refuse = |param: &str, text: String| {
            Err(ApiError::bad_request("unsupported_value", format!("{param} {text}")).with_param(param))
        };
        match (self.n, self.temperature) {
            (Some(n), _) if n != 1 => {
                return refuse("n", format!("is {n}; one answer is given to a question"));
            }
            (_, Some(value)) if !(0.0..=2.0).contains(&value) => {
                return refuse("temperature", format!("is {value}; it must be from 0 to 2"));
            }
            _ => {}
        }
        let named = self.metadata.as_ref().and_then(|metadata| metadata.get("namespaces"));
        let names = named.map(|names| names.as_str().unwrap_or_default());
        if names.is_some_and(|names| names.split(',').all(|name| name.trim().is_empty())) {
            let text = "must be the names of namespaces, separated by commas".to_owned();
            return refuse("metadata.namespaces", text);
        }
        let limits = [("max_completion_tokens", self.max_completion_tokens), ("max_tokens", self.max_tokens)];
        match limits.into_iter().find(|(_, limit)| *limit == Some(0)) {
            Some((param, _)) => refuse(param, "is 0; an answer has at least one token".to_owned()),
            None => Ok(()),
        }
    }
}

/// The messages as chat takes them. Empty ones, as assistants that only called a tool leave them, are passed over.
pub(super) fn messages(sent: Vec<WireMessage>) -> Result<Vec<ChatMessage>, ApiError> {
    let mut messages = Vec::with_capacity(sent.len());
    for (place, message) in sent.into_iter().enumerate() {
        let (role, before) = role(&message.role, place)?;
        let text = text(message.content, place)?;
        if !text.is_empty() {
            messages.push(ChatMessage::new(role, format!("{before}{text}")));
        }
    }
    Ok(messages)
}

/// Who wrote a message, and what is put before its text. What a client's own tool has answered is the client's word.
fn role(name: &str, place: usize) -> Result<(Role, &'static str), ApiError> {
    match name {
        "user" => Ok((Role::User, "")),
        "assistant" => Ok((Role::Assistant, "")),
        "system" | "developer" => Ok((Role::System, "")),
        "tool" | "function" => Ok((Role::User, "A tool of the client answered: ")),
        other => {
            let other: String = other.chars().take(40).collect();
            let text = format!(
                "messages[{place}].role is \"{other}\"; roles are system, developer, user, assistant, tool"
            );
            Err(ApiError::bad_request("invalid_value", text).with_param(format!("messages[{place}].role")))
        }
    }
}

fn text(content: Option<Value>, place: usize) -> Result<String, ApiError> {
    let param = format!("messages[{place}].content");
    let wrong = |text: String| ApiError::bad_request("invalid_value", text).with_param(param.clone());
    match content {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().map(|part| {
                let kind = part.get("type").and_then(Value::as_str).unwrap_or("without a type");
                let text = part.get("text").and_then(Value::as_str);
                text.filter(|_| kind == "text").ok_or_else(|| {
                    let kind: String = kind.chars().take(40).collect();
                    wrong(format!("{param} has a part that is {kind}; only parts of type text are read here"))
                })
            });
            Ok(texts.collect::<Result<Vec<&str>, _>>()?.join("\n"))
        }
        Some(_) => Err(wrong(format!("{param} must be a text or a list of parts"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(messages_sent: Value) -> Result<Vec<ChatMessage>, ApiError> {
        messages(
            CompletionRequest::read(json!({ "model": "kubewright", "messages": messages_sent }))?.messages,
        )
    }

    fn message(role: Role, text: &str) -> ChatMessage {
        ChatMessage::new(role, text)
    }

    #[test]
    fn namespaces_that_cannot_be_read_never_mean_all_of_them() {
        let with = |namespaces: Value| {
            let messages = json!([{ "role": "user", "content": "why?" }]);
            CompletionRequest::read(
                json!({ "model": "kubewright", "messages": messages, "metadata": { "namespaces": namespaces } }),
            )
        };
        assert!(with(json!("shop, payments")).is_ok());
        for wrong in [json!(["shop"]), json!(""), json!(" , "), json!(null)] {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_role_and_both_forms_of_content_are_read() {
        let sent = json!([
            { "role": "developer", "content": "be brief" },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "role": "tool", "tool_call_id": "x", "content": "42" },
            { "role": "user", "name": "ada", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
        ]);
        let expected = [
            message(Role::System, "be brief"),
            message(Role::User, "A tool of the client answered: 42"),
            message(Role::User, "a\nb"),
        ];
        assert_eq!(read(sent).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let image =
            json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "x" } }] }]);
        for (sent, param) in [
            (json!([{ "role": "wizard", "content": "x" }]), "messages[0].role"),
            (image, "messages[0].content"),
            (json!([{ "role": "user", "content": 7 }]), "messages[0].content"),
            (json!([{ "content": "x" }]), "messages[0]"),
            (json!("why?"), "messages"),
        ] {
            assert_eq!(read(sent).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn unknown_fields_are_passed_over_and_known_ones_must_fit() {
        let body = |more: Value| {
            let mut body =
                json!({ "model": "kubewright", "messages": [], "top_p": 1, "seed": 7, "tools": [] });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            CompletionRequest::read(body)
        };
        assert!(
            body(json!({ "n": 1, "user": "ada", "logit_bias": {}, "metadata": { "a": { "b": 1 } } })).is_ok()
        );
        assert_eq!(body(json!({ "stop": "END" })).unwrap().stop.unwrap().texts(), ["END"]);
        assert_eq!(body(json!({ "stop": ["a", "b"] })).unwrap().stop.unwrap().texts(), ["a", "b"]);
        for (more, param) in [
            (json!({ "n": 2 }), "n"),
            (json!({ "temperature": 2.5 }), "temperature"),
            (json!({ "max_tokens": 0 }), "max_tokens"),
            (json!({ "stop": 7 }), "stop"),
            (json!({ "temperature": "hot" }), "temperature"),
            (json!({ "max_tokens": -1 }), "max_tokens"),
            (json!({ "stream_options": { "include_usage": "yes" } }), "stream_options.include_usage"),
        ] {
            assert_eq!(body(more).unwrap_err().param(), Some(param));
        }
    }
}
