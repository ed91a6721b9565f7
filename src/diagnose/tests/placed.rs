//! Pods without a node: what is blamed, and what is not.

use serde_json::{Value, json};

use crate::diagnose::world::{World, object};

/// A node with 4 cores; `more` replaces parts of it.
fn node(name: &str, more: &Value) -> Value {
    let mut node = json!({"metadata": {"name": name, "labels": {"zone": "a"}}, "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready", "status": "True"}]}});
    json_patch::merge(&mut node, more);
    node
}

/// A pod that the scheduler finds no node for, beside the nodes.
fn waiting(spec: &Value, nodes: &[Value]) -> World {
    let mut pod_spec =
        json!({"containers": [{"name": "app", "image": "i", "resources": {"requests": {"cpu": "1"}}}]});
    json_patch::merge(&mut pod_spec, spec);
    let mut world = World::new();
    world.snapshot.objects.nodes = nodes.iter().cloned().map(object).collect();
    world.snapshot.objects.pods.push(object(json!({
        "metadata": {"namespace": "shop", "name": "web-1", "labels": {"app": "web"}}, "spec": pod_spec,
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "no nodes are available"}]},
    })));
    world
}

fn blamed(spec: &Value, nodes: &[Value]) -> Vec<String> {
    let codes = waiting(spec, nodes).codes().into_iter();
    codes.filter(|code| code.starts_with("pod.scheduling.")).collect()
}

fn taint(key: &str) -> Value {
    json!({"spec": {"taints": [{"key": key, "value": "yes", "effect": "NoSchedule"}]}})
}

#[test]
fn what_the_pod_asks_for_is_blamed_where_no_node_is_meant() {
    let nodes = [node("a", &json!({})), node("b", &json!({}))];
    assert_eq!(blamed(&json!({"nodeSelector": {"disk": "ssd"}}), &nodes), ["pod.scheduling.node_selector"]);
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]}}}});
    assert_eq!(blamed(&affinity, &nodes), ["pod.scheduling.node_affinity"]);
}

#[test]
fn of_the_nodes_that_are_meant_what_closes_them_is_blamed() {
    let meant = json!({"metadata": {"labels": {"disk": "ssd"}}});
    let mut tainted = meant.clone();
    json_patch::merge(&mut tainted, &taint("dedicated"));
    let mut cordoned = meant;
    json_patch::merge(&mut cordoned, &json!({"spec": {"unschedulable": true}}));
    let asks = json!({"nodeSelector": {"disk": "ssd"}});
    let others = [node("b", &json!({})), node("c", &json!({}))];
    let with = |more: &Value| [&others[..], &[node("a", more)]].concat();
    assert_eq!(blamed(&asks, &with(&tainted)), ["pod.scheduling.taint"]);
    assert_eq!(blamed(&asks, &with(&cordoned)), ["pod.scheduling.cordoned"]);
}

#[test]
fn a_control_plane_that_is_closed_on_purpose_is_not_blamed() {
    let control = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}},
        "spec": {"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}});
    let large =
        json!({"containers": [{"name": "app", "image": "i", "resources": {"requests": {"cpu": "6"}}}]});
    assert_eq!(blamed(&large, &[node("m", &control), node("a", &json!({}))]), ["pod.scheduling.cpu"]);
}

#[test]
fn pods_that_hold_the_room_or_keep_others_away_are_counted() {
    let mut world = waiting(&json!({}), &[node("a", &json!({}))]);
    let other = |labels: &Value, cpu: &str, affinity: &Value| {
        object(json!({"metadata": {"namespace": "shop", "name": "other", "labels": labels},
            "spec": {"nodeName": "a", "affinity": affinity, "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
    };
    world.snapshot.objects.pods.push(other(&json!({}), "3500m", &json!({})));
    assert!(world.codes().contains(&"pod.scheduling.cpu".to_owned()));
    let away = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}});
    world.snapshot.objects.pods.pop();
    world.snapshot.objects.pods.push(other(&json!({}), "1", &away));
    assert!(world.codes().contains(&"pod.scheduling.anti_affinity".to_owned()));
}

#[test]
fn a_node_that_would_do_and_a_toleration_that_fits_blame_nothing() {
    assert_eq!(blamed(&json!({}), &[node("a", &json!({}))]), Vec::<String>::new());
    let tolerant = json!({"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "yes"}]});
    assert_eq!(blamed(&tolerant, &[node("a", &taint("dedicated"))]), Vec::<String>::new());
    assert_eq!(blamed(&json!({"nodeSelector": {"disk": "ssd"}}), &[]), Vec::<String>::new());
}

/// A claim that a pod waits for, beside one volume.
fn claim(asks: &Value, volume: &Value) -> Vec<String> {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}});
    json_patch::merge(&mut spec, asks);
    let mut offers = json!({"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}});
    json_patch::merge(&mut offers, volume);
    let pod = json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]});
    let mut world = waiting(&pod, &[]);
    world.snapshot.objects.volumes.push(object(offers));
    world.snapshot.objects.claims.push(object(json!({
        "metadata": {"namespace": "shop", "name": "data"}, "spec": spec, "status": {"phase": "Pending"}})));
    world.codes().into_iter().filter(|code| code.starts_with("claim.") && code != "claim.pending").collect()
}

#[test]
fn what_the_nearest_volume_misses_is_told() {
    let none = json!({});
    assert_eq!(claim(&json!({"storageClassName": "fast"}), &none), ["claim.class_mismatch"]);
    assert_eq!(claim(&json!({"accessModes": ["ReadWriteMany"]}), &none), ["claim.access_mode_mismatch"]);
    assert_eq!(
        claim(&json!({"resources": {"requests": {"storage": "2Gi"}}}), &none),
        ["claim.capacity_mismatch"]
    );
    assert_eq!(claim(&json!({"selector": {"matchLabels": {"a": "b"}}}), &none), ["claim.selector_mismatch"]);
    let taken = json!({"spec": {"claimRef": {"namespace": "shop", "name": "other"}}});
    assert_eq!(claim(&none, &taken), ["claim.volume_taken"]);
    assert_eq!(claim(&none, &none), Vec::<String>::new(), "it is about to be bound");
}

#[test]
fn a_class_whose_provisioner_is_misspelt_is_blamed_instead_of_its_claims() {
    let world = |provisioner: &str| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}});
        let pod = json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]});
        let mut world = waiting(&pod, &[]);
        let objects = &mut world.snapshot.objects;
        objects
            .storage_classes
            .push(object(json!({"metadata": {"name": "fast"}, "provisioner": provisioner})));
        objects.volumes.push(object(json!({"metadata": {"name": "v"}, "spec": {"csi": {"driver": "disk.csi.test", "volumeHandle": "h"},
            "claimRef": {"namespace": "shop", "name": "other"}}})));
        objects.claims.push(object(json!({"metadata": {"namespace": "shop", "name": "data"}, "spec": spec, "status": {"phase": "Pending"}})));
        world.causes().into_iter().map(|(_, object, _)| object).collect::<Vec<_>>()
    };
    assert_eq!(world("disc.csi.test")[0], "StorageClass fast");
    assert!(!world("disk.csi.test").contains(&"StorageClass fast".to_owned()));
    assert!(!world("files.example.net").contains(&"StorageClass fast".to_owned()), "a new kind of storage");
}
