//! Putting a Deployment's pod template back to an earlier revision, as `kubectl rollout undo` does it: the template of the
//! ReplicaSet of that revision, without the label that the controller added, and its change cause.

use serde_json::Value;

use super::{Change, Impossible, Request, pods, replicas, require_kind};
use crate::incident::ObjectRef;
use crate::remediate::fields;
use crate::remediate::prior::{Prior, Watched};

const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
const TEMPLATE: &str = "/spec/template";
/// Added to each ReplicaSet's template by the Deployment controller.
const TEMPLATE_HASH: &str = "/metadata/labels/pod-template-hash";

pub(super) fn change(
    workload: &ObjectRef,
    to_revision: i64,
    live: &Value,
    revisions: &[Value],
) -> Result<Change, Impossible> {
    require_kind(&workload.kind, &["Deployment"], "rolled back")?;
    if live.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Err(Impossible::because(format!(
            "{workload} is paused: resume it first (kubectl rollout resume)"
        )));
    }
    let set = revision(workload, to_revision, revisions)?;
    let template = template(set)?;
    if live.pointer(TEMPLATE) == Some(&template) {
        return Err(Impossible::because(format!(
            "{workload} already has the template of revision {to_revision}"
        )));
    }
    let cause = fields::annotation_path("", CHANGE_CAUSE);
    let mut desired = live.clone();
    fields::set(&mut desired, TEMPLATE, template);
    let told = fields::annotation(set, CHANGE_CAUSE).map(Value::from).unwrap_or_default();
    fields::set(&mut desired, &cause, told);
    let now_at = fields::annotation(live, REVISION).unwrap_or("the present one");
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::capture(live, Watched::SpecWithoutReplicas, &[TEMPLATE, &cause]),
        undo: format!("puts the pod template of revision {now_at} back"),
        pods_affected: pods(replicas(live)),
    })
}

fn revision<'a>(workload: &ObjectRef, wanted: i64, revisions: &'a [Value]) -> Result<&'a Value, Impossible> {
    let number = |set: &Value| fields::annotation(set, REVISION).and_then(|text| text.parse::<i64>().ok());
    revisions.iter().find(|set| number(set) == Some(wanted)).ok_or_else(|| {
        let mut known: Vec<i64> = revisions.iter().filter_map(number).collect();
        known.sort_unstable();
        Impossible::because(format!("{workload} has no revision {wanted} any more (it has {known:?})"))
    })
}

fn template(set: &Value) -> Result<Value, Impossible> {
    let mut template = set
        .pointer(TEMPLATE)
        .cloned()
        .ok_or_else(|| Impossible::because("the ReplicaSet of that revision has no pod template"))?;
    fields::set(&mut template, TEMPLATE_HASH, Value::Null);
    Ok(template)
}
