//! Nothing that is missing makes a diagnosis panic, and the same Snapshot always gives the same diagnosis.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::diagnose::diagnose;
use crate::diagnose::world::{World, ago, object, waiting};
use crate::observe::{ReadingKind, Snapshot};

/// A world in which every analyzer has something to look at.
fn rich() -> Snapshot {
    let limit = [("containers[app].resources.limits.memory", "512Mi", "128Mi")];
    let env = json!([{"name": "DB_HOST", "value": "db"},
                     {"name": "P", "valueFrom": {"secretKeyRef": {"name": "login", "key": "p"}}}]);
    let pending = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had taint {a: b}, that."}]});
    let world = World::new()
        .node("node-1", "Unknown")
        .deployment("web", 2)
        .deployment("db", 1)
        .deployment("parked", 0);
    let world =
        world.rollout("web", &limit).crashing("web", 2, 137, "OOMKilled").crashing("db", 1, 1, "Error");
    let world = world.pod("web", 2, "web-2-y", waiting("ImagePullBackOff", "not found"));
    let world =
        world.pod("web", 2, "web-2-z", waiting("CreateContainerConfigError", "secret \"login\" not found"));
    let world = world.pod("web", 2, "web-2-p", pending).environment("web", &env).endpoints("db", false);
    let world = world.event("web-2-x", "Unhealthy", "Liveness probe failed: EOF", 5);
    let world = world.event("web-2-y", "FailedMount", "configmap \"flags\" not found", 5);
    let world = world
        .log("web-2-x", "dial tcp: lookup db: no such host\nconnect ECONNREFUSED 10.96.0.2:5432\npanic: x");
    let world = world.alert("Errors", "web");
    let service = crate::incident::ObjectRef::new("Service", "shop", "web");
    let mut snapshot = world.reading(ReadingKind::ErrorRate, service, 0.4, 0.01).snapshot;
    snapshot.objects.autoscalers.push(object(json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"desiredReplicas": 2, "conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]},
    })));
    snapshot.objects.claims.push(object(json!({
        "metadata": {"namespace": "shop", "name": "data", "creationTimestamp": ago(9).to_string()},
        "spec": {"storageClassName": "fast"}, "status": {"phase": "Lost"},
    })));
    snapshot
}

/// Drops every part of the JSON at which `drops` says so. Parts that the API requires come back as errors of their object,
/// which is then left out as a collector would leave it out.
fn prune(value: &mut Value, drops: &mut impl FnMut() -> bool) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, _| !drops());
            fields.values_mut().for_each(|field| prune(field, drops));
        }
        Value::Array(items) => {
            items.retain(|_| !drops());
            items.iter_mut().for_each(|item| prune(item, drops));
        }
        _ => {}
    }
}

fn pruned(snapshot: &Snapshot, mut drops: impl FnMut() -> bool) -> Snapshot {
    let mut value = serde_json::to_value(snapshot).unwrap();
    for (_, list) in value["objects"].as_object_mut().unwrap() {
        for item in list.as_array_mut().unwrap() {
            prune(item, &mut drops);
        }
    }
    readable(value)
}

