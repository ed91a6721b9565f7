//! What was seen, and what could not be seen.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ObjectRef, Score};

/// Names one piece of Evidence within its incident: `E1`, `E2`, … Hypotheses cite by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct EvidenceId(pub u32);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.0)
    }
}

/// Where a piece of Evidence came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// State of a Kubernetes object.
    Object,
    /// A Kubernetes Event.
    Event,
    /// A difference between two revisions, or an object that changed shortly before.
    Change,
    /// A container's log.
    Log,
    /// A metric reading.
    Metric,
    /// The alert itself.
    Alert,
    /// A repair that was made for this incident and did not help.
    Repair,
    /// A passage of a document of the knowledge base.
    Document,
    /// A past incident.
    PastIncident,
}

/// One observation with its origin and weight. `statement` may quote text from the cluster: untrusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// Number within the incident.
    pub id: EvidenceId,
    /// Origin.
    pub source: EvidenceSource,
    /// Stable code of the finding, for instance `pod.container.oom_killed`.
    pub code: String,
    /// The object it is about.
    pub object: ObjectRef,
    /// One sentence for people.
    pub statement: String,
    /// How strongly this by itself says that something is wrong: 0 says nothing, 1 leaves no doubt.
    pub strength: Score,
    /// When the observed thing happened, where known, else when it was read.
    pub at: Timestamp,
    /// The fields or numbers that show it: a path or name to its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Something that a collector should have read and could not: a hole in the evidence, shown to people and rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// Which collector: `pods`, `logs`, `prometheus`, `loki`, …
    pub collector: String,
    /// Why, in one sentence that says what to do (`forbidden: grant "list pods" in namespace shop`).
    pub reason: String,
}
