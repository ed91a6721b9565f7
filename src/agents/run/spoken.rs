//! Calls of tools that a model writes as text, as small local models do: in `<tool_call>` tags, in a fenced block, or as
//! bare JSON. Only calls of tools that were offered count; everything else is prose.

use rig_core::message::{AssistantContent, AssistantMessage, Message, ToolCall, ToolName};
use serde_json::Value;

/// Calls of one text that are taken.
const MOST: usize = 12;

/// What a text calls, with the turn as it belongs into the conversation then.
pub(super) struct Spoken {
    pub(super) calls: Vec<ToolCall>,
    pub(super) message: Message,
}

/// The calls in a text; `turn` tells calls of different turns apart. `None`: it calls nothing that was `offered`.
pub(super) fn calls(text: &str, offered: &[&str], turn: u32) -> Option<Spoken> {
    let written: Vec<(ToolName, Value)> = pieces(text)
        .iter()
        .flat_map(|piece| match serde_json::from_str::<Value>(piece.trim()) {
            Ok(Value::Array(calls)) => calls,
            Ok(call) => vec![call],
            Err(_) => Vec::new(),
        })
        .filter_map(|call| read(&call, offered))
        .take(MOST)
        .collect();
    let contents: Vec<AssistantContent> = written
        .into_iter()
        .enumerate()
        .map(|(number, (name, arguments))| {
            AssistantContent::tool_call(format!("text_{turn}_{number}"), name, arguments)
        })
        .collect();
    let calls: Vec<ToolCall> = contents
        .iter()
        .filter_map(|content| match content {
            AssistantContent::ToolCall(call) => Some(call.clone()),
            _ => None,
        })
        .collect();
    (!calls.is_empty())
        .then(|| Spoken { calls, message: Message::Assistant(AssistantMessage::new(contents)) })
}

/// The parts of a text that may be JSON: what stands in tags, else in fenced blocks, else the whole.
fn pieces(text: &str) -> Vec<&str> {
    let tagged = between(text, "<tool_call>", "</tool_call>");
    if !tagged.is_empty() {
        return tagged;
    }
    let fenced: Vec<&str> = between(text, "```", "```")
        .into_iter()
        .map(|block| block.split_once('\n').map_or(block, |(_language, body)| body))
        .collect();
    if fenced.is_empty() { vec![text] } else { fenced }
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(open) {
        let Some((inside, later)) = after.split_once(close) else {
            // Models forget the last tag.
            found.push(after);
            break;
        };
        found.push(inside);
        rest = later;
    }
    found
}

/// A call in one of the shapes that models were trained on.
fn read(call: &Value, offered: &[&str]) -> Option<(ToolName, Value)> {
    let inner = call.get("function").filter(|function| function.is_object()).unwrap_or(call);
    let named = ["name", "tool", "function"].iter().find_map(|key| inner.get(key)?.as_str())?;
    let name = offered.iter().find(|offered| **offered == named)?;
    let arguments = ["arguments", "parameters", "args"].iter().find_map(|key| inner.get(key));
    let arguments = match arguments {
        Some(Value::String(text)) => serde_json::from_str(text).ok()?,
        Some(arguments) => arguments.clone(),
        None => Value::Object(serde_json::Map::new()),
    };
    arguments.is_object().then_some((ToolName::new(*name).ok()?, arguments))
}

#[cfg(test)]
mod tests {
    use super::calls;

    fn called(text: &str) -> Vec<(String, String)> {
        let spoken = calls(text, &["kubernetes_logs", "submit"], 1);
        let calls = spoken.map(|spoken| spoken.calls).unwrap_or_default();
        calls
            .iter()
            .map(|call| {
                let arguments = serde_json::Value::Object(call.function.arguments.clone());
                (call.function.name.to_string(), arguments.to_string())
            })
            .collect()
    }

    #[test]
    fn every_way_to_write_a_call_is_understood() {
        let expected = vec![("kubernetes_logs".to_owned(), "{\"pod\":\"a\"}".to_owned())];
        for text in [
            "<tool_call>\n{\"name\": \"kubernetes_logs\", \"arguments\": {\"pod\": \"a\"}}\n</tool_call>",
            "Let me look.\n<tool_call>{\"name\": \"kubernetes_logs\", \"arguments\": {\"pod\": \"a\"}}",
            "```json\n{\"tool\": \"kubernetes_logs\", \"parameters\": {\"pod\": \"a\"}}\n```",
            "{\"name\": \"kubernetes_logs\", \"arguments\": \"{\\\"pod\\\": \\\"a\\\"}\"}",
            "[{\"type\": \"function\", \"function\": {\"name\": \"kubernetes_logs\", \"arguments\": {\"pod\": \"a\"}}}]",
        ] {
            assert_eq!(called(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_not_offered_and_what_is_prose_is_no_call() {
        for text in [
            "The pod crashes because of {\"name\": \"x\"}.",
            "<tool_call>{\"name\": \"kubernetes_delete\", \"arguments\": {}}</tool_call>",
            "{\"name\": \"kubernetes_logs\", \"arguments\": \"no JSON\"}",
            "{\"name\": \"kubernetes_logs\", \"arguments\": [1]}",
            "<tool_call>garbage \u{0}",
            "",
        ] {
            assert!(called(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn several_calls_stand_apart() {
        let one = "<tool_call>{\"name\": \"kubernetes_logs\", \"arguments\": {}}</tool_call>";
        let spoken = calls(&format!("{one}{one}"), &["kubernetes_logs"], 3).unwrap();
        assert_eq!(spoken.calls.len(), 2);
        assert_ne!(spoken.calls[0].id.to_string(), spoken.calls[1].id.to_string());
        assert_eq!(calls(&one.repeat(40), &["kubernetes_logs"], 3).unwrap().calls.len(), super::MOST);
    }
}
