//! Pods that a pod must or must not be near.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};

use super::blocker::{Blocker, Kind};
use super::nodes::{Nodes, Seat};
use crate::diagnose::index::namespace_of;
use crate::diagnose::labels::{matches, or_none};

/// The required terms of a pod about other pods, with where those are.
pub(super) struct Peers<'a> {
    pod: &'a Pod,
    unwanted: Vec<Near<'a>>,
    wanted: Vec<Near<'a>>,
}

/// One term, with the first pod that it means in each domain.
struct Near<'a> {
    term: &'a PodAffinityTerm,
    by_domain: HashMap<&'a str, &'a Pod>,
    /// Whether there is such a pod on any node.
    anywhere: bool,
}

impl<'a> Peers<'a> {
    /// Looks once through all pods for each term.
    pub(super) fn new(nodes: &Nodes<'a>, pod: &'a Pod) -> Self {
        let near = |near| terms(pod, near).map(|term| Near::new(nodes, pod, term)).collect();
        Self { pod, unwanted: near(false), wanted: near(true) }
    }

    /// The required terms of affinity and anti-affinity that exclude the node; of anti-affinity the pods' own too.
    pub(super) fn blockers(&self, seat: &Seat<'_>) -> Vec<Blocker> {
        let unwanted = self.unwanted.iter().filter_map(|near| near.at(seat, self.pod));
        let mut found: Vec<_> = unwanted.map(|other| Blocker::new(Kind::AntiAffinity, name(other))).collect();
        for near in &self.wanted {
            let first_of_its_kind = !near.anywhere && selects(near.term, self.pod, self.pod);
            if near.at(seat, self.pod).is_none() && !first_of_its_kind {
                found.push(Blocker::new(Kind::PodAffinity, "a pod that the affinity asks for"));
            }
        }
        let unfriendly =
            seat.pods.iter().find(|other| terms(other, false).any(|term| selects(term, other, self.pod)));
        if let (Some(other), true) = (unfriendly, found.is_empty()) {
            found.push(Blocker::new(Kind::AntiAffinity, name(other)));
        }
        found
    }
}

impl<'a> Near<'a> {
    fn new(nodes: &Nodes<'a>, pod: &Pod, term: &'a PodAffinityTerm) -> Self {
        let (mut by_domain, mut anywhere) = (HashMap::new(), false);
        for seat in &nodes.all {
            let Some(meant) = seat.pods.iter().find(|other| selects(term, pod, other)) else { continue };
            anywhere = true;
            if let Some(domain) = seat.labels.get(&term.topology_key) {
                by_domain.entry(domain.as_str()).or_insert(*meant);
            }
        }
        Self { term, by_domain, anywhere }
    }

    /// A pod that the term means in the node's domain; a node without the label is a domain of its own.
    fn at<'s>(&self, seat: &Seat<'s>, pod: &Pod) -> Option<&'s Pod>
    where
        'a: 's,
    {
        match seat.labels.get(&self.term.topology_key) {
            Some(domain) => self.by_domain.get(domain.as_str()).copied(),
            None => seat.pods.iter().find(|other| selects(self.term, pod, other)).copied(),
        }
    }
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

/// Whether a term of `owner` means `other`. Namespaces chosen by labels are not looked at: then it means nobody.
fn selects(term: &PodAffinityTerm, owner: &Pod, other: &Pod) -> bool {
    let named = term.namespaces.as_deref().unwrap_or_default();
    let there = other.metadata.namespace.as_ref().is_some_and(|namespace| {
        if named.is_empty() { *namespace == namespace_of(&owner.metadata) } else { named.contains(namespace) }
    });
    let selector = term.label_selector.as_ref();
    there && selector.is_some_and(|selector| matches(selector, or_none(other.metadata.labels.as_ref())))
}

fn name(pod: &Pod) -> String {
    format!("pod {}", pod.metadata.name.as_deref().unwrap_or_default())
}
