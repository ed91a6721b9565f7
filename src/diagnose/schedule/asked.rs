//! What one pod asks of every node, found out once.

use k8s_openapi::api::core::v1::{PersistentVolume, Pod, PodSpec};

use super::blocker::{Blocker, Kind};
use super::demand::{self, Amounts};
use super::nodes::{Nodes, Seat, host_ports};
use super::peers::Peers;
use crate::diagnose::index::{Index, namespace_of};
use crate::diagnose::labels::fits;

/// A pod that waits for a node.
pub(super) struct Asked<'a> {
    pub(super) spec: &'a PodSpec,
    pub(super) amounts: Amounts,
    pub(super) peers: Peers<'a>,
    ports: Vec<(i32, &'a str)>,
    volumes: Vec<&'a PersistentVolume>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(index: &Index<'a>, nodes: &Nodes<'a>, pod: &'a Pod, spec: &'a PodSpec) -> Self {
        Self {
            spec,
            amounts: demand::of_pod(spec),
            peers: Peers::new(nodes, pod),
            ports: host_ports(spec).collect(),
            volumes: bound_volumes(index, pod, spec),
        }
    }

    /// The first host port that another pod of the node has.
    pub(super) fn port_taken(&self, seat: &Seat<'_>) -> Option<Blocker> {
        let (port, protocol) = self.ports.iter().find(|port| seat.ports.contains(port))?;
        Some(Blocker::new(Kind::Port, format!("{port}/{protocol}")))
    }

    /// Bound volumes of the pod that only other nodes can reach.
    pub(super) fn volumes_elsewhere(&self, seat: &Seat<'_>) -> impl Iterator<Item = Blocker> {
        let elsewhere = self.volumes.iter().filter(|volume| {
            let required = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
            let required = required.and_then(|affinity| affinity.required.as_ref());
            required.is_some_and(|required| {
                !required.node_selector_terms.iter().any(|term| fits(term, seat.name, seat.labels))
            })
        });
        elsewhere
            .map(|volume| Blocker::new(Kind::Volume, volume.metadata.name.as_deref().unwrap_or_default()))
    }
}

fn bound_volumes<'a>(index: &Index<'a>, pod: &Pod, spec: &PodSpec) -> Vec<&'a PersistentVolume> {
    let objects = &index.snapshot.objects;
    let namespace = namespace_of(&pod.metadata);
    let claims = spec.volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let volumes = claims.filter_map(|source| {
        let claim = objects.claims.iter().find(|claim| {
            claim.metadata.name.as_deref() == Some(source.claim_name.as_str())
                && namespace_of(&claim.metadata) == namespace
        })?;
        let name = claim.spec.as_ref()?.volume_name.as_deref()?;
        objects.volumes.iter().find(|volume| volume.metadata.name.as_deref() == Some(name))
    });
    volumes.collect()
}
