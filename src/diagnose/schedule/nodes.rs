//! The nodes as the scheduler sees them: labels, taints, and what is left of their resources.

use std::collections::{BTreeMap, HashSet};

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use super::demand::{self, Amounts};
use crate::diagnose::index::Index;
use crate::diagnose::labels::{Labels, or_none};
use crate::incident::Quantity;

/// Marks a node of the control plane, which is kept free of other pods on purpose.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// The label by which some installers say the same.
const ROLE: &str = "kubernetes.io/role";

/// All nodes, read once for all pods.
pub(in crate::diagnose) struct Nodes<'a> {
    pub(super) all: Vec<Seat<'a>>,
}

/// One node with what runs there.
pub(super) struct Seat<'a> {
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) labels: &'a Labels,
    /// Pods that have not ended, as far as they were read.
    pub(super) pods: Vec<&'a Pod>,
    /// Host ports that these pods have, with their protocols.
    pub(super) ports: HashSet<(i32, &'a str)>,
    free: Amounts,
}

impl<'a> Nodes<'a> {
    /// Reads the nodes; requests of pods come from the pods, or from what the node itself was seen to have promised where
    /// that is more.
    pub(in crate::diagnose) fn new(index: &Index<'a>) -> Self {
        let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in &index.snapshot.objects.pods {
            let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            if let (Some(node), None | Some("Pending" | "Running" | "Unknown")) =
                (pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()), ended)
            {
                pods.entry(node).or_default().push(pod);
            }
        }
        let seat = |node: &'a Node| {
            let name = node.metadata.name.as_deref()?;
            let pods = pods.remove(name).unwrap_or_default();
            let free = free(index, node, name, &pods);
            let ports = pods.iter().filter_map(|pod| pod.spec.as_ref()).flat_map(host_ports).collect();
            Some(Seat { name, node, labels: or_none(node.metadata.labels.as_ref()), pods, ports, free })
        };
        Self { all: index.snapshot.objects.nodes.iter().filter_map(seat).collect() }
    }
}

impl Seat<'_> {
    /// How much is left of a resource; nothing where the node does not offer it.
    pub(super) fn free(&self, resource: &str) -> Quantity {
        self.free.get(resource).copied().unwrap_or(Quantity::whole(0))
    }

    /// How many pods the node may run.
    pub(super) fn most_pods(&self) -> Option<usize> {
        let most = self.node.status.as_ref()?.allocatable.as_ref()?.get("pods")?;
        most.0.parse().ok()
    }

    /// Whether the node belongs to the control plane and is kept free of other pods, by a taint or a cordon.
    pub(super) fn is_reserved(&self) -> bool {
        let taints = self.node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
        let tainted = taints.into_iter().any(|taint| CONTROL_PLANE.contains(&taint.key.as_str()));
        let cordoned = self.node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true));
        let role = self.labels.get(ROLE).map(String::as_str);
        let is_control_plane = CONTROL_PLANE.iter().any(|label| self.labels.contains_key(*label))
            || matches!(role, Some("master" | "control-plane"));
        tainted || (is_control_plane && cordoned)
    }
}

/// The host ports of a pod with their protocols.
pub(super) fn host_ports(spec: &PodSpec) -> impl Iterator<Item = (i32, &str)> {
    let ports = spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
    ports.filter_map(|port| {
        let number = port.host_port.filter(|port| *port > 0)?;
        Some((number, port.protocol.as_deref().unwrap_or("TCP")))
    })
}

fn free(index: &Index<'_>, node: &Node, name: &str, pods: &[&Pod]) -> Amounts {
    let offered = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    let mut free =
        demand::parse(offered.into_iter().flatten().map(|(name, amount)| (name, amount.0.as_str())));
    let mut used = Amounts::new();
    for spec in pods.iter().filter_map(|pod| pod.spec.as_ref()) {
        demand::add(&mut used, &demand::of_pod(spec));
    }
    let seen = index.snapshot.recorded.node_details.get(name).map(|detail| &detail.allocated.requests);
    let seen = demand::parse(seen.into_iter().flatten().map(|(name, amount)| (name, amount.as_str())));
    for (resource, left) in &mut free {
        let taken = used.get(resource).into_iter().chain(seen.get(resource)).max();
        *left = taken.map_or(*left, |taken| left.minus(*taken));
    }
    free
}
