//! Why there is no answer.

use crate::agents::budget::Exceeded;

/// No model has answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The run was cancelled.
    #[error("the question to the model was cancelled")]
    Cancelled,
    /// The caller's deadline came first.
    #[error("the model did not answer before the deadline")]
    Deadline,
    /// The conversation is larger than what any model of the chain can read.
    #[error("the conversation is larger than any configured model can read")]
    ContextOverflow,
    /// No model fits under a limit.
    #[error(transparent)]
    Budget(Exceeded),
    /// Every model has failed, or one broke off in the middle of an answer that people already saw. The text says which
    /// and why, one sentence each; it is scrubbed and safe to show.
    #[error("no model has answered: {0}")]
    Exhausted(String),
}
