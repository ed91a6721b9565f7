//! Messages whose content is a list of texts, as one text. OpenAI's wire allows both; servers that copy it, and the chat
//! templates of the models behind them, often know only the text.

use serde_json::{Map, Value};

/// Roles that only OpenAI's wire has: elsewhere a list may mean something.
const ROLES: [&str; 3] = ["system", "developer", "tool"];

/// Joins the texts of each message that has nothing else.
pub(super) fn join_texts(body: &mut Value) {
    let messages = body.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten().filter_map(Value::as_object_mut) {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !ROLES.contains(&role) {
            continue;
        }
        if let Some(text) = message.get("content").and_then(Value::as_array).and_then(|parts| joined(parts)) {
            message.insert("content".to_owned(), text.into());
        }
    }
}

fn joined(parts: &[Value]) -> Option<String> {
    let texts: Option<Vec<&str>> = parts.iter().map(|part| text(part.as_object()?)).collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("\n\n"))
}

/// The text of a part that is a text and nothing else.
fn text(part: &Map<String, Value>) -> Option<&str> {
    let plain = part.len() == 2 && part.get("type")?.as_str()? == "text";
    part.get("text").filter(|_| plain)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::join_texts;

    fn sent(message: Value) -> Value {
        let mut body = json!({"model": "m", "messages": [message]});
        join_texts(&mut body);
        body["messages"][0]["content"].clone()
    }

    #[test]
    fn texts_of_a_message_become_one() {
        let parts = json!([{"type": "text", "text": "You are."}, {"type": "text", "text": "Be kind."}]);
        for role in ["system", "developer", "tool"] {
            assert_eq!(sent(json!({"role": role, "content": parts})), "You are.\n\nBe kind.", "{role}");
        }
    }

    #[test]
    fn what_is_more_than_text_stays() {
        let image = json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        let cached = json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]);
        for content in [image, cached, json!([]), json!("text"), json!(null), json!([7])] {
            assert_eq!(sent(json!({"role": "system", "content": content})), content);
        }
        let block = json!([{"type": "text", "text": "a"}]);
        assert_eq!(sent(json!({"role": "user", "content": block})), block);
        let mut odd = json!({"messages": {"role": "system"}});
        join_texts(&mut odd);
        assert_eq!(odd, json!({"messages": {"role": "system"}}));
    }
}
