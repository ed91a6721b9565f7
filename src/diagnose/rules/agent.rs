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
        let own = facts.about(&workload, codes::ALL).into_iter();
        let shown = |piece: &&Evidence| {
            piece.object == *name && is_trouble(piece) && matches!(piece.source, EvidenceSource::Object)
        };
        let own: Vec<_> = own.filter(shown).collect();
        (workload.kind == "DaemonSet" && !own.is_empty()).then_some((workload, own))
    });
    failing.or_else(|| {
        let misses = agent == Agent::Volumes || misses_devices(facts, node);
        Some((absent(facts, &there, agent).filter(|_| misses)?, Vec::new()))
    })
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
