//! ReplicaSet → Pods.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{PODS, REPLICA_SETS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{World, fields};

const COMPONENT: &str = "replicaset-controller";
/// Pods created or deleted in one round at most, as the real controller's burst.
const BURST: usize = 500;

pub(super) fn reconcile(world: &World) {
    for set in world.all(&REPLICA_SETS) {
        if !meta::is_terminating(&set) {
            sync(world, &set);
        }
    }
}

fn sync(world: &World, set: &Value) {
    let owned = world.controlled(&PODS, set);
    let mut active: Vec<Arc<Value>> = owned.into_iter().filter(|pod| pods::is_active(pod)).collect();
    let wanted = fields::int(set, "/spec/replicas").unwrap_or(1);
    let missing = wanted - pods::count(active.iter());
    let mut failure = None;
    for _ in 0..usize::try_from(missing).unwrap_or(0).min(BURST) {
        if let Err(error) = pods::create(world, set, pods::from_template(set, &[]), COMPONENT) {
            failure = Some(error.to_string());
            break;
        }
    }
    active.sort_by(|a, b| deletion_order(a, b));
    for pod in active.iter().take(usize::try_from(-missing).unwrap_or(0).min(BURST)) {
        pods::delete(world, set, pod, COMPONENT);
    }
    write_status(world, set, failure.as_deref());
}

/// Which of two pods goes first: unplaced, then unready, then the younger (controller.ActivePods).
fn deletion_order(a: &Value, b: &Value) -> Ordering {
    let placed = |pod: &Value| !fields::text(pod, "/spec/nodeName").is_empty();
    let created = |pod: &Value| meta::text(pod, "creationTimestamp").to_owned();
    placed(a)
        .cmp(&placed(b))
        .then_with(|| pods::is_ready(a).cmp(&pods::is_ready(b)))
        .then_with(|| created(b).cmp(&created(a)))
        .then_with(|| meta::name(a).cmp(meta::name(b)))
}

fn write_status(world: &World, set: &Value, failure: Option<&str>) {
    let owned = world.controlled(&PODS, set);
    let min_ready = fields::int(set, "/spec/minReadySeconds").unwrap_or(0);
    let tally = pods::tally(world, &owned, min_ready);
    let now = world.now();
    world.modify(&REPLICA_SETS, set, |set| {
        let conditions = set.pointer("/status/conditions").cloned();
        let mut status = json!({
            "replicas": tally.total, "fullyLabeledReplicas": tally.total,
            "observedGeneration": fields::int(set, "/metadata/generation").unwrap_or(1),
            "terminatingReplicas": pods::count(owned.iter().filter(|pod| meta::is_terminating(pod))),
        });
        if tally.ready > 0 {
            fields::set(&mut status, "/readyReplicas", tally.ready.into());
        }
        if tally.available > 0 {
            fields::set(&mut status, "/availableReplicas", tally.available.into());
        }
        fields::set(set, "/status", status);
        match (failure, conditions) {
            (Some(message), kept) => {
                if let Some(kept) = kept {
                    fields::set(set, "/status/conditions", kept);
                }
                let condition =
                    Condition { kind: "ReplicaFailure", status: "True", reason: "FailedCreate", message };
                fields::set_condition(set, condition, now, &[]);
            }
            // The failure stays told until all pods are there.
            (None, Some(kept)) if tally.total < fields::int(set, "/spec/replicas").unwrap_or(1) => {
                fields::set(set, "/status/conditions", kept);
            }
            _ => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    fn set(replicas: i64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-1", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"metadata": {"labels": {"app": "web"}},
                                  "spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        })
    }

    #[test]
    fn missing_pods_are_created_with_owner_and_labels() {
        let world = empty_world();
        let set = given(&world, set(3));
        reconcile(&world);
        let pods = world.controlled(&PODS, &set);
        assert_eq!(pods.len(), 3);
        assert!(pods.iter().all(|pod| fields::text(pod, "/metadata/labels/app") == "web"));
        let status = world.store.get(&REPLICA_SETS, "default", "web-1").unwrap();
        assert_eq!(fields::int(&status, "/status/replicas"), Some(3));
        assert_eq!(fields::int(&status, "/status/readyReplicas"), None);
    }

    #[test]
    fn surplus_pods_go_and_the_ready_ones_stay() {
        let world = empty_world();
        let set = given(&world, set(3));
        reconcile(&world);
        let kept = world.controlled(&PODS, &set).remove(1);
        world.modify(&PODS, &kept, |pod| {
            fields::set(pod, "/spec/nodeName", "n1".into());
            fields::set(pod, "/status/conditions", json!([{"type": "Ready", "status": "True"}]));
        });
        world.modify(&REPLICA_SETS, &set, |set| fields::set(set, "/spec/replicas", 1.into()));
        reconcile(&world);
        let names: Vec<String> =
            world.controlled(&PODS, &set).iter().map(|p| meta::name(p).to_owned()).collect();
        assert_eq!(names, [meta::name(&kept)]);
    }
}
