//! The journal of one Action.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Action;

/// How far an Action got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionState {
    /// Journaled, maybe applied: after a crash the cluster has to be asked.
    Intended,
    /// The cluster has taken it.
    Applied,
    /// The cluster refused it, or it was refused here; nothing changed.
    Failed,
    /// It was applied and has been undone.
    RolledBack,
    /// It was applied and could not be undone; people have to look.
    RollbackFailed,
}

/// The journal of one Action: written before the cluster is touched and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Execution {
    /// Unique name; written on the target as an annotation in the same request that changes it, so that after a crash
    /// the cluster itself tells whether the change was made.
    pub id: String,
    /// Which repair attempt of the incident it belongs to, from 1.
    pub attempt: u32,
    /// Place in the Plan, from 0.
    pub index: usize,
    /// The change.
    pub action: Action,
    /// How far it got.
    pub state: ExecutionState,
    /// The part of the target that the Action replaces, as it was; what undo puts back.
    #[schema(value_type = Object)]
    pub prior: serde_json::Value,
    /// The server-side dry-run's diff.
    pub diff: String,
    /// When it was journaled.
    pub intended_at: Timestamp,
    /// When it was found applied, failed or undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// `metadata.generation` that the change left behind; undo is refused once somebody else has moved it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_after: Option<i64>,
    /// What was recorded about the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Execution {
    /// As clients may see it: without the captured state, which can hold literal passwords of a pod template.
    #[must_use]
    pub fn for_clients(mut self) -> Self {
        self.prior = serde_json::Value::Null;
        self
    }
}
