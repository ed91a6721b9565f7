//! A run that ends with a typed answer.
//!
//! The model answers by calling `submit`, whose parameters are the agent's schema. What does not fit goes back to it with
//! the place and the reason; after [`REPAIRS`] times the run has failed, and the caller falls back.

use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolCall, ToolChoice, ToolName, ToolResultContent};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::again::Said;
use super::shape::shape;
use super::{Run, RunError, Turn};
use crate::store::MessageDetail;

/// How often a malformed answer is sent back.
const REPAIRS: u32 = 2;

/// The tool by which an agent answers.
const SUBMIT: &str = "submit";

/// What the model is told when it answers in prose.
const SUBMIT_REMINDER: &str = "Give your answer by calling `submit`.";

impl Run<'_> {
    /// Works until the agent submits an answer of its type.
    pub(crate) async fn typed<T: DeserializeOwned>(&mut self) -> Result<T, RunError> {
        loop {
            let said = self.last_said().await?;
            let (submitted, others) = apart(said.calls);
            let why = match submitted.first() {
                Some(call) => match read::<T>(call) {
                    Ok(answer) => return Ok(answer),
                    Err(why) => {
                        self.refuse(&submitted, &others, &why);
                        why
                    }
                },
                // Small models write the answer as text; it is as good if it fits.
                None if others.is_empty() => match from_text::<T>(&said.text) {
                    Some(answer) => return Ok(answer),
                    None => {
                        self.push(Message::user(SUBMIT_REMINDER), MessageDetail::default());
                        "it was not submitted".to_owned()
                    }
                },
                None => {
                    self.call_tools(others).await;
                    continue;
                }
            };
            self.record.repairs += 1;
            if self.record.repairs > REPAIRS {
                return Err(RunError::Malformed(why));
            }
        }
    }

    /// What the model says next; first of all what it had said before a crash.
    async fn last_said(&mut self) -> Result<Said, RunError> {
        if let Some(said) = self.unanswered.take() {
            return Ok(said);
        }
        let last = self.is_last();
        let answer = self.turn(self.typed_turn(last)?).await?;
        Ok(Said { text: answer.text, calls: answer.calls })
    }

    fn typed_turn(&self, last: bool) -> Result<Turn, RunError> {
        let name = ToolName::new(SUBMIT).map_err(|error| RunError::Malformed(error.to_string()))?;
        let submit =
            ToolDefinition::new(name, "Gives the final answer. Call it once.", self.agent.returns.clone());
        let mut tools = if last { Vec::new() } else { self.definitions() };
        tools.push(submit);
        // Forcing one named tool is refused by some servers; where it is the only one, "required" says the same.
        let choice = if last || tools.len() == 1 { ToolChoice::Required } else { ToolChoice::Auto };
        Ok(Turn { tools, choice, max_tokens: None, temperature: None, stop: Vec::new(), aloud: false })
    }

    /// Every call of a turn wants an answer.
    fn refuse(&mut self, submitted: &[ToolCall], others: &[ToolCall], why: &str) {
        let shape = shape(&self.agent.returns);
        let why = self.shared.session.trusted(&format!(
            "the answer does not fit: {why}. Mend it and submit again, in this form: {shape}"
        ));
        let refused =
            submitted.iter().map(|call| call.error_result(vec![ToolResultContent::text(why.clone())]));
        let passed_over = others.iter().map(|call| {
            call.error_result(vec![ToolResultContent::text("not called: the answer came in the same turn")])
        });
        let results = Message::tool_results(refused.chain(passed_over).collect());
        self.push(results, MessageDetail::default());
    }
}

/// The submitted calls, and the others.
fn apart(calls: Vec<ToolCall>) -> (Vec<ToolCall>, Vec<ToolCall>) {
    calls.into_iter().partition(|call| *call.function.name == *SUBMIT)
}

/// The answer in what a model said, if it is one.
pub(super) fn answer<T: DeserializeOwned>(text: &str, calls: &[ToolCall]) -> Option<T> {
    match calls.iter().find(|call| *call.function.name == *SUBMIT) {
        Some(call) => read(call).ok(),
        None => from_text(text),
    }
}

fn read<T: DeserializeOwned>(call: &ToolCall) -> Result<T, String> {
    if let Some(raw) = &call.function.invalid_arguments {
        return Err(format!("no JSON object: {}", raw.chars().take(120).collect::<String>()));
    }
    parse(Value::Object(call.function.arguments.clone()))
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| format!("{}: {}", error.path(), without_types(&error.inner().to_string())))
}

/// A model does not know our types.
fn without_types(why: &str) -> String {
    let Some((before, named)) = why.split_once("expected struct ") else { return why.to_owned() };
    let rest = named.trim_start_matches(|c: char| c.is_alphanumeric());
    format!("{before}expected an object{rest}")
}

/// The JSON object in a text, with or without a code fence around it.
fn from_text<T: DeserializeOwned>(text: &str) -> Option<T> {
    let object = text.get(text.find('{')?..=text.rfind('}')?)?;
    let value: Value = serde_json::from_str(object).ok()?;
    // Some models write the call itself as text.
    let inner = ["arguments", "parameters"].iter().find_map(|key| value.get(key).cloned());
    parse(inner.filter(Value::is_object).unwrap_or(value)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{from_text, parse};
    use crate::agents::answers::{Dispatch, Report};

    #[test]
    fn a_refusal_says_where_and_names_no_type_of_ours() {
        let told = parse::<Report>(json!({"summary": "s", "hypotheses": ["image.pull_failed"]})).unwrap_err();
        let expected = "hypotheses[0]: invalid type: string \"image.pull_failed\", expected an object";
        assert_eq!(told, expected);
    }

    #[test]
    fn an_answer_in_prose_is_taken_if_it_fits() {
        let plain = "Here:\n```json\n{\"reason\": \"r\", \"assignments\": []}\n```";
        assert!(from_text::<Dispatch>(plain).is_some());
        let call = r#"{"name": "submit", "arguments": {"reason": "r", "assignments": []}}"#;
        assert!(from_text::<Dispatch>(call).is_some());
        assert!(from_text::<Dispatch>("I think it is DNS.").is_none());
        assert!(from_text::<Dispatch>("{\"reason\": 1}").is_none());
    }
}
