//! A rolling restart, as `kubectl rollout restart` does it: an annotation with the time in the pod template.

use jiff::Timestamp;
use serde_json::Value;

use super::{Change, Impossible, Request, pods, replicas, require_kind};
use crate::incident::ObjectRef;
use crate::remediate::fields;
use crate::remediate::prior::Prior;

/// In the pod template: when it was restarted last.
const RESTARTED_AT: &str = "kubewright.io/restartedAt";

pub(super) fn change(workload: &ObjectRef, live: &Value, now: Timestamp) -> Result<Change, Impossible> {
    require_kind(&workload.kind, &["Deployment", "StatefulSet", "DaemonSet"], "restarted")?;
    if live.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Err(Impossible::because(format!(
            "{workload} is paused: resume it first (kubectl rollout resume)"
        )));
    }
    if fields::text(live, "/spec/updateStrategy/type") == Some("OnDelete") {
        return Err(Impossible::because(format!(
            "{workload} has the update strategy OnDelete: a restart would wait for people to delete its pods"
        )));
    }
    let mut desired = live.clone();
    let path = fields::annotation_path("/spec/template", RESTARTED_AT);
    fields::set(&mut desired, &path, Value::from(now.to_string()));
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::nothing(),
        undo: "nothing to undo: the pods are new, the template is as before".to_owned(),
        pods_affected: pods(replicas(live)),
    })
}
