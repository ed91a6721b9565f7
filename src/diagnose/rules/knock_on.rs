//! Causes that are knock-on effects of others: pods that wait for the pods of another workload, and claims and volumes that wait
//! for a controller. Where that other is in trouble itself, the wait is its symptom.

use std::collections::BTreeSet;

use super::awaited::awaited;
use super::candidate::Candidate;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::ObjectRef;

/// Hands what only waits over to what it waits for, where a candidate says why that does not work.
pub(super) fn settle(facts: &Facts<'_>, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept = candidates;
    let mut position = kept.len();
    while position > 0 {
        position -= 1;
        let awaited = kept.get(position).map(|waiting| awaited(facts, waiting)).unwrap_or_default();
        if awaited.is_empty() {
            continue;
        }
        let Some(waiting) = kept.get(position).cloned() else { continue };
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
