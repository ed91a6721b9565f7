//! One file per Action: from the live object to the change, as a pure function.
//!
//! Owns what each Action writes, what it must find to make sense, what undo puts back, and how many pods it touches.
//! Reading the objects and sending the request is done elsewhere.

mod cordon;
mod delete_pod;
mod raise_hpa_maximum;
mod restart_workload;
mod roll_back;
mod scale;
mod set_resources;

use jiff::Timestamp;
use serde_json::Value;

use super::prior::Prior;
use super::surroundings::Surroundings;
use super::{EXECUTION_ANNOTATION, fields};
use crate::incident::Action;

/// What the API server is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// Replace the target by this object.
    Replace(Value),
    /// Evict the pod with this UID.
    Evict {
        /// The UID.
        uid: String,
    },
    /// Delete the pod with this UID at once, without waiting for its node.
    ForceDelete {
        /// The UID.
        uid: String,
    },
}

/// One Action, worked out against the live object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// The request.
    pub(super) request: Request,
    /// What undo puts back.
    pub(super) prior: Prior,
    /// How it would be undone, for people.
    pub(super) undo: String,
    /// Number of pods that it touches.
    pub(super) pods_affected: u32,
}

/// The live object does not allow the Action; nothing was tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Impossible {
    /// Why, one sentence for people.
    pub(super) reason: String,
}

impl Impossible {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Works out `action` against `live`.
///
/// # Errors
/// [`Impossible`] when a precondition does not hold.
pub(super) fn change(
    action: &Action,
    live: &Value,
    around: &Surroundings,
    now: Timestamp,
) -> Result<Change, Impossible> {
    match action {
        Action::RestartWorkload { workload } => restart_workload::change(workload, live, now),
        Action::RollBack { workload, to_revision } => {
            roll_back::change(workload, *to_revision, live, &around.revisions)
        }
        Action::Scale { workload, replicas } => scale::change(workload, *replicas, live),
        Action::SetResources { workload, container, requests, limits } => {
            set_resources::change(workload, container, requests, limits, live)
        }
        Action::DeletePod { uid, .. } => delete_pod::change(uid, live, around.node.as_ref(), now),
        Action::RaiseHpaMaximum { hpa, max_replicas } => raise_hpa_maximum::change(hpa, *max_replicas, live),
        Action::Cordon { node } => cordon::change(node, live, true),
        Action::Uncordon { node } => cordon::change(node, live, false),
    }
}

/// Writes the id of the Execution on the object that a request puts in place.
pub(super) fn stamp(request: &mut Request, execution: &str) {
    if let Request::Replace(desired) = request {
        fields::set(desired, &fields::annotation_path("", EXECUTION_ANNOTATION), Value::from(execution));
    }
}

/// Wanted replicas of a Deployment, StatefulSet or ReplicaSet (1 where unset), or the nodes that a DaemonSet covers.
fn replicas(live: &Value) -> i64 {
    fields::number(live, "/spec/replicas")
        .or_else(|| fields::number(live, "/status/desiredNumberScheduled"))
        .unwrap_or(1)
}

/// A number of pods as the Plan has it.
fn pods(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

fn require_kind(kind: &str, allowed: &[&str], verb: &str) -> Result<(), Impossible> {
    if allowed.contains(&kind) {
        return Ok(());
    }
    Err(Impossible::because(format!("a {kind} cannot be {verb}; only {}", allowed.join(", "))))
}
