//! Causes that are knock-on effects of others: pods that wait for the pods of another workload, and claims and volumes that wait
//! for a controller. Where that other is in trouble itself, the wait is its symptom.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::labels::{matches, or_none};
use crate::incident::{Evidence, ObjectRef};

/// Sidecars by which the controllers of CSI drivers make volumes and attach them
/// (<https://kubernetes-csi.github.io/docs/sidecar-containers.html>).
const PROVISIONER: &str = "provisioner";
const ATTACHER: &str = "csi-attacher";

/// Hands what only waits over to what it waits for, where a candidate says why that does not work.
pub(super) fn settle(facts: &Facts<'_>, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept = candidates;
    let mut position = kept.len();
    while position > 0 {
        position -= 1;
        let Some(waiting) = kept.get(position).cloned() else { continue };
        let awaited = awaited(facts, &waiting);
        if awaited.is_empty() {
            continue;
        }
        let causes =
            |other: &Candidate| awaited.contains(&other.object) && !other.explains.contains(&waiting.object);
        let best = kept.iter().enumerate().filter(|(_, other)| causes(other));
        let best = best.max_by(|(_, left), (_, right)| left.confidence.total_cmp(&right.confidence));
        if let Some(found) = best.map(|(place, _)| place).and_then(|place| kept.get_mut(place)) {
            found.absorb(&waiting);
            kept.remove(position);
        } else if let Some(candidate) = switched_off(facts, &awaited, &waiting) {
            kept.push(candidate);
            kept.remove(position);
        }
    }
    kept
}

/// The workloads that a cause only waits for.
fn awaited(facts: &Facts<'_>, waiting: &Candidate) -> BTreeSet<ObjectRef> {
    let code = waiting.code();
    let mut found = if code == confidence::UNSCHEDULABLE.code {
        neighbours(facts, &waiting.object)
    } else if code == confidence::CLAIM_PENDING.code {
        controllers(facts.index, PROVISIONER)
    } else if code == confidence::STORAGE_MOUNT.code && waiting.statement.contains("external-attacher") {
        controllers(facts.index, ATTACHER)
    } else {
        BTreeSet::new()
    };
    found.remove(&waiting.object);
    found
}

/// A controller that wants no replicas while something waits for what it makes. That pods must be near pods that nobody wants
/// is told by the rule about scheduling.
fn switched_off(facts: &Facts<'_>, awaited: &BTreeSet<ObjectRef>, waiting: &Candidate) -> Option<Candidate> {
    if waiting.code() == confidence::UNSCHEDULABLE.code {
        return None;
    }
    let mut off = awaited.iter().filter(|workload| {
        let wanted = facts.index.template(workload).map(|template| template.replicas);
        wanted == Some(0) && facts.index.pods_of(workload).is_empty()
    });
    let only = off.next().filter(|_| off.next().is_none() && awaited.len() == 1)?;
    let statement =
        format!("{only} wants 0 replicas, and {} waits for it: {}", waiting.object, waiting.statement);
    let mut candidate = Candidate::new(confidence::SCALED_TO_ZERO, only.clone(), statement).times(1.05);
    candidate.absorb(waiting);
    Some(candidate)
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
    !index.pods_of(workload).iter().any(|pod| placed(pod))
}

/// Workloads with a container of that name or image, and whose pods do not work or are not there.
fn controllers(index: &Index<'_>, word: &str) -> BTreeSet<ObjectRef> {
    let runs = index.templates().filter(|(workload, template)| {
        let containers = template.spec.iter().flat_map(|spec| &spec.containers);
        let mut names = containers.flat_map(|own| [Some(own.name.as_str()), own.image.as_deref()]).flatten();
        workload.kind != "DaemonSet" && workload.kind != "Job" && names.any(|name| name.contains(word))
    });
    runs.filter(|(workload, _)| !is_ready(index, workload)).map(|(workload, _)| workload.clone()).collect()
}

fn is_ready(index: &Index<'_>, workload: &ObjectRef) -> bool {
    index.pods_of(workload).iter().any(|pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}