/// Leaves out the objects that can no longer be read.
fn readable(mut value: Value) -> Snapshot {
    let kinds: Vec<String> = value["objects"].as_object().unwrap().keys().cloned().collect();
    for kind in kinds {
        let alone =
            |item: &Value| serde_json::from_value::<crate::observe::Objects>(json!({&kind: [item]})).is_ok();
        let items = value["objects"][&kind].as_array_mut().unwrap();
        items.retain(alone);
    }
    serde_json::from_value(value).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_pruned_world_is_diagnosed_without_a_panic_and_always_alike(seed in any::<u64>(), percent in 0_u64..40) {
        let mut state = seed;
        let drops = || {
            // An LCG (Knuth's MMIX constants) is random enough to choose what to drop, and repeats from its seed.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 100 < percent
        };
        let snapshot = pruned(&rich(), drops);
        let first = serde_json::to_value(diagnose(&snapshot, &[])).unwrap();
        let second = serde_json::to_value(diagnose(&snapshot, &[])).unwrap();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn hostile_log_text_is_diagnosed_without_a_panic(text in "\\PC{0,300}", line in any::<String>()) {
        let world = World::new().deployment("web", 0).crashing("web", 1, 1, "Error");
        let diagnosis = world.log("web-1-x", &format!("{text}\nconnection refused {line}")).diagnose();
        let control = diagnosis.evidence.iter().find(|piece| piece.statement.contains(char::is_control));
        prop_assert_eq!(control, None);
    }
}

#[test]
fn the_order_of_the_objects_does_not_matter() {
    let snapshot = rich();
    let mut reversed = snapshot.clone();
    reversed.objects.pods.reverse();
    reversed.objects.deployments.reverse();
    reversed.objects.services.reverse();
    reversed.objects.events.reverse();
    let shown = |snapshot| serde_json::to_value(diagnose(snapshot, &[])).unwrap();
    assert_eq!(shown(&snapshot), shown(&reversed));
}

/// Gives objects the fields that collectors drop.
fn dressed(mut snapshot: Snapshot) -> Snapshot {
    let id = "containerd://0a1b";
    for pod in &mut snapshot.objects.pods {
        let more = json!({"metadata": {"generateName": "x-", "managedFields": [{"manager": "kubelet"}]},
            "spec": {"serviceAccount": "old", "enableServiceLinks": true, "preemptionPolicy": "Never"},
            "status": {"qosClass": "BestEffort", "podIPs": [{"ip": "10.1.0.9"}], "hostIPs": [{"ip": "10.0.0.9"}]}});
        *pod = merged(pod, &more);
        for container in &mut pod.spec.as_mut().unwrap().containers {
            container.tty = Some(true);
            container.termination_message_policy = Some("File".to_owned());
        }
        for status in pod.status.as_mut().unwrap().container_statuses.iter_mut().flatten() {
            status.container_id = Some(id.to_owned());
        }
    }
    for event in &mut snapshot.objects.events {
        *event = merged(
            event,
            &json!({"metadata": {"uid": "u", "labels": {"a": "b"}}, "reportingComponent": "kubelet",
            "reportingInstance": "node-1", "involvedObject": {"uid": "u", "resourceVersion": "7", "apiVersion": "v1"}}),
        );
    }
    for node in &mut snapshot.objects.nodes {
        *node = merged(
            node,
            &json!({"status": {"images": [{"names": ["registry.test/web:1"]}], "volumesInUse": ["v"]}}),
        );
    }
    for slice in &mut snapshot.objects.endpoint_slices {
        for endpoint in slice.endpoints.iter_mut().flatten() {
            endpoint.zone = Some("zone-a".to_owned());
        }
    }
    snapshot
}

fn merged<T: serde::Serialize + serde::de::DeserializeOwned>(object: &T, more: &Value) -> T {
    let mut value = serde_json::to_value(object).unwrap();
    json_patch::merge(&mut value, more);
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_collectors_drop_no_analyzer_reads() {
    let whole = dressed(rich());
    let mut pruned = whole.clone();
    pruned.objects.prune();
    let text = |snapshot: &Snapshot| serde_json::to_string(&snapshot.objects).unwrap();
    let dropped = [
        "qosClass",
        "podIPs",
        "containerd://",
        "reportingInstance",
        "zone-a",
        "volumesInUse",
        "preemptionPolicy",
    ];
    assert!(dropped.iter().all(|word| text(&whole).contains(word) && !text(&pruned).contains(word)));
    let shown = |snapshot: &Snapshot| serde_json::to_value(diagnose(snapshot, &[])).unwrap();
    assert_eq!(shown(&whole), shown(&pruned));
}

#[test]
fn owners_in_a_circle_end() {
    let mut snapshot = World::new().deployment("web", 1).snapshot;
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true}]);
    snapshot.objects.replica_sets[0].metadata.owner_references = Some(object(owner));
    assert!(diagnose(&snapshot, &[]).hypotheses.is_empty());
}
