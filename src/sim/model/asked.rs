//! What a request says, for scripts that are functions.

use std::collections::BTreeSet;

use serde_json::Value;

/// A request's body, read.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    messages: &'a [Value],
    body: &'a Value,
}

impl<'a> Asked<'a> {
    /// Of the body of a request.
    #[must_use]
    pub fn new(body: &'a Value) -> Self {
        let messages = body.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Self { messages, body }
    }

    /// The first message: the prompt.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.messages.first().map(text).unwrap_or_default()
    }

    /// All that was read, a line after the other.
    #[must_use]
    pub fn text(&self) -> String {
        self.messages.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    /// The answers of tools so far, oldest first.
    #[must_use]
    pub fn results(&self) -> Vec<String> {
        let of_tools =
            |message: &&Value| message.get("role").and_then(Value::as_str).is_some_and(|role| role == "tool");
        self.messages.iter().filter(of_tools).map(text).collect()
    }

    /// The names of the tools that are offered.
    #[must_use]
    pub fn tools(&self) -> Vec<&'a str> {
        let offered = self.body.get("tools").and_then(Value::as_array).into_iter().flatten();
        offered.filter_map(|tool| tool.pointer("/function/name").and_then(Value::as_str)).collect()
    }

    /// The numbers of what was seen, such as `E7`, on lines that begin with one in brackets and contain `part`; in the
    /// order in which they were read, each once.
    #[must_use]
    pub fn evidence(&self, part: &str) -> Vec<String> {
        let (text, mut seen) = (self.text(), BTreeSet::new());
        let numbered = |line: &str| {
            let (number, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
            let digits = number.strip_prefix('E')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && rest.contains(part)).then(|| number.to_owned())
        };
        text.lines().filter_map(numbered).filter(|number| seen.insert(number.clone())).collect()
    }
}

/// The text of a message, whole or in parts.
fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let parts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            parts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Asked;

    #[test]
    fn a_request_is_read_in_both_shapes_of_its_messages() {
        let body = json!({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "Why?\n[E2] Pod shop/a: ends"}]},
            {"role": "assistant", "content": null},
            {"role": "tool", "content": "Citable:\n[E12] Pod shop/a: says no\n[E2] Pod shop/a: again\n[Ex] none"}],
            "tools": [{"type": "function", "function": {"name": "submit"}}]});
        let asked = Asked::new(&body);
        assert!(asked.prompt().starts_with("Why?"));
        assert_eq!((asked.tools(), asked.results().len()), (vec!["submit"], 1));
        assert_eq!(asked.evidence(""), ["E2", "E12"]);
        assert_eq!(asked.evidence("says"), ["E12"]);
        let nothing = json!([1]);
        assert_eq!((Asked::new(&nothing).text(), Asked::new(&nothing).tools().len()), (String::new(), 0));
    }
}
