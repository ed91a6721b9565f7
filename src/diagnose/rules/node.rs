//! Nodes that fail, and what fails with them.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// `node.not_ready` with the workloads whose pods are on the node.
pub(super) fn unhealthy(facts: &Facts<'_>) -> Vec<Candidate> {
    let broken = facts.with(&[codes::NODE_NOT_READY, codes::NODE_NETWORK]);
    let mut found: Vec<_> = broken.map(|piece| not_ready(facts, piece)).collect();
    found.extend(over_their_limit(facts));
    found.extend(without_network(facts));
    found.extend(stuck(facts));
    found
}

/// `pod.stuck_terminating`: finalizers, or a node that does not answer any more, keep a pod from going.
fn stuck(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::TERMINATING_STUCK]).map(|piece| {
        let finalizers = piece.fields.get("finalizers");
        let why = finalizers.map(|names| format!(": finalizers {names} are not done")).unwrap_or_default();
        let statement = format!("{}{why}", piece.statement);
        let candidate = Candidate::new(confidence::STUCK_TERMINATING, piece.object.clone(), statement);
        let sure = if finalizers.is_some() { 1.0 } else { 0.8 };
        candidate.times(sure).because([piece]).explaining([facts.index.workload_of(&piece.object)])
    });
    found.collect()
}

/// Pods that were evicted because they used more than they may themselves: the node is well.
fn over_their_limit(facts: &Facts<'_>) -> Vec<Candidate> {
    let evicted = facts.by_workload(&[codes::EVICTED]).into_iter();
    let found = evicted.filter_map(|(workload, told)| {
        let own: Vec<_> = told.into_iter().filter(|piece| piece.fields.contains_key("own_limit")).collect();
        let statement = format!("{workload} uses more disk than it may: {}", own.first()?.statement);
        Some(Candidate::new(confidence::STORAGE_FULL, workload, statement).because(own))
    });
    found.collect()
}

const SANDBOXES: [codes::Code; 3] =
    [codes::ADDRESSES_EXHAUSTED, codes::NETWORK_PLUGIN, codes::SANDBOX_FAILED];

/// `network.sandbox_failed` about the network plugin's DaemonSet where its pod on the node is in trouble, else about the node;
/// about the workload where its pods alone fail, on several nodes.
fn without_network(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut nodes: BTreeMap<&String, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&SANDBOXES) {
        if let Some(node) = piece.fields.get("node") {
            nodes.entry(node).or_default().push(piece);
        }
    }
    let all: Vec<_> = nodes.values().flatten().copied().collect();
    let workloads = facts.workloads_of(&all);
    if let (Some(only), true, Some(first)) =
        (workloads.first(), workloads.len() == 1 && nodes.len() > 1, all.first())
    {
        let candidate = Candidate::new(confidence::SANDBOX_FAILED, only.clone(), first.statement.as_str());
        return vec![candidate.times(0.8).because(all)];
    }
    let of_node = |(node, told): (&String, Vec<&Evidence>)| {
        let name = ObjectRef::cluster_wide("Node", node.as_str());
        let plugin = plugin(facts, &name);
        let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
        let statement = format!("Pods on {name} get no network: {said}");
        let suffering = facts.workloads_of(&told);
        let shown =
            plugin.iter().flat_map(|plugin| facts.about(plugin, &[codes::NOT_READY, codes::CRASH_LOOP]));
        let candidate = Candidate::new(confidence::SANDBOX_FAILED, plugin.clone().unwrap_or(name), statement);
        candidate.because(shown).because(told).explaining(suffering)
    };
    nodes.into_iter().map(of_node).collect()
}

/// Words in the names of the DaemonSets that connect pods.
const PLUGINS: [&str; 11] = [
    "calico",
    "cilium",
    "flannel",
    "weave",
    "canal",
    "aws-node",
    "kindnet",
    "antrea",
    "kube-router",
    "multus",
    "ovn",
];

/// The network plugin whose pod on the node is in trouble.
fn plugin(facts: &Facts<'_>, node: &ObjectRef) -> Option<ObjectRef> {
    let pods = facts.graph.sources(node, EdgeKind::RunsOn).into_iter();
    let workloads = pods.filter(|pod| !facts.about_none(pod)).map(|pod| facts.index.workload_of(&pod));
    let mut plugins = workloads.filter(|workload| {
        workload.kind == "DaemonSet" && PLUGINS.iter().any(|plugin| workload.name.contains(plugin))
    });
    plugins.next()
}

fn on_node<'a>(facts: &Facts<'a>, node: &ObjectRef, codes: &[codes::Code]) -> Vec<&'a Evidence> {
    facts
        .with(codes)
        .filter(|piece| piece.fields.get("node") == Some(&node.name) && piece.object != *node)
        .collect()
}

fn not_ready(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let node = &piece.object;
    let failing = on_node(facts, node, &[codes::ON_BAD_NODE, codes::NOT_READY, codes::TERMINATING_STUCK]);
    let pods = facts.graph.sources(node, EdgeKind::RunsOn);
    let workloads: BTreeSet<_> = pods.iter().map(|pod| facts.index.workload_of(pod)).collect();
    let lost = if pods.is_empty() { String::new() } else { format!(" {} pods are on it.", pods.len()) };
    let statement = format!("{}.{lost}", piece.statement.trim_end_matches('.'));
    let sure = if failing.is_empty() { 0.85 } else { 1.0 };
    let candidate = Candidate::new(confidence::NODE_NOT_READY, node.clone(), statement).times(sure);
    candidate.because([piece]).because(failing).explaining(workloads)
}
