//! The values that absent fields take, as the API server fills them in.

mod network;
mod pods;
mod workloads;

use serde_json::{Map, Value, json};

use super::meta;
use super::state::State;
use crate::sim::base64;
use crate::sim::kinds::Kind;

/// Completes a new object.
pub(super) fn on_create(state: &mut State, kind: &'static Kind, object: &mut Value) {
    common(kind, object);
    match kind.kind {
        "Pod" => pods::new_pod(object),
        "Job" => workloads::own_pods_of_job(object),
        "Service" => network::allocate(state, object),
        "Namespace" => namespace(object),
        _ => {}
    }
    initial_status(kind, object);
}

/// Completes a changed object.
pub(super) fn on_update(kind: &'static Kind, current: &Value, next: &mut Value) {
    if kind.kind == "Service" {
        network::keep_addresses(current, next);
    }
    common(kind, next);
}

fn common(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Secret" => secret(object),
        "PersistentVolumeClaim" => fill(spec(object), "volumeMode", json!("Filesystem")),
        "PersistentVolume" => {
            fill(spec(object), "volumeMode", json!("Filesystem"));
            fill(spec(object), "persistentVolumeReclaimPolicy", json!("Retain"));
        }
        "StorageClass" => {
            fill(meta::as_map(object), "reclaimPolicy", json!("Delete"));
            fill(meta::as_map(object), "volumeBindingMode", json!("Immediate"));
        }
        "HorizontalPodAutoscaler" => fill(spec(object), "minReplicas", json!(1)),
        "NetworkPolicy" => network::policy(object),
        "Service" => network::service(object),
        "EndpointSlice" => network::endpoint_slice(object),
        "Pod" => pods::pod(object),
        _ => workloads::workload(kind, object),
    }
}

/// Sets a field that is absent or null.
fn fill(map: &mut Map<String, Value>, key: &str, value: Value) {
    let slot = map.entry(key.to_owned()).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value;
    }
}

fn spec(object: &mut Value) -> &mut Map<String, Value> {
    meta::child_mut(meta::as_map(object), "spec")
}

fn namespace(object: &mut Value) {
    let name = meta::name(object).to_owned();
    let labels = meta::child_mut(meta::metadata_mut(object), "labels");
    labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    fill(spec(object), "finalizers", json!(["kubernetes"]));
}

/// A secret's plain text moves into its data.
fn secret(object: &mut Value) {
    let map = meta::as_map(object);
    fill(map, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = map.remove("stringData") else { return };
    let data = meta::child_mut(map, "data");
    for (key, value) in plain {
        if let Some(text) = value.as_str() {
            data.insert(key, base64::standard(text.as_bytes()).into());
        }
    }
}

/// The status that objects start with, when whoever creates them does not say.
fn initial_status(kind: &Kind, object: &mut Value) {
    let status = match kind.kind {
        "Pod" => json!({"phase": "Pending", "qosClass": pods::quality(object)}),
        "Namespace" => json!({"phase": "Active"}),
        "PersistentVolumeClaim" => json!({"phase": "Pending"}),
        "PersistentVolume" => json!({"phase": "Available"}),
        "Service" => json!({"loadBalancer": {}}),
        "HorizontalPodAutoscaler" => json!({"currentMetrics": null, "desiredReplicas": 0}),
        _ if kind.has_status => json!({}),
        _ => return,
    };
    fill(meta::as_map(object), "status", status);
}

#[cfg(test)]
mod tests;
