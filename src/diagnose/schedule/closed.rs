//! Nodes that somebody closed lately, by a cordon or a taint: since when, as far as objects and events tell.
//!
//! That a node is closed is how people want it; what counts is that it was open a while ago. The API does not always say
//! when: a taint may have its time, a cordon an event. Else a pod that runs there and would not be let in now shows that the
//! node was still open when the pod came.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::blocker::{Blocker, Kind};
use super::explain::closing;
use super::nodes::Seat;
use crate::diagnose::index::{Index, last_seen};
use crate::incident::ObjectRef;

/// A node that has been closed for longer than this was not forgotten a moment ago: people have got used to it.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// Nodes of a pool get their taints while they join; what comes later is somebody's doing.
const JOINING: SignedDuration = SignedDuration::from_mins(10);

/// A node that would take the pod if nobody had closed it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::diagnose) struct Closed {
    /// Its name.
    pub(in crate::diagnose) node: String,
    /// What closes it, as in `taint dedicated=gpu:NoSchedule`.
    pub(in crate::diagnose) by: String,
    /// Since when, or the last moment at which it was seen to be open.
    pub(in crate::diagnose) since: Timestamp,
}

/// Whether a blocker closes the node to pods that it could run otherwise.
pub(super) fn closes(blocker: &Blocker) -> bool {
    matches!(blocker.kind, Kind::Cordoned | Kind::Taint)
}

/// The node as one that was closed lately; `None` where it was closed long ago, from its first minutes on, or at a time
/// that cannot be told.
pub(super) fn lately(index: &Index<'_>, seat: &Seat<'_>, blockers: &[Blocker]) -> Option<Closed> {
    let spec = seat.node.spec.as_ref()?;
    let taints = spec.taints.iter().flatten();
    let written = taints.filter_map(|taint| taint.time_added.as_ref()).map(|time| time.0);
    let cordoned = spec.unschedulable == Some(true);
    let told = cordon_events(index, seat.name).filter(|_| cordoned);
    let seen = seat.pods.iter().filter(|pod| is_shut_out(seat, pod)).filter_map(|pod| made(pod));
    let since = written.chain(told).chain(seen).max()?;
    let joined = seat.node.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let later = joined.is_none_or(|joined| since.duration_since(joined) > JOINING);
    let recent = index.snapshot.taken_at.duration_since(since) <= LATELY;
    let by: Vec<_> = blockers.iter().map(Blocker::closure).collect();
    (later && recent).then(|| Closed { node: seat.name.to_owned(), by: by.join(" and "), since })
}

/// When the node was last said to be cordoned.
fn cordon_events<'a>(index: &'a Index<'_>, node: &str) -> impl Iterator<Item = Timestamp> + use<'a> {
    let events = index.events(&ObjectRef::cluster_wide("Node", node));
    let cordons = events.filter(|event| event.reason.as_deref() == Some("NodeNotSchedulable"));
    cordons.filter_map(last_seen)
}

/// Whether a pod on the node would not be let in now. Pods of the node itself never asked.
fn is_shut_out(seat: &Seat<'_>, pod: &Pod) -> bool {
    let own = pod.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Node");
    !own && pod.spec.as_ref().is_some_and(|spec| !closing(seat.node, spec).is_empty())
}

fn made(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}
