//! What is to be done, how success will be proved, and how to undo it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Action, Check};

/// One Action with what was seen of its target when the Plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedAction {
    /// The change.
    #[serde(flatten)]
    pub action: Action,
    /// UID of the target; the Action is refused on another object of the same name.
    pub target_uid: String,
    /// `metadata.generation` of the target where its kind has one; the Action is refused once the spec has moved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_generation: Option<i64>,
    /// What the server-side dry-run would change, as a unified diff.
    pub diff: String,
    /// How it would be undone, for people.
    pub undo: String,
    /// Number of pods that the Action touches.
    pub pods_affected: u32,
}

/// Ordered Actions with the proof fixed beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Code of the Hypothesis that it acts on.
    pub hypothesis: String,
    /// Why this should help, one sentence.
    pub rationale: String,
    /// What to do, in order; never empty.
    pub actions: Vec<PlannedAction>,
    /// What must hold afterwards; never empty.
    pub checks: Vec<Check>,
    /// The agent that drafted it; `None`: a playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether it was drafted in chat: then a person has to agree, whatever policy says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_chat: bool,
}

impl Plan {
    /// SHA-256 (hex) over the Actions, their targets' versions and the Checks. The diff and the prose are left out:
    /// they follow from the rest.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for planned in &self.actions {
            let bound = (&planned.action, &planned.target_uid, planned.target_generation);
            hasher.update(serde_json::to_vec(&bound).unwrap_or_default());
        }
        hasher.update(serde_json::to_vec(&self.checks).unwrap_or_default());
        hex::encode(hasher.finalize())
    }
}
