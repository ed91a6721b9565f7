//! Replies in OpenAI's shapes.

use serde_json::{Value, json};

use super::script::Call;

/// The name of the model.
pub(super) const MODEL: &str = "scripted";

/// Why a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    ToolCalls,
    ContentFilter,
}

impl Finish {
    const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// Tokens by a rule of thumb, as the real count does not matter here.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// What reading and writing took.
pub(super) fn usage(read: &str, written: &str) -> Value {
    let (read, written) = (tokens(read), tokens(written));
    json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written})
}

fn arguments(call: &Call) -> String {
    match &call.arguments {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn call_id(number: usize) -> String {
    format!("call_{number}")
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// A whole reply.
pub(super) fn whole(text: &str, calls: &[Call], finish: Finish, usage: Option<Value>) -> Value {
    let mut message = json!({"role": "assistant", "content": text});
    if !calls.is_empty() {
        let calls = calls.iter().enumerate().map(|(number, call)| {
            json!({"id": call_id(number), "type": "function",
                "function": {"name": call.tool, "arguments": arguments(call)}})
        });
        set(&mut message, "tool_calls", calls.collect());
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": finish.name()});
    let mut reply = json!({"id": "chatcmpl-scripted", "object": "chat.completion", "created": 0,
        "model": MODEL, "choices": [choice]});
    if let Some(usage) = usage {
        set(&mut reply, "usage", usage);
    }
    reply
}

fn chunk(delta: &Value, finish: Option<Finish>) -> Value {
    json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0, "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish.map(Finish::name)}]})
}

/// The pieces of a streamed text: words.
pub(super) fn text_chunks(text: &str) -> Vec<Value> {
    text.split_inclusive(' ')
        .map(|piece| chunk(&json!({"role": "assistant", "content": piece}), None))
        .collect()
}

/// The pieces of streamed calls: a name, then the arguments in halves.
pub(super) fn call_chunks(calls: &[Call]) -> Vec<Value> {
    let mut chunks = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let text = arguments(call);
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let (first, second) = text.split_at(half);
        let opening = json!({"index": number, "id": call_id(number), "type": "function",
            "function": {"name": call.tool, "arguments": first}});
        chunks.push(chunk(&json!({"tool_calls": [opening]}), None));
        let rest = json!({"index": number, "function": {"arguments": second}});
        chunks.push(chunk(&json!({"tool_calls": [rest]}), None));
    }
    chunks
}

/// The last pieces.
pub(super) fn end_chunks(finish: Finish, usage: Option<Value>) -> Vec<Value> {
    let mut chunks = vec![chunk(&json!({}), Some(finish))];
    if let Some(usage) = usage {
        chunks.push(json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0,
            "model": MODEL, "choices": [], "usage": usage}));
    }
    chunks
}
