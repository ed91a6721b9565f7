//! What a model answered.

use rig_core::completion::FinishReason;
use rig_core::message::{Message, ToolCall};

use super::Spent;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The turn as it belongs into the history: with reasoning and whatever else the provider wants to see again.
    pub message: Message,
    /// Its text; empty where it only calls tools.
    pub text: String,
    /// The tools that it calls, in its order. Arguments that were not a JSON object are in
    /// `function.invalid_arguments`.
    pub calls: Vec<ToolCall>,
    /// What it cost, with what attempts that broke off before it cost.
    pub spent: Spent,
    /// Our name of the model that answered.
    pub model: String,
    /// Why it ended. [`FinishReason::Length`]: it was cut short.
    pub finish: FinishReason,
}
