//! DaemonSet → one Pod on every node that it fits.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{history, pods, scheduler};
use crate::sim::kinds::{DAEMON_SETS, NODES, PODS};
use crate::sim::objects::meta;
use crate::sim::world::{World, fields};

const COMPONENT: &str = "daemonset-controller";
/// Taints that pods of DaemonSets tolerate by themselves (daemon controller, `AddOrUpdateDaemonPodTolerations`).
const TOLERATED: &[(&str, &str)] = &[
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
];

pub(super) fn reconcile(world: &World) {
    for set in world.all(&DAEMON_SETS) {
        if !meta::is_terminating(&set) {
            let hash = history::record(world, &set);
            sync(world, &set, &hash);
        }
    }
}

fn sync(world: &World, set: &Value, hash: &str) {
    let owned = world.controlled(&PODS, set);
    let mut wanted = 0;
    for node in world.all(&NODES) {
        let pod = pod_for(set, &node, hash);
        if !scheduler::fits_kind_of_node(&pod, &node) {
            continue;
        }
        wanted += 1;
        let here = owned.iter().find(|pod| node_of(pod) == meta::name(&node));
        match here {
            None => {
                let _ = pods::create(world, set, pod, COMPONENT);
            }
            Some(pod) if pods::is_finished(pod) && !meta::is_terminating(pod) => {
                pods::delete(world, set, pod, COMPONENT);
            }
            Some(_) => {}
        }
    }
    replace_one_outdated(world, set, &owned, hash);
    write_status(world, set, wanted, hash);
}

fn node_of(pod: &Value) -> &str {
    const WANTED: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
                          /nodeSelectorTerms/0/matchFields/0/values/0";
    fields::text(pod, WANTED)
}

fn pod_for(set: &Value, node: &Value, hash: &str) -> Value {
    let generation = fields::int(set, "/metadata/generation").unwrap_or(1).to_string();
    let mut pod =
        pods::from_template(set, &[(history::HASH, hash), ("pod-template-generation", &generation)]);
    let mut tolerations: Vec<Value> = fields::list(&pod, "/spec/tolerations").to_vec();
    tolerations.retain(|t| t.get("tolerationSeconds").is_none());
    tolerations.extend(TOLERATED.iter().map(
        |(key, effect)| json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": effect}),
    ));
    fields::set(&mut pod, "/spec/tolerations", tolerations.into());
    let term =
        json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [meta::name(node)]}]});
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}});
    fields::set(&mut pod, "/spec/affinity", json!({"nodeAffinity": required}));
    pod
}

fn replace_one_outdated(world: &World, set: &Value, owned: &[Arc<Value>], hash: &str) {
    let missing = owned.iter().any(|pod| meta::is_terminating(pod) || !pods::is_ready(pod));
    let outdated =
        owned.iter().find(|pod| fields::text(pod, "/metadata/labels/controller-revision-hash") != hash);
    if let Some(pod) = outdated
        && (!missing || !pods::is_ready(pod))
        && !meta::is_terminating(pod)
    {
        pods::delete(world, set, pod, COMPONENT);
    }
}

fn write_status(world: &World, set: &Value, wanted: i64, hash: &str) {
    let owned = world.controlled(&PODS, set);
    let tally = pods::tally(world, &owned, fields::int(set, "/spec/minReadySeconds").unwrap_or(0));
    let is_updated =
        |pod: &&Arc<Value>| fields::text(pod, "/metadata/labels/controller-revision-hash") == hash;
    let updated = pods::count(owned.iter().filter(is_updated));
    world.modify(&DAEMON_SETS, set, |set| {
        let mut status = json!({
            "currentNumberScheduled": tally.total, "desiredNumberScheduled": wanted, "numberMisscheduled": 0,
            "numberReady": tally.ready, "numberAvailable": tally.available, "updatedNumberScheduled": updated,
            "observedGeneration": fields::int(set, "/metadata/generation").unwrap_or(1),
        });
        if wanted > tally.available {
            fields::set(&mut status, "/numberUnavailable", (wanted - tally.available).into());
        }
        fields::set(set, "/status", status);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    #[test]
    fn every_fitting_node_gets_one_pod() {
        let world = empty_world();
        for (name, os) in [("a", "linux"), ("b", "linux"), ("c", "windows")] {
            given(
                &world,
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"os": os}}}),
            );
        }
        given(
            &world,
            json!({
                "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "default"},
                "spec": {"selector": {"matchLabels": {"app": "agent"}},
                         "template": {"metadata": {"labels": {"app": "agent"}},
                                      "spec": {"nodeSelector": {"os": "linux"}, "containers": [{"name": "a", "image": "a:1"}]}}},
            }),
        );
        reconcile(&world);
        reconcile(&world);
        let nodes: Vec<String> = world.all(&PODS).iter().map(|pod| node_of(pod).to_owned()).collect();
        assert_eq!(nodes.len(), 2);
        assert!(nodes.contains(&"a".to_owned()) && nodes.contains(&"b".to_owned()));
    }
}
