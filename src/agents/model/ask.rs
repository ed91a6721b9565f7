//! What a model is asked.

use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolChoice};
use serde_json::Value;

use super::estimate_tokens;

/// One question.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The conversation, system messages first; the last message is what is answered.
    pub messages: Vec<Message>,
    /// The tools that may be called.
    pub tools: Vec<ToolDefinition>,
    /// Whether a tool must be called; `None` leaves it to the model. Weakened where a wire cannot force a call.
    pub tool_choice: Option<ToolChoice>,
    /// JSON Schema of the answer. A hint: wires without native structured output ignore it, none validates.
    pub schema: Option<Value>,
    /// Most tokens of the answer; `None`, or more than the model's own limit: the model's own limit.
    pub max_tokens: Option<u64>,
    /// Randomness, 0 to 2; `None` leaves it to the provider.
    pub temperature: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Whether whoever asks would rather shorten a conversation that is too long than have a larger model asked.
    pub shrinks: bool,
}

impl Ask {
    /// About how many tokens a model reads when it is asked this.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let messages = serde_json::to_string(&self.messages).unwrap_or_default();
        let tools = serde_json::to_string(&self.tools).unwrap_or_default();
        estimate_tokens(messages.len()) + estimate_tokens(tools.len())
    }
}
