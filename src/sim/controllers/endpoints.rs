//! Service → EndpointSlice and Endpoints, by the readiness of the pods that it selects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{ENDPOINT_SLICES, ENDPOINTS, Kind, PODS, SERVICES};
use crate::sim::objects::meta;
use crate::sim::world::{World, fields};

pub(super) fn reconcile(world: &World) {
    for service in world.all(&SERVICES) {
        let selector = service.pointer("/spec/selector");
        let has_selector = selector.and_then(Value::as_object).is_some_and(|map| !map.is_empty());
        if meta::is_terminating(&service) || !has_selector {
            continue;
        }
        let mut backends = world.within(&PODS, meta::namespace(&service));
        backends.retain(|pod| {
            fields::selects_plain(selector, pod)
                && !fields::text(pod, "/status/podIP").is_empty()
                && !pods::is_finished(pod)
        });
        write_slice(world, &service, &backends);
        write_endpoints(world, &service, &backends);
    }
}

fn target(pod: &Value) -> Value {
    json!({"kind": "Pod", "name": meta::name(pod), "namespace": meta::namespace(pod), "uid": meta::uid(pod)})
}

/// A Service's ports as they are on a pod: names are looked up in its containers.
fn ports(service: &Value, backends: &[Arc<Value>]) -> Vec<Value> {
    let resolve = |port: &Value| {
        let wanted =
            port.get("targetPort").cloned().unwrap_or_else(|| port.get("port").cloned().unwrap_or_default());
        let number = match &wanted {
            Value::String(name) => named_port(backends, name).unwrap_or(Value::Null),
            other => other.clone(),
        };
        let protocol = port.get("protocol").cloned().unwrap_or_else(|| json!("TCP"));
        let mut resolved = json!({"port": number, "protocol": protocol});
        if let Some(name) = port.get("name") {
            fields::set(&mut resolved, "/name", name.clone());
        }
        resolved
    };
    fields::list(service, "/spec/ports").iter().map(resolve).collect()
}

fn named_port(backends: &[Arc<Value>], name: &str) -> Option<Value> {
    let containers = backends.iter().flat_map(|pod| fields::list(pod, "/spec/containers"));
    let mut ports = containers.flat_map(|container| fields::list(container, "/ports"));
    ports.find(|port| fields::text(port, "/name") == name)?.get("containerPort").cloned()
}

fn write_slice(world: &World, service: &Value, backends: &[Arc<Value>]) {
    let endpoint = |pod: &Arc<Value>| {
        let (ready, terminating) = (pods::is_ready(pod), meta::is_terminating(pod));
        json!({
            "addresses": [fields::text(pod, "/status/podIP")],
            "conditions": {"ready": ready && !terminating, "serving": ready, "terminating": terminating},
            "nodeName": fields::text(pod, "/spec/nodeName"),
            "targetRef": target(pod),
        })
    };
    let body = [
        ("/endpoints", backends.iter().map(endpoint).collect::<Vec<_>>().into()),
        ("/ports", ports(service, backends).into()),
    ];
    if let Some(slice) = world.controlled(&ENDPOINT_SLICES, service).first() {
        return write(world, &ENDPOINT_SLICES, slice, &body);
    }
    let mut labels = service.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    fields::set(&mut labels, "/kubernetes.io~1service-name", meta::name(service).into());
    fields::set(
        &mut labels,
        "/endpointslice.kubernetes.io~1managed-by",
        "endpointslice-controller.k8s.io".into(),
    );
    let mut slice = json!({
        "metadata": {"generateName": format!("{}-", meta::name(service)), "namespace": meta::namespace(service),
                     "labels": labels, "ownerReferences": fields::controller_reference(service)},
        "addressType": "IPv4",
    });
    for (field, value) in body {
        fields::set(&mut slice, field, value);
    }
    create(world, &ENDPOINT_SLICES, slice);
}

fn write_endpoints(world: &World, service: &Value, backends: &[Arc<Value>]) {
    let address = |pod: &Arc<Value>| json!({"ip": fields::text(pod, "/status/podIP"), "nodeName": fields::text(pod, "/spec/nodeName"), "targetRef": target(pod)});
    let living = || backends.iter().filter(|pod| !meta::is_terminating(pod));
    let ready: Vec<Value> = living().filter(|pod| pods::is_ready(pod)).map(address).collect();
    let unready: Vec<Value> = living().filter(|pod| !pods::is_ready(pod)).map(address).collect();
    let mut subset = json!({"ports": ports(service, backends)});
    if !ready.is_empty() {
        fields::set(&mut subset, "/addresses", ready.clone().into());
    }
    if !unready.is_empty() {
        fields::set(&mut subset, "/notReadyAddresses", unready.clone().into());
    }
    let subsets = if ready.is_empty() && unready.is_empty() { Value::Null } else { json!([subset]) };
    let (namespace, name) = (meta::namespace(service), meta::name(service));
    if let Some(endpoints) = world.store.get_shared(&ENDPOINTS, namespace, name) {
        return write(world, &ENDPOINTS, &endpoints, &[("/subsets", subsets)]);
    }
    let mut labels = service.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    fields::set(&mut labels, "/endpoints.kubernetes.io~1managed-by", "endpoint-controller".into());
    let object =
        json!({"metadata": {"name": name, "namespace": namespace, "labels": labels}, "subsets": subsets});
    create(world, &ENDPOINTS, object);
}

fn write(world: &World, kind: &'static Kind, object: &Value, body: &[(&str, Value)]) {
    let null = Value::Null;
    if body.iter().all(|(field, value)| object.pointer(field).unwrap_or(&null) == value) {
        return;
    }
    let now = meta::seconds(world.now());
    world.modify(kind, object, |object| {
        for (field, value) in body {
            fields::set(object, field, value.clone());
        }
        fields::set(
            object,
            "/metadata/annotations/endpoints.kubernetes.io~1last-change-trigger-time",
            now.into(),
        );
    });
}

fn create(world: &World, kind: &'static Kind, object: Value) {
    if let Err(error) = world.store.create(kind, object) {
        tracing::debug!(%error, "endpoints were not created");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    #[test]
    fn only_ready_pods_are_ready_endpoints() {
        let world = empty_world();
        for (name, ready) in [("up", "True"), ("down", "False")] {
            given(
                &world,
                json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
                    "status": {"podIP": "10.1.1.1", "phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
                }),
            );
        }
        let service = given(
            &world,
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
            }),
        );
        reconcile(&world);
        let slice = world.controlled(&ENDPOINT_SLICES, &service).remove(0);
        let ready: Vec<(String, bool)> = fields::list(&slice, "/endpoints")
            .iter()
            .map(|e| (fields::text(e, "/targetRef/name").to_owned(), fields::flag(e, "/conditions/ready")))
            .collect();
        assert_eq!(ready, [("down".to_owned(), false), ("up".to_owned(), true)]);
        assert_eq!(fields::int(&slice, "/ports/0/port"), Some(8080));
        let endpoints = world.store.get(&ENDPOINTS, "default", "web").unwrap();
        assert_eq!(fields::list(&endpoints, "/subsets/0/addresses").len(), 1);
        assert_eq!(fields::list(&endpoints, "/subsets/0/notReadyAddresses").len(), 1);
    }
}
