//! Agents of a node that others wait for: where the one that mounts volumes or offers devices does not run on a node, the pods
//! that need it there are its symptoms. It may have a pod there that does not work, or none.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, Volume};

use crate::diagnose::codes;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, EvidenceSource, ObjectRef};

/// Where plug-ins of the kubelet have their sockets
/// (<https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/>).
const VOLUMES: &[&str] = &["/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry", "/csi"];
const DEVICES: &[&str] = &["/var/lib/kubelet/device-plugins"];

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// Mounts volumes of a CSI driver.
    Volumes,
    /// Offers devices as extended resources.
    Devices,
}

impl Agent {
    fn sockets(self) -> &'static [&'static str] {
        match self {
            Self::Volumes => VOLUMES,
            Self::Devices => DEVICES,
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Volumes => &["csi"],
            Self::Devices => &["device-plugin", "deviceplugin", "gpu", "sriov", "fpga"],
        }
    }

    fn is_run_by(self, spec: &PodSpec) -> bool {
        let socket = |volume: &Volume| {
            let path = volume.host_path.as_ref().map(|host| host.path.trim_end_matches('/'));
            path.is_some_and(|path| self.sockets().iter().any(|socket| path.starts_with(socket)))
        };
        let said = |text: &str| self.words().iter().any(|word| text.contains(word));
        let named =
            spec.containers.iter().any(|own| said(&own.name) || own.image.as_deref().is_some_and(said));
        spec.volumes.iter().flatten().any(socket) || named
    }
}

/// The DaemonSet whose pod on the node is such an agent and does not work, or that has none there and has others, with what
/// shows it.
pub(super) fn down_on<'a>(
    facts: &Facts<'a>,
    node: &str,
    agent: Agent,
) -> Option<(ObjectRef, Vec<&'a Evidence>)> {
    let there = facts.graph.sources(&ObjectRef::cluster_wide("Node", node), EdgeKind::RunsOn);
    let failing = there.iter().find_map(|name| {
        facts.index.pod(name)?.spec.as_ref().filter(|spec| agent.is_run_by(spec))?;
        let workload = facts.index.workload_of(name);
        let own = troubles(facts, name);
        (workload.kind == "DaemonSet" && !own.is_empty()).then_some((workload, own))
    });
    failing.or_else(|| {
        let misses = agent == Agent::Volumes || misses_devices(facts, node);
        Some((absent(facts, &there, agent).filter(|_| misses)?, Vec::new()))
    })
}

/// The DaemonSet whose pod does not work on a node that is closed until it does. Agents that must run before others close
/// their nodes by a taint of their own, as `node.example.com/agent-not-ready`, and take it away when they are ready.
pub(super) fn waited_for<'a>(
    facts: &Facts<'a>,
    node: &str,
    closed_by: &str,
) -> Option<(ObjectRef, Vec<&'a Evidence>)> {
    let key = closed_by.strip_prefix("taint ")?.split(['=', ':']).next()?;
    let (of, state) = key.split_once('/')?;
    if of == "node.kubernetes.io" || !AWAITED.iter().any(|word| state.ends_with(word)) {
        return None;
    }
    let words = of.split(['.', '-']).chain(state.split('-')).filter(|word| word.len() > 2);
    let words: BTreeSet<&str> = words.filter(|word| !ANYBODYS.contains(word)).collect();
    let is_meant = |name: &str| name.split('-').any(|word| words.contains(word));
    let there = facts.graph.sources(&ObjectRef::cluster_wide("Node", node), EdgeKind::RunsOn);
    there.iter().find_map(|name| {
        let workload = facts.index.workload_of(name);
        let own = troubles(facts, name);
        (workload.kind == "DaemonSet" && is_meant(&workload.name) && !own.is_empty())
            .then_some((workload, own))
    })
}

/// How taints say that something is still to come.
const AWAITED: [&str; 4] = ["not-ready", "not-initialized", "uninitialized", "unavailable"];

/// Words of taints that say nothing of whose they are.
const ANYBODYS: [&str; 12] =
    ["node", "nodes", "agent", "not", "ready", "com", "org", "net", "dev", "example", "k8s", "kubernetes"];

/// What the cluster says is wrong with a pod.
fn troubles<'a>(facts: &Facts<'a>, pod: &ObjectRef) -> Vec<&'a Evidence> {
    let mut own = facts.about(&facts.index.workload_of(pod), codes::ALL);
    own.retain(|piece| {
        piece.object == *pod && is_trouble(piece) && matches!(piece.source, EvidenceSource::Object)
    });
    own
}

/// Whether a node has devices that nobody offers.
fn misses_devices(facts: &Facts<'_>, node: &str) -> bool {
    let status = facts.index.node(node).and_then(|node| node.status.as_ref());
    let Some((capacity, offered)) =
        status.and_then(|status| status.capacity.as_ref().zip(status.allocatable.as_ref()))
    else {
        return false;
    };
    let mut devices = capacity.iter().filter(|(name, amount)| name.contains('/') && amount.0 != "0");
    devices.any(|(name, _)| offered.get(name).is_some_and(|offered| offered.0 == "0"))
}

/// The one DaemonSet that runs such an agent on other nodes and has no pod among these.
fn absent(facts: &Facts<'_>, there: &BTreeSet<ObjectRef>, agent: Agent) -> Option<ObjectRef> {
    let agents = facts.index.templates().filter(|(workload, template)| {
        workload.kind == "DaemonSet" && template.spec.is_some_and(|spec| agent.is_run_by(spec))
    });
    let mut agents = agents.map(|(workload, _)| workload);
    let only = agents.next().filter(|_| agents.next().is_none())?;
    let present = there.iter().any(|pod| facts.index.workload_of(pod) == *only);
    let elsewhere = !facts.index.pods_of(only).is_empty();
    (!present && elsewhere && !facts.index.blind_to("pod")).then(|| only.clone())
}
