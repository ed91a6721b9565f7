//! Pods that a pod must or must not be near.

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};

use super::blocker::{Blocker, Kind};
use super::nodes::{Nodes, Seat};
use crate::diagnose::labels::{matches, or_none};

/// The first required term of affinity or anti-affinity that excludes the node; of anti-affinity the pods' own too.
pub(super) fn blockers(nodes: &Nodes<'_>, seat: &Seat<'_>, pod: &Pod) -> Vec<Blocker> {
    let mut found = Vec::new();
    for term in terms(pod, false) {
        if let Some(near) = near(nodes, seat, pod, term) {
            found.push(Blocker::new(Kind::AntiAffinity, near));
        }
    }
    for term in terms(pod, true) {
        let first_of_its_kind = selects(term, pod, pod) && !anywhere(nodes, pod, term);
        if near(nodes, seat, pod, term).is_none() && !first_of_its_kind {
            found.push(Blocker::new(Kind::PodAffinity, "a pod that the affinity asks for"));
        }
    }
    let unfriendly = seat.pods.iter().find(|other| terms(other, false).any(|term| selects(term, other, pod)));
    if let (Some(other), true) = (unfriendly, found.is_empty()) {
        found.push(Blocker::new(Kind::AntiAffinity, name(other)));
    }
    found
}

fn terms(pod: &Pod, near: bool) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
    let wanted = affinity.and_then(|affinity| affinity.pod_affinity.as_ref()).filter(|_| near);
    let unwanted = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref()).filter(|_| !near);
    let wanted =
        wanted.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    let unwanted =
        unwanted.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    wanted.into_iter().chain(unwanted).flatten()
}

/// A pod in the node's domain that the term means.
fn near(nodes: &Nodes<'_>, seat: &Seat<'_>, pod: &Pod, term: &PodAffinityTerm) -> Option<String> {
    let domain = seat.labels.get(&term.topology_key);
    let same = |other: &&Seat<'_>| {
        other.name == seat.name || (domain.is_some() && other.labels.get(&term.topology_key) == domain)
    };
    let mut pods = nodes.all.iter().filter(same).flat_map(|seat| &seat.pods);
    pods.find(|other| selects(term, pod, other)).map(|other| name(other))
}

fn anywhere(nodes: &Nodes<'_>, pod: &Pod, term: &PodAffinityTerm) -> bool {
    nodes.all.iter().flat_map(|seat| &seat.pods).any(|other| selects(term, pod, other))
}

/// Whether a term of `owner` means `other`. Namespaces chosen by labels are not looked at: then it means nobody.
fn selects(term: &PodAffinityTerm, owner: &Pod, other: &Pod) -> bool {
    let named = term.namespaces.as_deref().unwrap_or_default();
    let home = [owner.metadata.namespace.clone().unwrap_or_default()];
    let namespaces = if named.is_empty() { &home } else { named };
    let there = other.metadata.namespace.as_ref().is_some_and(|namespace| namespaces.contains(namespace));
    let selector = term.label_selector.as_ref();
    there && selector.is_some_and(|selector| matches(selector, or_none(other.metadata.labels.as_ref())))
}

fn name(pod: &Pod) -> String {
    format!("pod {}", pod.metadata.name.as_deref().unwrap_or_default())
}
