//! The addresses behind a Service, and the objects that they were written into.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::complains_about;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;

/// Who says in this label that it keeps a slice.
const MANAGED: &str = "endpointslice.kubernetes.io/managed-by";

/// The controllers of Kubernetes that do.
const CONTROLLERS: &str = "k8s.io";

/// Slices that people added to a Service which selects its pods, with addresses that no pod has: some calls go there.
pub(super) fn stray(index: &Index<'_>, complaints: &[&Finding]) -> Vec<Finding> {
    let all = &index.snapshot.objects.endpoint_slices;
    let kept: BTreeSet<_> = all.iter().filter(|slice| !is_by_hand(slice)).filter_map(service_of).collect();
    let slices = all.iter().filter(|slice| is_by_hand(slice));
    let strays = slices.filter_map(|slice| {
        // Beside the controller's own: where it has none, who wrote this cannot be told.
        let service = service_of(slice).filter(|service| kept.contains(service))?;
        let spec = index.service(&service)?.spec.as_ref()?;
        spec.selector.as_ref().filter(|selector| !selector.is_empty())?;
        let written = slice.endpoints.iter().flatten().flat_map(|endpoint| &endpoint.addresses);
        let dead: Vec<_> = written.filter(|address| index.pod_at(address).is_none()).cloned().collect();
        let complaint = complaints.iter().find(|finding| complains_about(finding, &service))?;
        let dead = if dead.is_empty() { None } else { Some(dead.join(", ")) }?;
        let (object, caller) = (object_ref(slice), index.workload_of(&complaint.object));
        let statement =
            format!("{object} adds {dead}, which no pod has, to {service}: {}", complaint.statement);
        Some(
            Finding::new(codes::ENDPOINTS_STRAY, object, statement)
                .field("addresses", dead)
                .field("service", &service.name)
                .hinders(&caller),
        )
    });
    strays.collect()
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectRef> {
    let name = slice.metadata.labels.as_ref()?.get("kubernetes.io/service-name")?;
    Some(ObjectRef::new("Service", namespace_of(&slice.metadata), name))
}

/// Whether no controller keeps the slice.
fn is_by_hand(slice: &EndpointSlice) -> bool {
    let kept = slice.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED));
    let owned = slice.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    !owned && kept.is_none_or(|by| !by.ends_with(CONTROLLERS))
}

/// All addresses that are written down for a Service, in either kind of object.
pub(super) fn addresses(index: &Index<'_>, service: &ObjectRef) -> BTreeSet<String> {
    let objects = &index.snapshot.objects;
    let older = objects
        .endpoints
        .iter()
        .filter(|found| is_of(found.metadata.name.as_ref(), namespace_of(&found.metadata), service));
    let subsets = older.flat_map(|found| found.subsets.iter().flatten());
    let older =
        subsets.flat_map(|subset| subset.addresses.iter().flatten()).map(|address| address.ip.clone());
    let slices = objects.endpoint_slices.iter().filter(|slice| {
        let label =
            slice.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
        is_of(label, namespace_of(&slice.metadata), service)
    });
    let newer = slices
        .flat_map(|slice| slice.endpoints.iter().flatten())
        .flat_map(|endpoint| endpoint.addresses.clone());
    older.chain(newer).collect()
}

fn is_of(name: Option<&String>, namespace: &str, service: &ObjectRef) -> bool {
    name == Some(&service.name) && namespace == service.namespace
}

pub(super) fn endpoints_known(index: &Index<'_>, service: &ObjectRef) -> bool {
    let recorded = &index.snapshot.recorded;
    let objects = &index.snapshot.objects;
    recorded.knows_in("endpointslices", &service.namespace)
        || recorded.knows_in("endpoints", &service.namespace)
        || objects.endpoint_slices.iter().any(|found| namespace_of(&found.metadata) == service.namespace)
}

/// The object that the addresses were written into: Endpoints, of which slices are copies, else a slice.
pub(super) fn holder(index: &Index<'_>, service: &ObjectRef) -> ObjectRef {
    let objects = &index.snapshot.objects;
    let mut older = objects.endpoints.iter();
    if older.any(|found| is_of(found.metadata.name.as_ref(), namespace_of(&found.metadata), service)) {
        return ObjectRef::new("Endpoints", service.namespace.as_str(), service.name.as_str());
    }
    let mut slices = objects.endpoint_slices.iter().filter(|slice| {
        let label =
            slice.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
        is_of(label, namespace_of(&slice.metadata), service)
    });
    slices.next().map_or_else(|| service.clone(), object_ref)
}

/// Whether an address is in the network of the pods.
pub(super) fn is_among_pods(index: &Index<'_>, address: &str) -> bool {
    let Ok(IpAddr::V4(address)) = address.parse::<IpAddr>() else { return false };
    let pods = index.snapshot.objects.pods.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.as_deref());
    let network = |address: std::net::Ipv4Addr| u32::from(address) >> 16;
    let mut networks = pods.filter_map(|address| address.parse().ok().map(network));
    networks.any(|found| found == network(address))
}
