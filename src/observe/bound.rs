//! Keeping a Snapshot small: what matters least is dropped first. Pure.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::ResourceExt as _;
use serde::Serialize;

use super::Objects;
use super::cluster::pods_of;
use crate::incident::ObjectRef;

/// Most JSON of pods, bytes.
const PODS: usize = 4 * 1024 * 1024;

/// Most JSON of ReplicaSets, bytes.
const REPLICA_SETS: usize = 2 * 1024 * 1024;

/// Most JSON of events, bytes.
const EVENTS: usize = 1024 * 1024;

/// Most JSON of any other kind, bytes.
const OTHERS: usize = 512 * 1024;

/// Drops what is too much; returns the kinds of which something was dropped and how many objects.
pub(super) fn bound(objects: &mut Objects, focus: Option<&ObjectRef>) -> Vec<(&'static str, usize)> {
    let ranks = Ranks::new(objects, focus);
    let mut dropped = vec![
        ("pods", keep(&mut objects.pods, PODS, |pod| ranks.of_pod(pod))),
        ("events", keep(&mut objects.events, EVENTS, rank_event)),
        ("nodes", keep(&mut objects.nodes, OTHERS, |node| ranks.of_node(node))),
        ("replicasets", keep(&mut objects.replica_sets, REPLICA_SETS, |set| ranks.of_replica_set(set))),
    ];
    dropped.extend(others(objects));
    dropped.retain(|(_, count)| *count > 0);
    dropped
}

fn others(objects: &mut Objects) -> Vec<(&'static str, usize)> {
    vec![
        ("deployments", keep(&mut objects.deployments, REPLICA_SETS, same)),
        ("statefulsets", keep(&mut objects.stateful_sets, OTHERS, same)),
        ("daemonsets", keep(&mut objects.daemon_sets, OTHERS, same)),
        ("jobs", keep(&mut objects.jobs, OTHERS, same)),
        ("cronjobs", keep(&mut objects.cron_jobs, OTHERS, same)),
        ("services", keep(&mut objects.services, OTHERS, same)),
        ("endpointslices", keep(&mut objects.endpoint_slices, OTHERS, same)),
        ("configmaps", keep(&mut objects.config_maps, OTHERS, same)),
        ("secrets", keep(&mut objects.secrets, OTHERS, same)),
        ("horizontalpodautoscalers", keep(&mut objects.autoscalers, OTHERS, same)),
        ("persistentvolumeclaims", keep(&mut objects.claims, OTHERS, same)),
        ("persistentvolumes", keep(&mut objects.volumes, OTHERS, same)),
        ("storageclasses", keep(&mut objects.storage_classes, OTHERS, same)),
        ("ingresses", keep(&mut objects.ingresses, OTHERS, same)),
        ("networkpolicies", keep(&mut objects.network_policies, OTHERS, same)),
        ("resourcequotas", keep(&mut objects.quotas, OTHERS, same)),
        ("limitranges", keep(&mut objects.limit_ranges, OTHERS, same)),
        ("poddisruptionbudgets", keep(&mut objects.disruption_budgets, OTHERS, same)),
        ("serviceaccounts", keep(&mut objects.service_accounts, OTHERS, same)),
        ("roles", keep(&mut objects.roles, OTHERS, same)),
        ("rolebindings", keep(&mut objects.role_bindings, OTHERS, same)),
        ("clusterroles", keep(&mut objects.cluster_roles, REPLICA_SETS, same)),
        ("clusterrolebindings", keep(&mut objects.cluster_role_bindings, OTHERS, same)),
        ("validatingwebhookconfigurations", keep(&mut objects.validating_webhooks, OTHERS, same)),
        ("mutatingwebhookconfigurations", keep(&mut objects.mutating_webhooks, OTHERS, same)),
        ("namespaces", keep(&mut objects.namespaces, OTHERS, same)),
        ("priorityclasses", keep(&mut objects.priority_classes, OTHERS, same)),
        ("runtimeclasses", keep(&mut objects.runtime_classes, OTHERS, same)),
        ("ingressclasses", keep(&mut objects.ingress_classes, OTHERS, same)),
    ]
}

