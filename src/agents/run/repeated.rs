//! Calls that a model makes again though nothing has changed: they cost its turns and its room and bring nothing.

use std::collections::HashMap;

use rig_core::message::ToolCall;
use serde_json::Value;

use crate::agents::tools::EARLIER_RESULT;

/// Equal calls that are answered; from the next one on the model is told that it has the answer.
const MOST: u32 = 2;

/// What a model is told that calls again what it has called before.
pub(super) const KNOWN: &str = "not called again: you have the answer to this very call already, twice. Answer with what \
     you have, or ask for something else";

/// How often each call of a run was made.
#[derive(Debug, Default)]
pub(super) struct Repeated(HashMap<(String, String), u32>);

impl Repeated {
    /// Counts a call; whether it was made too often already. What has left the conversation may be read again.
    pub(super) fn is_known(&mut self, call: &ToolCall) -> bool {
        if *call.function.name == *EARLIER_RESULT {
            return false;
        }
        let arguments = Value::Object(call.function.arguments.clone()).to_string();
        let raw = call.function.invalid_arguments.clone().unwrap_or_default();
        let times = self.0.entry((call.function.name.to_string(), arguments + &raw)).or_default();
        *times += 1;
        *times > MOST
    }
}
