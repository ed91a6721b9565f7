//! What policy says of a Plan, and what people answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The three things that policy can say, mildest to strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go ahead.
    Allow,
    /// A person has to agree first.
    NeedsApproval,
    /// Not by this program.
    Deny,
}

/// Policy's answer about one Plan: the strictest verdict over its Actions, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, one sentence each; also for Allow.
    pub reasons: Vec<String>,
    /// SHA-256 (hex) of the policy text that decided.
    pub policy: String,
}

/// A request to people, bound to one exact Plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Digest of the Plan, its arguments and the versions of its targets ([`super::Plan::digest`]). An answer that
    /// names another digest is refused.
    pub digest: String,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// After this moment the request is void and the incident goes to people.
    pub expires_at: Timestamp,
    /// What was answered, once it was: `true` is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// What the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
