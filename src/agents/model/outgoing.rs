//! The last look at a request before it leaves: every string in it is scrubbed, whatever the caller did.
//!
//! Left as they are: keys, and what the provider itself has made and wants back unchanged — the identifiers of its tool
//! calls and the signatures of its reasoning — at the places where its wire has them, and only if they look like that.

use serde_json::{Map, Value};

use super::Scrub;
use super::joined::join_texts;

/// Longest identifier of a tool call; OpenAI's limit is 40, Anthropic's and Google's are about 64.
const IDENTIFIER: usize = 64;

/// Longest signature of reasoning, bytes; those of long thoughts are some tens of kilobytes.
const SIGNATURE: usize = 256 * 1024;

/// The body with its strings scrubbed; `None` if it is not JSON, and then it must not be sent.
pub(super) fn scrubbed(body: &[u8], scrub: &Scrub) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    join_texts(&mut value);
    let kept = kept(&value);
    scrub_value(&mut value, scrub);
    for (pointer, own) in kept {
        if let Some(place) = value.pointer_mut(&pointer) {
            *place = own;
        }
    }
    serde_json::to_vec(&value).ok()
}

fn scrub_value(value: &mut Value, scrub: &Scrub) {
    match value {
        Value::String(text) => *text = scrub_text(text, scrub),
        Value::Array(values) => values.iter_mut().for_each(|value| scrub_value(value, scrub)),
        Value::Object(fields) => fields.values_mut().for_each(|value| scrub_value(value, scrub)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON inside a string (the arguments of a call, the result of a tool) hides line breaks and quotes behind escapes, so
/// it is scrubbed as JSON first.
fn scrub_text(text: &str, scrub: &Scrub) -> String {
    if text.starts_with(['{', '['])
        && let Ok(mut inner) = serde_json::from_str::<Value>(text)
    {
        let before = inner.clone();
        scrub_value(&mut inner, scrub);
        if inner != before {
            return scrub(&inner.to_string());
        }
    }
    scrub(text)
}

/// What stays as it is, by its place.
fn kept(body: &Value) -> Vec<(String, Value)> {
    let mut places = Places { body, kept: Vec::new() };
    for message in places.indices("/messages") {
        places.identifier(format!("{message}/tool_call_id"));
        for call in places.indices(&format!("{message}/tool_calls")) {
            places.identifier(format!("{call}/id"));
        }
        for block in places.indices(&format!("{message}/content")) {
            places.anthropic_block(&message, &block);
        }
    }
    for content in places.indices("/contents") {
        for part in places.indices(&format!("{content}/parts")) {
            places.identifier(format!("{part}/functionCall/id"));
            places.identifier(format!("{part}/functionResponse/id"));
            if places.text(&format!("{content}/role")) == Some("model") {
                places.signature(format!("{part}/thoughtSignature"));
            }
        }
    }
    places.kept
}

struct Places<'a> {
    body: &'a Value,
    kept: Vec<(String, Value)>,
}

impl Places<'_> {
    /// The places of the members of an array.
    fn indices(&self, array: &str) -> Vec<String> {
        let length = self.body.pointer(array).and_then(Value::as_array).map_or(0, Vec::len);
        (0..length).map(|index| format!("{array}/{index}")).collect()
    }

    fn text(&self, place: &str) -> Option<&str> {
        self.body.pointer(place).and_then(Value::as_str)
    }

    fn anthropic_block(&mut self, message: &str, block: &str) {
        let fields = self.body.pointer(block).and_then(Value::as_object);
        let kind = fields.and_then(|fields: &Map<String, Value>| fields.get("type")).and_then(Value::as_str);
        let by_the_model = self.text(&format!("{message}/role")) == Some("assistant");
        match kind {
            Some("tool_use") => self.identifier(format!("{block}/id")),
            Some("tool_result") => self.identifier(format!("{block}/tool_use_id")),
            Some("thinking") if by_the_model => self.signature(format!("{block}/signature")),
            Some("redacted_thinking") if by_the_model => self.signature(format!("{block}/data")),
            _ => {}
        }
    }

    fn identifier(&mut self, place: String) {
        self.keep(place, IDENTIFIER, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    }

    fn signature(&mut self, place: String) {
        self.keep(place, SIGNATURE, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=')
        });
    }

    fn keep(&mut self, place: String, longest: usize, fits: fn(char) -> bool) {
        let Some(text) = self.text(&place) else { return };
        if text.len() <= longest && text.chars().all(fits) {
            let own = Value::String(text.to_owned());
            self.kept.push((place, own));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::scrubbed;
    use crate::agents::model::Scrub;

    fn scrub() -> Scrub {
        Arc::new(|text: &str| text.replace("hunter2", "<s>").replace("line one\nline two", "<pem>"))
    }

    fn scrubbed_value(body: &Value) -> Value {
        serde_json::from_slice(&scrubbed(body.to_string().as_bytes(), &scrub()).unwrap()).unwrap()
    }

    #[test]
    fn every_string_is_scrubbed_and_no_key() {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hunter2"}],
            "tools": [{"function": {"description": "finds hunter2", "parameters": {"hunter2": {"enum": ["hunter2", 2]}}}}]});
        let expected = json!({"model": "m", "messages": [{"role": "user", "content": "<s>"}],
            "tools": [{"function": {"description": "finds <s>", "parameters": {"hunter2": {"enum": ["<s>", 2]}}}}]});
        assert_eq!(scrubbed_value(&body), expected);
    }

    #[test]
    fn json_within_a_string_is_scrubbed_as_json() {
        let arguments = json!({"key": "line one\nline two"}).to_string();
        let body = json!({"messages": [{"tool_calls": [{"function": {"arguments": arguments}}]}]});
        let shown = scrubbed_value(&body);
        assert_eq!(shown["messages"][0]["tool_calls"][0]["function"]["arguments"], r#"{"key":"<pem>"}"#);
    }

    #[test]
    fn what_is_not_json_is_not_sent() {
        for garbage in [&b""[..], b"hunter2", b"{\"a\":", b"\xff"] {
            assert_eq!(scrubbed(garbage, &scrub()), None);
        }
    }

    #[test]
    fn the_providers_own_marks_stay_where_its_wire_has_them_and_nowhere_else() {
        let body = json!({"messages": [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hunter2", "signature": "hunter2"},
                {"type": "tool_use", "id": "hunter2", "input": {"id": "hunter2", "signature": "hunter2"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "hunter2", "content": "hunter2"},
                {"type": "thinking", "signature": "hunter2"}]},
            {"role": "tool", "tool_call_id": "hunter2 and more", "content": "x"}]});
        let expected = json!({"messages": [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "<s>", "signature": "hunter2"},
                {"type": "tool_use", "id": "hunter2", "input": {"id": "<s>", "signature": "<s>"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "hunter2", "content": "<s>"},
                {"type": "thinking", "signature": "<s>"}]},
            {"role": "tool", "tool_call_id": "<s> and more", "content": "x"}]});
        assert_eq!(scrubbed_value(&body), expected);
    }
}
