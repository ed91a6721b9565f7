//! Pods and pod templates.

use serde_json::{Map, Value, json};

use super::{fill, spec};
use crate::sim::objects::meta;

/// A pod, new or changed.
pub(super) fn pod(object: &mut Value) {
    pod_spec(spec(object));
    let spec = spec(object);
    fill(spec, "enableServiceLinks", json!(true));
    for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        requests_from_limits(container);
    }
}

/// What admission adds to a new pod.
pub(super) fn new_pod(object: &mut Value) {
    let spec = spec(object);
    fill(spec, "serviceAccountName", json!("default"));
    let account = spec.get("serviceAccountName").cloned().unwrap_or_default();
    fill(spec, "serviceAccount", account);
    fill(spec, "priority", json!(0));
    fill(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
    let tolerations = meta_list(spec, "tolerations");
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated =
            |toleration: &Value| toleration.get("key").and_then(Value::as_str).is_none_or(|k| k == key);
        if !tolerations.iter().any(tolerated) {
            let effect =
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
            tolerations.push(effect);
        }
    }
}

fn meta_list<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let slot = map.entry(key.to_owned()).or_insert_with(|| json!([]));
    if !slot.is_array() {
        *slot = json!([]);
    }
    match slot {
        Value::Array(list) => list,
        _ => unreachable!("the value was made a list on the line above"),
    }
}

/// The spec of a pod or of a template.
pub(super) fn pod_spec(spec: &mut Map<String, Value>) {
    fill(spec, "restartPolicy", json!("Always"));
    fill(spec, "terminationGracePeriodSeconds", json!(30));
    fill(spec, "dnsPolicy", json!("ClusterFirst"));
    fill(spec, "securityContext", json!({}));
    fill(spec, "schedulerName", json!("default-scheduler"));
    for list in ["initContainers", "containers"] {
        for one in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container(meta::as_map(one));
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        for source in ["configMap", "secret", "projected", "downwardAPI"] {
            if let Some(Value::Object(source)) = volume.get_mut(source) {
                fill(source, "defaultMode", json!(420));
            }
        }
    }
}

fn container(container: &mut Map<String, Value>) {
    fill(container, "resources", json!({}));
    fill(container, "terminationMessagePath", json!("/dev/termination-log"));
    fill(container, "terminationMessagePolicy", json!("File"));
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let policy = if is_floating(image) { "Always" } else { "IfNotPresent" };
    fill(container, "imagePullPolicy", json!(policy));
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        fill(meta::as_map(port), "protocol", json!("TCP"));
    }
    for kind in ["readinessProbe", "livenessProbe", "startupProbe"] {
        if let Some(Value::Object(found)) = container.get_mut(kind) {
            probe(found);
        }
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::Object(reference)) = variable.pointer_mut("/valueFrom/fieldRef") {
            fill(reference, "apiVersion", json!("v1"));
        }
    }
}

/// Images without a tag, or with `latest`, are pulled every time.
fn is_floating(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !name.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn probe(probe: &mut Map<String, Value>) {
    fill(probe, "timeoutSeconds", json!(1));
    fill(probe, "periodSeconds", json!(10));
    fill(probe, "successThreshold", json!(1));
    fill(probe, "failureThreshold", json!(3));
    if let Some(Value::Object(request)) = probe.get_mut("httpGet") {
        fill(request, "scheme", json!("HTTP"));
        fill(request, "path", json!("/"));
    }
}

fn requests_from_limits(container: &mut Value) {
    let Some(Value::Object(limits)) = container.pointer("/resources/limits").cloned() else { return };
    let resources = meta::child_mut(meta::as_map(container), "resources");
    let requests = meta::child_mut(resources, "requests");
    for (resource, limit) in limits {
        fill(requests, &resource, limit);
    }
}

/// The pod's quality of service class.
pub(super) fn quality(pod: &Value) -> &'static str {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let amount = |container: &Value, of: &str, resource: &str| {
        container.pointer(&format!("/resources/{of}/{resource}")).cloned()
    };
    let resources = ["cpu", "memory"];
    let is_best_effort = |container: &Value| {
        resources.iter().all(|r| ["limits", "requests"].iter().all(|of| amount(container, of, r).is_none()))
    };
    let is_guaranteed = |container: &Value| {
        resources.iter().all(|r| {
            let limit = amount(container, "limits", r);
            limit.is_some() && amount(container, "requests", r).is_none_or(|request| Some(request) == limit)
        })
    };
    if containers.iter().all(is_best_effort) {
        "BestEffort"
    } else if containers.iter().all(is_guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
