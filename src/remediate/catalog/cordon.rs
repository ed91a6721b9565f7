//! Marking a node unschedulable, and schedulable again.

use serde_json::Value;

use super::{Change, Impossible, Request, require_kind};
use crate::incident::ObjectRef;
use crate::remediate::fields;
use crate::remediate::prior::{Prior, Watched};

const UNSCHEDULABLE: &str = "/spec/unschedulable";

pub(super) fn change(node: &ObjectRef, live: &Value, unschedulable: bool) -> Result<Change, Impossible> {
    require_kind(&node.kind, &["Node"], "cordoned or uncordoned")?;
    let now = live.pointer(UNSCHEDULABLE).and_then(Value::as_bool).unwrap_or_default();
    if now == unschedulable {
        let state = if now { "unschedulable" } else { "schedulable" };
        return Err(Impossible::because(format!("{node} is {state} already")));
    }
    let mut desired = live.clone();
    // Absent means schedulable, and is how kubectl leaves it.
    fields::set(&mut desired, UNSCHEDULABLE, if unschedulable { Value::Bool(true) } else { Value::Null });
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::capture(live, Watched::Unschedulable, &[UNSCHEDULABLE]),
        undo: format!("marks the node {} again", if unschedulable { "schedulable" } else { "unschedulable" }),
        pods_affected: 0,
    })
}
