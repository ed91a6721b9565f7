//! Fields that cannot change once they are set.

use serde_json::{Value, json};

use super::Causes;
use crate::sim::kinds::Kind;
use crate::sim::objects::{ApiError, meta};

const POD_RULE: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

const STATEFUL_RULE: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
    'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// Checks a change of an object.
///
/// # Errors
/// 422 naming the field.
pub(crate) fn check_change(kind: &Kind, current: &Value, next: &Value) -> Result<(), ApiError> {
    let mut causes = Causes::default();
    match kind.kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => immutable(current, next, "selector", &mut causes),
        "Job" => {
            immutable(current, next, "selector", &mut causes);
            immutable(current, next, "template", &mut causes);
        }
        "Service" => cluster_ip(current, next, &mut causes),
        "Pod" => pod(current, next, &mut causes),
        "StatefulSet" => stateful_set(current, next, &mut causes),
        "ConfigMap" | "Secret"
            if is_frozen(current) && (current.get("data") != next.get("data") || !is_frozen(next)) =>
        {
            causes.forbidden("data", "field is immutable when `immutable` is set");
        }
        _ => {}
    }
    causes.into_result(kind, current)
}

fn is_frozen(object: &Value) -> bool {
    object.get("immutable") == Some(&Value::Bool(true))
}

fn immutable(current: &Value, next: &Value, field: &str, causes: &mut Causes) {
    let path = format!("/spec/{field}");
    if current.pointer(&path) != next.pointer(&path) {
        let value = next.pointer(&path).cloned().unwrap_or_default();
        causes.invalid(format!("spec.{field}"), &value, "field is immutable");
    }
}

fn cluster_ip(current: &Value, next: &Value, causes: &mut Causes) {
    let ip = |object: &Value| {
        object.pointer("/spec/clusterIP").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let is_external = next.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName");
    if ip(current) != ip(next) && !ip(current).is_empty() && !is_external {
        causes.invalid("spec.clusterIPs[0]", &json!([ip(next)]), "may not change once set");
    }
}

fn pod(current: &Value, next: &Value, causes: &mut Causes) {
    let fixed = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        let map = meta::as_map(&mut spec);
        // A scheduler's binding arrives as an update of the spec too.
        for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"] {
            map.remove(field);
        }
        for list in ["containers", "initContainers"] {
            for container in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                meta::as_map(container).remove("image");
            }
        }
        spec
    };
    if fixed(current) != fixed(next) {
        causes.forbidden("spec", POD_RULE);
    }
}

fn stateful_set(current: &Value, next: &Value, causes: &mut Causes) {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Value| {
        let mut spec = object.get("spec").cloned().unwrap_or_default();
        meta::as_map(&mut spec).retain(|key, _| !FREE.contains(&key.as_str()));
        spec
    };
    if fixed(current) != fixed(next) {
        causes.forbidden("spec", STATEFUL_RULE);
    }
}
