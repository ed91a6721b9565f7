//! Services and network policies.

use serde_json::{Value, json};

use super::{fill, spec};
use crate::sim::objects::meta;
use crate::sim::objects::state::State;

/// The first node port that is handed out.
const NODE_PORTS: u32 = 30_000;

/// A Service, new or changed.
pub(super) fn service(object: &mut Value) {
    let spec = spec(object);
    fill(spec, "type", json!("ClusterIP"));
    fill(spec, "sessionAffinity", json!("None"));
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let port = meta::as_map(port);
        fill(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or_default();
        fill(port, "targetPort", number);
    }
    let of = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if of != "ExternalName" {
        fill(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if matches!(of.as_str(), "NodePort" | "LoadBalancer") {
        fill(spec, "externalTrafficPolicy", json!("Cluster"));
    }
}

/// Gives a new Service its addresses: 10.96.0.0/16 for clusters, 30000 to 32767 for nodes.
pub(super) fn allocate(state: &mut State, object: &mut Value) {
    let spec = spec(object);
    let of = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if of == "ExternalName" {
        return;
    }
    let mut next = || {
        state.addresses = state.addresses.wrapping_add(1);
        state.addresses
    };
    if spec.get("clusterIP").and_then(Value::as_str).is_none_or(str::is_empty) {
        // Spread over the range like a real allocator, and never the first address, which is the API's.
        let spread = next().wrapping_mul(2_654_435_761) % 65_000 + 10;
        spec.insert("clusterIP".to_owned(), json!(format!("10.96.{}.{}", spread / 256, spread % 256)));
    }
    let ip = spec.get("clusterIP").cloned().unwrap_or_default();
    fill(spec, "clusterIPs", json!([ip]));
    fill(spec, "ipFamilies", json!(["IPv4"]));
    fill(spec, "ipFamilyPolicy", json!("SingleStack"));
    if matches!(of.as_str(), "NodePort" | "LoadBalancer") {
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            fill(meta::as_map(port), "nodePort", json!(NODE_PORTS + next() % 2_768));
        }
    }
}

/// A client that leaves out the addresses does not lose them.
pub(super) fn keep_addresses(current: &Value, next: &mut Value) {
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = current.pointer(&format!("/spec/{field}")) {
            fill(spec(next), field, value.clone());
        }
    }
}

/// Ports of endpoints always have a name, if only the empty one.
pub(super) fn endpoint_slice(object: &mut Value) {
    let ports = meta::as_map(object).get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        fill(meta::as_map(port), "name", json!(""));
        fill(meta::as_map(port), "protocol", json!("TCP"));
    }
}

/// A policy without types is about what comes in, and about what goes out if it says so.
pub(super) fn policy(object: &mut Value) {
    let spec = spec(object);
    let has_egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    fill(spec, "policyTypes", types);
}
