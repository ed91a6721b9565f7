//! Nodes that somebody closed lately, and pods that would have found room there.

use serde_json::{Value, json};

use crate::diagnose::world::{World, ago, object};

const MESSAGE: &str = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.";

/// A node of 2 cores that joined ten hours ago; `more` replaces parts of its spec.
fn node(name: &str, more: &Value) -> Value {
    let mut spec = json!({});
    json_patch::merge(&mut spec, more);
    json!({"metadata": {"name": name, "creationTimestamp": ago(600).to_string(), "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn pod(name: &str, app: &str, node: Option<&str>, minutes: i64, cpu: &str) -> Value {
    let status = match node {
        Some(_) => json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
        None => {
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "lastTransitionTime": ago(5).to_string(), "message": MESSAGE}]})
        }
    };
    let containers = json!([{"name": "app", "image": "i", "resources": {"requests": {"cpu": cpu}}}]);
    json!({"metadata": {"namespace": "shop", "name": name, "labels": {"app": app}, "creationTimestamp": ago(minutes).to_string()},
        "spec": {"nodeName": node, "containers": containers}, "status": status})
}

/// Two pods that find no room on node `b`, which is full, beside node `a`.
fn world(a: &Value, others: &[Value]) -> World {
    let mut world = World::new();
    let objects = &mut world.snapshot.objects;
    objects.nodes = vec![object(node("a", a)), object(node("b", &json!({})))];
    let full = pod("full", "full", Some("b"), 500, "1500m");
    let waiting = ["cart", "web"].map(|app| pod(app, app, None, 6, "1"));
    objects.pods = others.iter().chain([&full]).chain(&waiting).cloned().map(object).collect();
    world
}

/// The objects at fault, most likely first.
fn at_fault(world: &World) -> Vec<String> {
    world.causes().into_iter().map(|(_, object, _)| object).collect()
}

fn cordon(minutes: i64) -> Value {
    let at = ago(minutes).to_string();
    json!({"unschedulable": true,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": at}]})
}

fn taint(minutes: i64) -> Value {
    let at = ago(minutes).to_string();
    json!({"taints": [{"key": "repair", "value": "disk", "effect": "NoExecute", "timeAdded": at}]})
}

#[test]
fn a_node_that_was_cordoned_or_tainted_lately_explains_all_that_would_fit_there() {
    for closed in [cordon(20), taint(20)] {
        assert_eq!(at_fault(&world(&closed, &[])), ["Node a"], "{closed}");
    }
}

#[test]
fn a_taint_without_a_time_is_younger_than_the_pods_that_it_would_not_let_in() {
    let taint = json!({"taints": [{"key": "repair", "effect": "NoSchedule"}]});
    assert!(!at_fault(&world(&taint, &[])).contains(&"Node a".to_owned()));
    let young = pod("young", "young", Some("a"), 90, "500m");
    assert_eq!(at_fault(&world(&taint, std::slice::from_ref(&young))), ["Node a"]);
    let mut tolerant = young.clone();
    tolerant["spec"]["tolerations"] = json!([{"key": "repair", "operator": "Exists"}]);
    assert!(!at_fault(&world(&taint, &[tolerant])).contains(&"Node a".to_owned()));
    let mut own = young;
    own["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "u", "controller": true}]);
    assert!(!at_fault(&world(&taint, &[own])).contains(&"Node a".to_owned()), "static pods never asked");
}

#[test]
fn an_event_says_when_a_node_was_cordoned() {
    let mut world = world(&json!({"unschedulable": true}), &[]);
    assert!(!at_fault(&world).contains(&"Node a".to_owned()));
    world
        .snapshot
        .objects
        .events
        .push(object(json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Node", "name": "a"},
        "type": "Normal", "reason": "NodeNotSchedulable", "lastTimestamp": ago(30).to_string()})));
    assert_eq!(at_fault(&world), ["Node a"]);
}

#[test]
fn a_node_that_was_closed_long_ago_or_too_late_or_has_no_room_either_is_left_alone() {
    let node = "Node a".to_owned();
    assert!(!at_fault(&world(&cordon(2 * 24 * 60), &[])).contains(&node), "people know of it");
    assert!(!at_fault(&world(&cordon(1), &[])).contains(&node), "the pods waited before");
    assert!(!at_fault(&world(&taint(598), &[])).contains(&node), "it joined with its taint");
    let full = pod("other", "other", Some("a"), 500, "1500m");
    assert!(!at_fault(&world(&cordon(20), &[full])).contains(&node));
}

#[test]
fn a_pod_that_is_meant_for_closed_nodes_alone_is_at_fault_itself() {
    let mut world = world(&cordon(20), &[]);
    for pod in &mut world.snapshot.objects.pods {
        let spec = pod.spec.as_mut().unwrap();
        spec.node_selector = Some([("kubernetes.io/hostname".to_owned(), "a".to_owned())].into());
    }
    assert!(!at_fault(&world).contains(&"Node a".to_owned()));
}

#[test]
fn a_node_that_the_scheduler_did_not_leave_out_for_being_closed_is_no_reason() {
    let mut world = world(&cordon(20), &[]);
    for pod in &mut world.snapshot.objects.pods {
        let conditions = pod.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions[0].message = Some("0/2 nodes are available: 2 Insufficient cpu.".to_owned());
    }
    assert!(!at_fault(&world).contains(&"Node a".to_owned()));
}

#[test]
fn where_every_node_was_closed_no_single_one_is_blamed() {
    let mut world = world(&cordon(20), &[]);
    world.snapshot.objects.nodes[1] = object(node("b", &cordon(20)));
    world.snapshot.objects.pods.retain(|pod| pod.metadata.name.as_deref() != Some("full"));
    assert!(at_fault(&world).iter().all(|object| !object.starts_with("Node")));
}

#[test]
fn a_node_that_waits_for_its_agent_is_that_agents_fault() {
    let of = |agent: &str, ready: &str| {
        let taint = json!({"taints": [{"key": "node.fabric.test/agent-not-ready", "effect": "NoSchedule", "timeAdded": ago(20).to_string()}]});
        let mut own = pod("agent-x", agent, Some("a"), 590, "10m");
        own["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": agent, "uid": "u", "controller": true}]);
        own["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
        own["status"]["conditions"][0] = json!({"type": "Ready", "status": ready,
            "lastTransitionTime": ago(30).to_string(), "message": "containers with unready status: [app]"});
        at_fault(&world(&taint, &[own])).remove(0)
    };
    assert_eq!(of("fabric-agent", "False"), "DaemonSet shop/fabric-agent");
    assert_eq!(of("fabric-agent", "True"), "Node a");
    assert_eq!(of("log-agent", "False"), "Node a");
}
