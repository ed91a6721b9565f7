//! Gateways and routes: what is found, and what is not.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago};

fn resource(mut world: World, kind: &str, namespace: &str, name: &str, rest: &Value) -> World {
    let mut whole =
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        whole["metadata"]["namespace"] = Value::from(namespace);
    }
    json_patch::merge(&mut whole, rest);
    world.snapshot.objects.others.push(whole);
    world
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "told by a test", "lastTransitionTime": ago(30).to_string()})
}

/// A class, a Gateway with one listener `web`, and a Deployment `web` with a Service on port 80.
fn world(gateway: &Value) -> World {
    let world = resource(
        World::new().deployment("web", 1),
        "GatewayClass",
        "",
        "edge",
        &json!({"status": {"conditions": [condition("Accepted", "True", "Accepted")]}}),
    );
    let mut whole = json!({"spec": {"gatewayClassName": "edge", "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]},
        "status": {"conditions": [condition("Accepted", "True", "Accepted"), condition("Programmed", "True", "Programmed")]}});
    json_patch::merge(&mut whole, gateway);
    resource(world, "Gateway", "shop", "front", &whole)
}

fn route(world: World, backend: &Value, rest: &Value) -> World {
    let mut whole =
        json!({"spec": {"parentRefs": [{"name": "front"}], "rules": [{"backendRefs": [backend]}]}});
    json_patch::merge(&mut whole, rest);
    resource(world, "HTTPRoute", "shop", "pages", &whole)
}

fn web() -> Value {
    json!({"name": "web", "port": 80})
}

fn causes(world: &World) -> Vec<(String, String)> {
    world.causes().into_iter().map(|(code, object, _)| (code, object)).collect()
}

fn cause(object: &str) -> Vec<(String, String)> {
    vec![("gateway.route_refused".to_owned(), object.to_owned())]
}

#[test]
fn a_backend_or_port_that_is_not_there_blames_the_route() {
    for backend in [
        json!({"name": "wbe", "port": 80}),
        json!({"name": "web", "port": 81}),
        json!({"name": "gone", "port": 80}),
    ] {
        assert_eq!(
            causes(&route(world(&json!({})), &backend, &json!({}))),
            cause("HTTPRoute shop/pages"),
            "{backend}"
        );
    }
}

#[test]
fn a_parent_or_listener_that_is_not_there_blames_the_route() {
    for parent in [json!({"name": "back"}), json!({"name": "front", "sectionName": "wbe"})] {
        let more = json!({"spec": {"parentRefs": [parent]}});
        assert_eq!(
            causes(&route(world(&json!({})), &web(), &more)),
            cause("HTTPRoute shop/pages"),
            "{parent}"
        );
    }
}

#[test]
fn a_backend_of_another_namespace_needs_a_grant() {
    let backend = json!({"name": "db", "namespace": "data", "port": 80});
    let with = |from: &str| {
        let grant = json!({"spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": from}],
            "to": [{"group": "", "kind": "Service"}]}});
        resource(route(world(&json!({})), &backend, &json!({})), "ReferenceGrant", "data", "in", &grant)
    };
    assert_eq!(causes(&with("other")), cause("HTTPRoute shop/pages"));
    assert_eq!(causes(&with("shop")), []);
    assert_eq!(causes(&route(world(&json!({})), &backend, &json!({}))), []);
}

#[test]
fn what_a_controller_refuses_is_told_of_what_is_nearest_the_cause() {
    let refused = |reason: &str| {
        let status = json!({"status": {"parents": [{"parentRef": {"name": "front"}, "conditions": [condition("Accepted", "False", reason)]}]}});
        route(world(&json!({})), &web(), &status)
    };
    assert_eq!(causes(&refused("NoMatchingListenerHostname")), cause("HTTPRoute shop/pages"));
    assert_eq!(causes(&refused("NotAllowedByListeners")), cause("Gateway shop/front"));
    let listener = json!({"status": {"listeners": [{"name": "web", "conditions": [condition("ResolvedRefs", "False", "InvalidCertificateRef")]}]}});
    assert_eq!(causes(&world(&listener)), cause("Gateway shop/front"));
    let secret =
        json!({"spec": {"listeners": [{"name": "web", "tls": {"certificateRefs": [{"name": "cert"}]}}]}});
    let mut missing = listener.clone();
    json_patch::merge(&mut missing, &secret);
    assert_eq!(causes(&world(&missing).secret("other", &[])), cause("Secret shop/cert"));
    assert_eq!(causes(&world(&json!({"spec": {"gatewayClassName": "egde"}}))), cause("Gateway shop/front"));
}

#[test]
fn a_class_that_no_controller_accepts_explains_its_gateways() {
    let mut world = world(&json!({"status": {"conditions": [condition("Accepted", "Unknown", "Pending")]}}));
    assert_eq!(causes(&world), cause("Gateway shop/front"));
    world.snapshot.objects.others[0]["status"]["conditions"] =
        json!([condition("Accepted", "Unknown", "Pending")]);
    assert_eq!(causes(&world), cause("GatewayClass edge"));
}

#[test]
fn gateways_that_work_odd_values_and_kinds_of_other_groups_give_nothing() {
    assert_eq!(causes(&route(world(&json!({})), &web(), &json!({}))), []);
    assert_eq!(
        causes(&route(world(&json!({})), &json!({"name": "gone", "port": 80, "weight": 0}), &json!({}))),
        []
    );
    let bucket = json!({"group": "storage.test", "kind": "Bucket", "name": "b"});
    assert_eq!(causes(&route(world(&json!({})), &bucket, &json!({}))), []);
    let mut odd = world(&json!({"spec": 7, "status": {"conditions": "x"}}));
    odd.snapshot.objects.others.extend([
        json!(null),
        json!({"apiVersion": 1}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1"}),
    ]);
    odd.snapshot.objects.others.push(json!({"apiVersion": "gateway.test/v1", "kind": "HTTPRoute", "metadata": {"name": "x", "namespace": "shop"},
        "spec": {"rules": [{"backendRefs": [{"name": "gone"}]}]}}));
    assert_eq!(causes(&odd), cause("Gateway shop/front"), "its class is not named");
}
