//! A message as it is kept: without secrets, also where a model wrote one by itself.
//!
//! What a model reads has been scrubbed before; what it writes has not. Where scrubbing changes a part of an answer, what
//! the provider itself wants to see again of that part is dropped, for it would say the same.

use rig_core::message::Message;
use serde_json::{Map, Value};

use crate::egress::Session;

/// What holds a provider's own form of a part.
const OWN_FORMS: [&str; 2] = ["native", "citations"];

/// The message as JSON; `None` if it cannot be written so.
pub(super) fn redacted(message: &Message, session: &Session) -> Option<Value> {
    let mut value = serde_json::to_value(message).ok()?;
    if matches!(message, Message::Assistant(_)) {
        let parts = value.get_mut("content").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten().filter_map(Value::as_object_mut) {
            redact_part(part, session);
        }
    }
    Some(value)
}

fn redact_part(part: &mut Map<String, Value>, session: &Session) {
    let mut changed = false;
    for key in ["text", "function"] {
        if let Some(value) = part.get_mut(key) {
            changed |= redact(value, session);
        }
    }
    if changed {
        OWN_FORMS.iter().for_each(|form| drop(part.shift_remove(*form)));
    }
}

/// Scrubs every text within; says whether any changed.
fn redact(value: &mut Value, session: &Session) -> bool {
    match value {
        Value::String(text) => {
            let scrubbed = session.trusted(text);
            let changed = scrubbed != *text;
            *text = scrubbed;
            changed
        }
        Value::Array(values) => {
            values.iter_mut().fold(false, |changed, value| redact(value, session) | changed)
        }
        Value::Object(fields) => {
            fields.values_mut().fold(false, |changed, value| redact(value, session) | changed)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rig_core::message::{AssistantContent, AssistantMessage, Message, ToolName};
    use serde_json::json;

    use super::redacted;
    use crate::egress::Egress;
    use crate::settings::EgressSettings;

    const TOKEN: &str = "ghp_CanaryCanaryCanaryCanaryCanary123456";

    #[test]
    fn what_a_model_writes_is_kept_without_its_secrets_and_can_be_read_again() {
        let session = Egress::new(&EgressSettings::default()).unwrap().session();
        let name = ToolName::new("kubectl").unwrap();
        let call = AssistantContent::tool_call("c1", name, json!({"command": ["get", {"token": TOKEN}]}));
        let text = AssistantContent::text(format!("The token is {TOKEN}."));
        let kept = redacted(&Message::Assistant(AssistantMessage::new(vec![text, call])), &session).unwrap();
        let shown = kept.to_string();
        assert!(!shown.contains("Canary") && shown.contains("<secret:"), "{shown}");
        let again: Message = serde_json::from_value(kept.clone()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), kept);
    }

    #[test]
    fn a_message_without_secrets_is_kept_as_it_is() {
        let session = Egress::new(&EgressSettings::default()).unwrap().session();
        let name = ToolName::new("kubernetes_get").unwrap();
        let call = AssistantContent::tool_call("call_1", name, json!({"name": "checkout"}));
        for message in [
            Message::Assistant(AssistantMessage::new(vec![call])),
            Message::system("You are one."),
            Message::user("Why?"),
        ] {
            let kept = redacted(&message, &session).unwrap();
            assert_eq!(serde_json::from_value::<Message>(kept).unwrap(), message);
        }
    }
}
