//! What `/api/v1/chat` is asked, and how its stream ends.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::ErrorDetail;
use crate::store::Link;

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    /// What is asked.
    pub message: String,
    /// The conversation that goes on; none: a new one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The incident that it is about, or its beginning; none: the conversation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Who is asked: `orchestrator`, `diagnostic`, …; none: the conversation's, else the orchestrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The cluster; none: the conversation's, that of the incident, or the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespaces that may be read for the answers of a new conversation; none: all. One that goes on keeps its own;
    /// whoever names others here, and not all of those, is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
}

/// The data of the event `done`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerDone {
    /// The conversation; it goes on when the next question names it.
    pub conversation: String,
    /// The whole answer.
    pub text: String,
    /// What it cites.
    pub citations: Vec<Link>,
    /// Why it ended: `stop` or `length`.
    pub finish: String,
    /// The model that answered; none: the answer was composed without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it has used.
    pub usage: UsageShown,
}

/// What an answer has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageShown {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// The data of the event `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerFailed {
    /// The conversation; the question is kept in it.
    pub conversation: String,
    /// Why there is no answer.
    pub error: ErrorDetail,
}
