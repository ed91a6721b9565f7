//! Serving an object in another version than it is stored in: horizontal pod autoscalers as v1.

use serde_json::{Map, Value, json};

use super::target::Target;
use crate::sim::objects::meta;

/// The object as the request's version shows it.
pub(super) fn outgoing(target: &Target, object: &Value) -> Value {
    let mut object = object.clone();
    if target.version != target.kind.version && target.kind.kind == "HorizontalPodAutoscaler" {
        to_v1(&mut object);
    }
    meta::as_map(&mut object).insert("apiVersion".to_owned(), target.api_version().into());
    object
}

/// The object as it is stored, from the request's version.
pub(super) fn incoming(target: &Target, mut object: Value) -> Value {
    if target.version != target.kind.version && target.kind.kind == "HorizontalPodAutoscaler" {
        to_v2(&mut object);
    }
    meta::as_map(&mut object).insert("apiVersion".to_owned(), target.kind.api_version().into());
    object
}

fn to_v1(object: &mut Value) {
    let map = meta::as_map(object);
    let spec = meta::child_mut(map, "spec");
    let target = spec.get("metrics").and_then(cpu_utilization).cloned();
    spec.retain(|key, _| matches!(key.as_str(), "scaleTargetRef" | "minReplicas" | "maxReplicas"));
    insert(spec, "targetCPUUtilizationPercentage", target);
    if let Some(Value::Object(status)) = map.get_mut("status") {
        let current = status.get("currentMetrics").and_then(cpu_current).cloned();
        status.retain(|key, _| {
            matches!(
                key.as_str(),
                "observedGeneration" | "lastScaleTime" | "currentReplicas" | "desiredReplicas"
            )
        });
        insert(status, "currentCPUUtilizationPercentage", current);
    }
}

fn to_v2(object: &mut Value) {
    let spec = meta::child_mut(meta::as_map(object), "spec");
    if let Some(percentage) = spec.remove("targetCPUUtilizationPercentage") {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        spec.insert(
            "metrics".to_owned(),
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]),
        );
    }
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn cpu_utilization(metrics: &Value) -> Option<&Value> {
    cpu(metrics)?.get("target")?.get("averageUtilization")
}

fn cpu_current(metrics: &Value) -> Option<&Value> {
    cpu(metrics)?.get("current")?.get("averageUtilization")
}

fn cpu(metrics: &Value) -> Option<&Value> {
    let resources = metrics.as_array()?.iter().filter_map(|metric| metric.get("resource"));
    resources.into_iter().find(|resource| resource.get("name").and_then(Value::as_str) == Some("cpu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_reads_the_same_in_both_versions() {
        let v1 = Target::parse("autoscaling", "v1", "namespaces/shop/horizontalpodautoscalers").unwrap();
        let written = json!({
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": {"name": "web"}, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80},
        });
        let stored = incoming(&v1, written.clone());
        assert_eq!(
            stored["spec"]["metrics"],
            json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}])
        );
        assert_eq!(outgoing(&v1, &stored), written);
    }
}
