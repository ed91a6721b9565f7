//! Pods that had to make room for others of higher priority.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::object_ref;
use crate::incident::{Evidence, ObjectRef};

/// `scheduling.preempted` about the workload whose pods took the room, where those that had it find none now.
pub(super) fn by_others(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut takers: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::PREEMPTED_BY]) {
        if let Some(taker) = taker(facts, piece) {
            takers.entry(taker).or_default().push(piece);
        }
    }
    let found = takers.into_iter().filter_map(|(taker, told)| {
        let victims = facts.workloads_of(&told);
        let waits = |victim: &ObjectRef| facts.about(victim, &[codes::UNSCHEDULABLE]);
        let waiting: Vec<_> = victims.iter().flat_map(waits).collect();
        if waiting.is_empty() || victims.contains(&taker) {
            return None;
        }
        let names: Vec<_> = victims.iter().map(ToString::to_string).collect();
        let statement =
            format!("Pods of {taker}, which has a higher priority, took the place of {}", names.join(", "));
        let candidate = Candidate::new(confidence::PREEMPTED, taker, statement);
        Some(candidate.because(told).because(waiting).explaining(victims))
    });
    found.collect()
}

/// The workload of the pod that the event names by its uid; some schedulers write namespace and name.
fn taker(facts: &Facts<'_>, piece: &Evidence) -> Option<ObjectRef> {
    let by = piece.fields.get("by")?;
    let pods = facts.index.snapshot.objects.pods.iter();
    let named = |pod: &&k8s_openapi::api::core::v1::Pod| {
        let name = object_ref(*pod);
        pod.metadata.uid.as_deref() == Some(by.as_str()) || *by == format!("{}/{}", name.namespace, name.name)
    };
    pods.into_iter().find(named).map(|pod| facts.index.workload(pod))
}
