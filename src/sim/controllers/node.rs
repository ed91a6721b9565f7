//! The node controller: notices that a kubelet has gone silent, taints the node, marks its pods, evicts them later.

use std::time::Duration;

use serde_json::{Value, json};

use super::{pods, scheduler};
use crate::sim::kinds::{NODES, PODS};
use crate::sim::objects::{Deletion, meta};
use crate::sim::world::fields::Condition;
use crate::sim::world::{Report, World, fields};

const COMPONENT: &str = "node-controller";
/// Silence after which a node counts as lost (`--node-monitor-grace-period`).
const GRACE: Duration = Duration::from_secs(50);
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const CORDON: &str = "node.kubernetes.io/unschedulable";

pub(super) fn reconcile(world: &World) {
    for node in world.all(&NODES) {
        let silent_since = world.switches().down.get(meta::name(&node)).copied();
        let is_lost = silent_since.is_some_and(|since| world.clock.is_over(since, GRACE));
        let told_lost =
            fields::condition(&node, "Ready").is_some_and(|c| fields::text(c, "/status") == "Unknown");
        if is_lost && !told_lost {
            declare_lost(world, &node);
        }
        keep_taints(world, &node, is_lost);
        if is_lost {
            mark_pods(world, &node);
            evict(world, &node);
        }
    }
}

fn declare_lost(world: &World, node: &Value) {
    let now = world.now();
    world.modify(&NODES, node, |node| {
        for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
            let heartbeat = fields::condition(node, kind)
                .and_then(|c| c.get("lastHeartbeatTime").cloned())
                .unwrap_or_default();
            let message = "Kubelet stopped posting node status.";
            let condition = Condition { kind, status: "Unknown", reason: "NodeStatusUnknown", message };
            fields::set_condition(node, condition, now, &[("lastHeartbeatTime", heartbeat)]);
        }
    });
    let message = format!("Node {} status is now: NodeNotReady", meta::name(node));
    world.report(node, Report::normal(COMPONENT, "NodeNotReady", &message));
}

/// The taints that follow from a lost kubelet and from a cordon.
fn keep_taints(world: &World, node: &Value, is_lost: bool) {
    let before = fields::list(node, "/spec/taints");
    let mut taints: Vec<Value> = before.to_vec();
    let cordoned = fields::flag(node, "/spec/unschedulable");
    for (key, effect, wanted) in [
        (UNREACHABLE, "NoSchedule", is_lost),
        (UNREACHABLE, "NoExecute", is_lost),
        (CORDON, "NoSchedule", cordoned),
    ] {
        let is_it =
            |taint: &Value| fields::text(taint, "/key") == key && fields::text(taint, "/effect") == effect;
        if !wanted {
            taints.retain(|taint| !is_it(taint));
        } else if !taints.iter().any(is_it) {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": meta::seconds(world.now())}));
        }
    }
    if taints.as_slice() == before {
        return;
    }
    world.modify(&NODES, node, |node| {
        if taints.is_empty() {
            fields::unset(node, "/spec/taints");
        } else {
            fields::set(node, "/spec/taints", taints.into());
        }
    });
}

/// Pods on a lost node are no longer ready, whatever they last said.
fn mark_pods(world: &World, node: &Value) {
    let now = world.now();
    for pod in world.all(&PODS) {
        if fields::text(&pod, "/spec/nodeName") != meta::name(node) || !pods::is_ready(&pod) {
            continue;
        }
        let condition = Condition { kind: "Ready", status: "False", reason: "", message: "" };
        world.modify(&PODS, &pod, |pod| {
            fields::set_condition(pod, condition, now, &[("lastProbeTime", Value::Null)]);
        });
        world.report(&pod, Report::warning(COMPONENT, "NodeNotReady", "Node is not ready"));
    }
}

/// Deletes pods whose toleration of a lost node has run out; they hang until the kubelet is back.
fn evict(world: &World, node: &Value) {
    let taint = json!({"key": UNREACHABLE, "effect": "NoExecute"});
    let added = fields::list(node, "/spec/taints")
        .iter()
        .find(|t| fields::text(t, "/key") == UNREACHABLE && fields::text(t, "/effect") == "NoExecute")
        .and_then(|t| fields::time(t, "/timeAdded"));
    let Some(since) = added else { return };
    for pod in world.all(&PODS) {
        let here = fields::text(&pod, "/spec/nodeName") == meta::name(node) && pods::is_active(&pod);
        if !here {
            continue;
        }
        let patience = match scheduler::toleration(&pod, &taint).map(|t| fields::int(t, "/tolerationSeconds"))
        {
            Some(None) => continue,
            Some(Some(seconds)) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
            None => Duration::ZERO,
        };
        if world.clock.is_over(since, patience) {
            let message = format!("Marking for deletion Pod {}/{}", meta::namespace(&pod), meta::name(&pod));
            world.report(&pod, Report::normal("taint-eviction-controller", "TaintManagerEviction", &message));
            let gone =
                world.store.delete(&PODS, meta::namespace(&pod), meta::name(&pod), &Deletion::default());
            tracing::debug!(ok = gone.is_ok(), pod = meta::name(&pod), "evicted from a lost node");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given, pass};

    fn world_with_a_pod(patience: i64) -> World {
        let world = empty_world();
        given(
            &world,
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]}}),
        );
        given(
            &world,
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
                "spec": {"nodeName": "a", "containers": [], "tolerations": [
                    {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": patience}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            }),
        );
        let now = world.now();
        world.switches().down.insert("a".to_owned(), now);
        world
    }

    #[test]
    fn a_silent_kubelet_makes_its_node_unknown_and_its_pods_unready() {
        let world = world_with_a_pod(300);
        pass(&world, 30);
        reconcile(&world);
        assert!(
            fields::is_true(&world.store.get(&NODES, "", "a").unwrap(), "Ready"),
            "it may still come back"
        );
        pass(&world, 30);
        reconcile(&world);
        let node = world.store.get(&NODES, "", "a").unwrap();
        assert_eq!(fields::text(fields::condition(&node, "Ready").unwrap(), "/reason"), "NodeStatusUnknown");
        assert_eq!(fields::list(&node, "/spec/taints").len(), 2);
        assert!(!pods::is_ready(&world.store.get(&PODS, "default", "p").unwrap()));
    }

    #[test]
    fn pods_are_evicted_when_their_patience_is_over_and_hang() {
        let world = world_with_a_pod(300);
        pass(&world, 60);
        reconcile(&world);
        pass(&world, 200);
        reconcile(&world);
        assert!(!meta::is_terminating(&world.store.get(&PODS, "default", "p").unwrap()));
        pass(&world, 200);
        reconcile(&world);
        assert!(meta::is_terminating(&world.store.get(&PODS, "default", "p").unwrap()));
    }

    #[test]
    fn a_cordon_is_a_taint_until_it_is_lifted() {
        let world = empty_world();
        let node = given(
            &world,
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "spec": {"unschedulable": true}}),
        );
        reconcile(&world);
        assert_eq!(fields::text(&world.store.get(&NODES, "", "a").unwrap(), "/spec/taints/0/key"), CORDON);
        world.modify(&NODES, &node, |node| fields::unset(node, "/spec/unschedulable"));
        reconcile(&world);
        assert_eq!(fields::list(&world.store.get(&NODES, "", "a").unwrap(), "/spec/taints").len(), 0);
    }
}
