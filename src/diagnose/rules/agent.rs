//! Agents of a node that others wait for: where the one that mounts volumes or offers devices does not run on a node, the pods
//! that need it there are its symptoms.

use k8s_openapi::api::core::v1::{Pod, Volume};

use super::crash::CRASHES;
use crate::diagnose::codes;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

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

    fn is_run_by(self, pod: &Pod) -> bool {
        let Some(spec) = &pod.spec else { return false };
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

/// The DaemonSet whose pod on the node is such an agent and keeps ending, with what shows it.
pub(super) fn down_on<'a>(
    facts: &Facts<'a>,
    node: &str,
    agent: Agent,
) -> Option<(ObjectRef, Vec<&'a Evidence>)> {
    let node = ObjectRef::cluster_wide("Node", node);
    facts.graph.sources(&node, EdgeKind::RunsOn).into_iter().find_map(|name| {
        let pod = facts.index.pod(&name).filter(|pod| agent.is_run_by(pod))?;
        let workload = facts.index.workload(pod);
        let own = facts
            .about(&workload, CRASHES)
            .into_iter()
            .chain(facts.about(&workload, &[codes::IMAGE_PULL_FAILED, codes::IMAGE_NOT_FOUND]));
        let own: Vec<_> = own.filter(|piece| piece.object == name && is_trouble(piece)).collect();
        (workload.kind == "DaemonSet" && !own.is_empty()).then_some((workload, own))
    })
}