const fn same<T>(_: &T) {}

/// Keeps objects while they fit into `budget` bytes, lowest rank first; returns how many were dropped.
fn keep<T: Serialize, R: Ord>(items: &mut Vec<T>, budget: usize, rank: impl Fn(&T) -> R) -> usize {
    if items.iter().map(size).sum::<usize>() <= budget {
        return 0;
    }
    items.sort_by_cached_key(rank);
    let mut used = 0;
    let fit = items
        .iter()
        .take_while(|item| {
            used += size(*item);
            used <= budget
        })
        .count();
    let dropped = items.len() - fit;
    items.truncate(fit);
    dropped
}

/// Bytes of JSON.
pub(super) fn size(item: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, item) {
        Ok(()) => count.0,
        Err(_) => usize::MAX / 2,
    }
}

struct Ranks {
    focus: Option<ObjectRef>,
    /// The focus's pods by namespace and name.
    own: HashSet<(Option<String>, String)>,
    /// The nodes that these run on.
    hosts: Vec<String>,
}

impl Ranks {
    fn new(objects: &Objects, focus: Option<&ObjectRef>) -> Self {
        let own = focus.map(|focus| pods_of(objects, focus)).unwrap_or_default();
        let ids = own.iter().map(|pod| (pod.namespace(), pod.name_any())).collect();
        let hosts = own.iter().filter_map(|pod| pod.spec.as_ref()?.node_name.clone()).collect();
        Self { focus: focus.cloned(), own: ids, hosts }
    }

    /// The focus's pods, then pods in trouble, then others.
    fn of_pod(&self, pod: &Pod) -> u8 {
        let own = self.own.contains(&(pod.namespace(), pod.name_any()));
        match (own, is_well(pod)) {
            (true, false) => 0,
            (true, true) => 1,
            (false, false) => 2,
            (false, true) => 3,
        }
    }

    /// The focus's, which tell what it could go back to, then those with most replicas.
    fn of_replica_set(&self, set: &ReplicaSet) -> (bool, Reverse<i32>) {
        let mut owners = set.metadata.owner_references.iter().flatten();
        let own = owners.any(|owner| self.focus.as_ref().is_some_and(|focus| focus.name == owner.name));
        (!own, Reverse(set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default()))
    }

    /// Nodes of the focus's pods, then nodes in trouble, then others.
    fn of_node(&self, node: &Node) -> u8 {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let ready =
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        match (self.hosts.contains(&node.name_any()), ready) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        }
    }
}

fn is_well(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let conditions = status.conditions.iter().flatten();
    let ready =
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ready || status.phase.as_deref() == Some("Succeeded")
}

/// Warnings first, the newest first.
fn rank_event(event: &Event) -> impl Ord + use<> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let at = last.or_else(|| event.event_time.as_ref().map(|time| time.0));
    (event.type_.as_deref() != Some("Warning"), Reverse(at))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Objects;
    use super::bound;
    use crate::incident::ObjectRef;

    fn pod(name: &str, owner: &str, ready: bool) -> Value {
        json!({"metadata": {"namespace": "shop", "name": name, "annotations": {"note": "x".repeat(900_000)},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "uid": "u"}]},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
    }

    #[test]
    fn the_focus_and_what_is_in_trouble_stay_when_there_is_too_much() {
        let mut objects: Objects = serde_json::from_value(json!({"pods": [
            pod("other-0", "other", true), pod("other-1", "other", true), pod("other-2", "other", false),
            pod("own-0", "own", true), pod("own-1", "own", false), pod("other-3", "other", true)]}))
        .unwrap();
        let dropped = bound(&mut objects, Some(&ObjectRef::new("StatefulSet", "shop", "own")));
        let kept: Vec<_> = objects.pods.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
        assert_eq!((dropped, kept), (vec![("pods", 2)], vec!["own-1", "own-0", "other-2", "other-0"]));
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let world = json!({"pods": [pod("b", "x", true), pod("a", "own", false)]});
        let mut objects: Objects = serde_json::from_value(world).unwrap();
        let before = objects.clone();
        assert_eq!(bound(&mut objects, None), []);
        assert_eq!(objects, before);
    }
}
