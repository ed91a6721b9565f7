//! Deleting one pod so that its owner makes a new one.
//!
//! A pod is evicted, which honours disruption budgets and lets it end in peace. Only when its node is dead (not Ready, or
//! unreachable), so that nobody is left to end it, or when it is being deleted and its grace period is over, is it removed
//! from the API at once: a force delete.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Change, Impossible, Request};
use crate::remediate::fields;
use crate::remediate::prior::Prior;

/// After the end of its grace period a pod gets this long before it counts as stuck: kubelets are sometimes late.
const SLACK: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn change(
    uid: &str,
    live: &Value,
    node: Option<&Value>,
    now: Timestamp,
) -> Result<Change, Impossible> {
    if fields::text(live, "/metadata/uid") != Some(uid) {
        return Err(Impossible::because("the pod is gone; another one has its name now"));
    }
    let controlled = fields::list(live, "/metadata/ownerReferences")
        .iter()
        .any(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true));
    if !controlled {
        return Err(Impossible::because("the pod has no controller: nothing would make it again"));
    }
    let uid = uid.to_owned();
    let dead = node.is_some_and(is_dead) || is_stuck(live, now);
    Ok(Change {
        request: if dead { Request::ForceDelete { uid } } else { Request::Evict { uid } },
        prior: Prior::nothing(),
        undo: "nothing to undo: the pod's controller makes a new one".to_owned(),
        pods_affected: 1,
    })
}

/// Whether the node's kubelet does not report that it is Ready (`False`, or `Unknown` once it has stopped reporting).
fn is_dead(node: &Value) -> bool {
    let ready = fields::list(node, "/status/conditions")
        .iter()
        .find(|condition| fields::text(condition, "/type") == Some("Ready"));
    ready.is_some_and(|condition| fields::text(condition, "/status") != Some("True"))
}

/// `deletionTimestamp` is the end of the grace period.
fn is_stuck(pod: &Value, now: Timestamp) -> bool {
    let ends: Option<Timestamp> =
        fields::text(pod, "/metadata/deletionTimestamp").and_then(|text| text.parse().ok());
    ends.is_some_and(|ends| now.duration_since(ends) > SLACK)
}
