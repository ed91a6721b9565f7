//! What a cause only waits for: the pods that others must be near, the controllers that make volumes and attach them, a registry
//! inside the cluster, and what connects the pods of a node.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::candidate::Candidate;
use super::crash::CRASHES;
use crate::diagnose::codes;
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::index::{Index, is_ready, object_ref};
use crate::diagnose::labels::{matches, or_none};
use crate::incident::{Evidence, EvidenceSource, ObjectRef};

/// Sidecars by which the controllers of CSI drivers make volumes and attach them
/// (<https://kubernetes-csi.github.io/docs/sidecar-containers.html>).
const PROVISIONER: &str = "provisioner";
const ATTACHER: &str = "csi-attacher";

/// Causes that callers tell of who may be cut off themselves.
const CALLS: [Cause; 3] =
    [confidence::DEPENDENCY_UNAVAILABLE, confidence::DNS_FAILING, confidence::NETWORK_DEGRADED];

/// Words in the names of the DaemonSets by which the pods of a node reach Services, other nodes and names.
const NETWORKS: [&str; 9] = [
    "kube-proxy",
    "calico",
    "cilium",
    "flannel",
    "weave",
    "kindnet",
    "antrea",
    "kube-router",
    "node-local-dns",
];

/// The workloads that a cause only waits for.
pub(super) fn awaited(facts: &Facts<'_>, waiting: &Candidate) -> BTreeSet<ObjectRef> {
    let code = waiting.code();
    let mut found = if code == confidence::UNSCHEDULABLE.code {
        neighbours(facts, &waiting.object)
    } else if code == confidence::CLAIM_PENDING.code {
        controllers(facts.index, PROVISIONER)
    } else if code == confidence::STORAGE_MOUNT.code && waiting.statement.contains("external-attacher") {
        controllers(facts.index, ATTACHER)
    } else if code == confidence::IMAGE_PULL_FAILED.code {
        registries(facts, waiting)
    } else if CALLS.iter().any(|cause| cause.code == code) {
        networks(facts, waiting)
    } else {
        BTreeSet::new()
    };
    found.remove(&waiting.object);
    found
}

/// The workloads whose pods the pods of this one must be near, and that have none on any node.
pub(super) fn neighbours(facts: &Facts<'_>, workload: &ObjectRef) -> BTreeSet<ObjectRef> {
    let told = facts.about(workload, &[codes::POD_AFFINITY]);
    let pods = told.iter().filter_map(|piece: &&Evidence| facts.index.pod(&piece.object));
    let terms = pods.flat_map(|pod| terms(pod).map(move |term| (pod, term)));
    terms
        .flat_map(|(pod, term)| meant(facts.index, pod, term))
        .filter(|near| near != workload && is_nowhere(facts.index, near))
        .collect()
}

fn terms(pod: &Pod) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.pod_affinity.as_ref());
    affinity
        .into_iter()
        .flat_map(|affinity| affinity.required_during_scheduling_ignored_during_execution.iter().flatten())
}

fn meant(index: &Index<'_>, pod: &Pod, term: &PodAffinityTerm) -> Vec<ObjectRef> {
    let own = object_ref(pod).namespace;
    let named = term.namespaces.as_deref().unwrap_or_default();
    let there =
        |namespace: &String| if named.is_empty() { *namespace == own } else { named.contains(namespace) };
    let Some(selector) = &term.label_selector else { return Vec::new() };
    let fits = |workload: &ObjectRef, metadata: Option<&ObjectMeta>| {
        let labels = metadata.and_then(|metadata| metadata.labels.as_ref());
        there(&workload.namespace) && matches(selector, or_none(labels))
    };
    let templates = index.templates().filter(|(workload, template)| fits(workload, template.metadata));
    templates.map(|(workload, _)| workload.clone()).collect()
}

/// Whether no pod of the workload has a node.
fn is_nowhere(index: &Index<'_>, workload: &ObjectRef) -> bool {
    let placed = |pod: &&Pod| {
        let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
        !ended
            && pod
                .spec
                .as_ref()
                .is_some_and(|spec| spec.node_name.as_deref().is_some_and(|node| !node.is_empty()))
    };
    !index.pods_of(workload).iter().any(placed)
}

/// Workloads with a container of that name or image, and whose pods do not work or are not there.
fn controllers(index: &Index<'_>, word: &str) -> BTreeSet<ObjectRef> {
    let runs = index.templates().filter(|(workload, template)| {
        let containers = template.spec.iter().flat_map(|spec| &spec.containers);
        let mut names = containers.flat_map(|own| [Some(own.name.as_str()), own.image.as_deref()]).flatten();
        workload.kind != "DaemonSet" && workload.kind != "Job" && names.any(|name| name.contains(word))
    });
    runs.filter(|(workload, _)| !has_ready(index, workload)).map(|(workload, _)| workload.clone()).collect()
}

fn has_ready(index: &Index<'_>, workload: &ObjectRef) -> bool {
    index.pods_of(workload).iter().any(|pod| is_ready(pod))
}

/// What is behind the Services inside the cluster that the kubelet names by address or by whole name where it does not reach a
/// registry, and that does not work.
fn registries(facts: &Facts<'_>, waiting: &Candidate) -> BTreeSet<ObjectRef> {
    let index = facts.index;
    let told = facts.with(&[codes::IMAGE_REGISTRY_UNREACHABLE]);
    let told = told.filter(|piece| waiting.supporting.contains(&piece.id));
    let named = |message: &str| {
        let apart = |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'));
        let hosts =
            message.split(apart).filter(|word| word.parse::<IpAddr>().is_ok() || word.contains(".svc"));
        hosts.filter_map(|host| index.service_named(host, "")).collect::<Vec<_>>()
    };
    let behind = told.flat_map(|piece| named(&piece.statement)).flat_map(|service| index.behind(&service));
    behind.filter(|workload| !has_ready(index, workload)).collect()
}

/// The DaemonSets that connect pods and whose pods fail on the very nodes of all who complain.
fn networks(facts: &Facts<'_>, waiting: &Candidate) -> BTreeSet<ObjectRef> {
    let told = facts
        .evidence
        .iter()
        .filter(|piece| piece.source == EvidenceSource::Log && waiting.supporting.contains(&piece.id));
    let nodes: Vec<_> = told.map(|piece| nodes_of(facts.index, &piece.object)).collect();
    let failing = facts.with(CRASHES).filter(|piece| is_trouble(piece) && piece.object.kind == "Pod");
    let agents = failing.filter_map(|piece: &Evidence| {
        let workload = facts.index.workload_of(&piece.object);
        let connects = NETWORKS.iter().any(|name| workload.name.contains(name));
        let node = facts.index.pod(&piece.object)?.spec.as_ref()?.node_name.as_deref()?;
        let there = !nodes.is_empty() && nodes.iter().all(|nodes| nodes.contains(node));
        (workload.kind == "DaemonSet" && connects && there).then_some(workload)
    });
    agents.collect()
}

/// The nodes of a pod or of the pods of a workload.
fn nodes_of<'a>(index: &Index<'a>, object: &ObjectRef) -> BTreeSet<&'a str> {
    let pods = index.pod(object).map_or_else(|| index.pods_of(object).to_vec(), |pod| vec![pod]);
    pods.into_iter().filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref()).collect()
}
