//! A possible root cause.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{EvidenceId, ObjectRef, Score};

/// Who put a Hypothesis forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "by", content = "name")]
pub enum Proposer {
    /// A deterministic rule, by its name.
    Rule(String),
    /// An agent, by its name.
    Agent(String),
}

/// A possible root cause, with what speaks for and against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hypothesis {
    /// Stable code of the cause, for instance `deploy.crash_loop`; playbooks and runbooks are keyed by it.
    pub code: String,
    /// The object at fault.
    pub object: ObjectRef,
    /// What happened, in one or two sentences.
    pub statement: String,
    /// How sure the proposer is.
    pub confidence: Score,
    /// Evidence that supports it; never empty.
    pub evidence_for: Vec<EvidenceId>,
    /// Evidence that contradicts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence_against: Vec<EvidenceId>,
    /// Who says so.
    pub proposer: Proposer,
    /// A runbook that the rule of a file names for it, a URL or a path; else the runbook is that of its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// The cause whose playbook repairs it, where the rule of a file names one; else the playbook is that of its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playbook: Option<String>,
}
