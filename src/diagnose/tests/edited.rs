//! Objects that were edited since they were applied: blamed where what depends on them fails, and left alone elsewhere.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use crate::diagnose::world::{World, crash, object};
use crate::observe::KeyedObject;

const SILENT: &str = "connect to cart:80: i/o timeout\n";

fn at_fault(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(_, object, _)| object).collect()
}

/// Says that a field of an object is not as it was applied.
fn edit(metadata: &mut ObjectMeta, field: &str) {
    let list = json!([{"field": field, "applied": "one", "now": "other"}]).to_string();
    metadata
        .annotations
        .get_or_insert_default()
        .insert("kubewright.io/changed-since-applied".to_owned(), list);
}

/// `web` complains so often of `cart`.
fn complaining(times: usize) -> World {
    World::new().deployment("web", 1).deployment("cart", 1).log("web-1-0", &SILENT.repeat(times))
}

fn config_map(keys: &[&str]) -> KeyedObject {
    KeyedObject {
        namespace: "shop".to_owned(),
        name: "settings".to_owned(),
        keys: vec!["A".to_owned(), "B".to_owned()],
        created_at: None,
        changed_at: None,
        addresses: Vec::new(),
        changed_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        version: None,
    }
}

#[test]
fn a_service_that_was_edited_is_at_fault_where_its_callers_complain() {
    let with = |mut world: World, field: &str| {
        edit(&mut world.snapshot.objects.services[1].metadata, field);
        at_fault(&world)
    };
    let service = "Service shop/cart".to_owned();
    assert_eq!(with(complaining(40), "spec.ports[0].targetPort").first(), Some(&service));
    assert_eq!(with(complaining(40), "spec.selector.app").first(), Some(&service));
    assert!(!with(complaining(40), "metadata.labels.team").contains(&service), "that leads nobody astray");
    assert!(!with(complaining(2), "spec.selector.app").contains(&service), "hardly anybody minds");
    assert!(
        !with(World::new().deployment("web", 1).deployment("cart", 1), "spec.selector.app")
            .contains(&service)
    );
    let fails = complaining(40).crashing("cart", 1, 1, "Error");
    assert!(!with(fails, "spec.selector.app").contains(&service), "what is behind it fails by itself");
}

#[test]
fn a_config_map_that_was_edited_is_at_fault_where_a_program_that_reads_it_fails() {
    let reads = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "A"}}}]);
    let with = |world: World, keys: &[&str]| {
        let mut world = world.environment("cart", &reads);
        world.snapshot.objects.config_maps.push(config_map(keys));
        at_fault(&world)
    };
    let map = "ConfigMap shop/settings".to_owned();
    let crashing = || World::new().deployment("cart", 1).crashing("cart", 1, 1, "Error");
    assert_eq!(with(crashing(), &["A"]).first(), Some(&map));
    assert!(!with(crashing(), &["B"]).contains(&map), "it does not read that key");
    assert!(!with(crashing(), &[]).contains(&map));
    assert!(with(World::new().deployment("cart", 1), &["A"]).is_empty(), "nothing is wrong");
    let exhausted = World::new().deployment("cart", 1).crashing("cart", 1, 137, "OOMKilled");
    assert_eq!(with(exhausted, &["A"]).first(), Some(&"Deployment shop/cart".to_owned()), "why is known");
}

#[test]
fn an_account_that_lost_its_role_is_at_fault_where_its_pods_fail() {
    let with = |world: World, field: &str| {
        let mut world = world;
        let mut account: k8s_openapi::api::core::v1::ServiceAccount =
            object(json!({"metadata": {"namespace": "shop", "name": "default"}}));
        edit(&mut account.metadata, field);
        world.snapshot.objects.service_accounts.push(account);
        at_fault(&world)
    };
    let crashing = || World::new().deployment("cart", 1).crashing("cart", 1, 1, "Error");
    let account = "ServiceAccount shop/default".to_owned();
    assert_eq!(with(crashing(), "metadata.annotations.cloud.example/role").first(), Some(&account));
    assert!(!with(crashing(), "metadata.labels.team").contains(&account));
    assert!(with(World::new().deployment("cart", 1), "metadata.annotations.cloud.example/role").is_empty());
}

#[test]
fn a_namespace_that_lost_the_label_by_which_a_policy_admits_it_comes_before_the_policy() {
    let world = |label: &str| {
        let mut world = complaining(40);
        let objects = &mut world.snapshot.objects;
        objects.namespaces.push(object(json!({"metadata": {"name": "shop", "labels": {}}})));
        edit(&mut objects.namespaces[0].metadata, &format!("metadata.labels.{label}"));
        objects.network_policies.push(object(json!({"metadata": {"namespace": "shop", "name": "callers"},
            "spec": {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "front"}}}]}]}})));
        at_fault(&world)
    };
    assert_eq!(world("tier").first(), Some(&"Namespace shop".to_owned()));
    assert_eq!(world("team").first(), Some(&"NetworkPolicy shop/callers".to_owned()));
}

#[test]
fn a_template_that_was_edited_is_told_where_no_revision_of_it_is_known() {
    let set = |state: Value| {
        let mut world = World::new().deployment("cart", 1);
        let pod = json!({"metadata": {"namespace": "shop", "name": "db-0", "labels": {"app": "db"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "d", "controller": true}]},
            "spec": {"containers": [{"name": "app"}]}, "status": state});
        let mut set: k8s_openapi::api::apps::v1::StatefulSet = object(
            json!({"metadata": {"namespace": "shop", "name": "db"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "db"}}, "serviceName": "db",
                "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "app"}]}}}}),
        );
        edit(&mut set.metadata, "spec.template.spec.containers[app].image");
        world.snapshot.objects.pods.push(object(pod));
        world.snapshot.objects.stateful_sets.push(set);
        world.codes()
    };
    let told = |codes: Vec<String>| codes.contains(&"change.since_applied".to_owned());
    assert!(told(set(crash(1, "Error", 9))));
    assert!(!told(set(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))));
}
