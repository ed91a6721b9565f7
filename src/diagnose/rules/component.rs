//! A scheduler that does not look at pods. Services of nodes that are down are rules of `rulebook`.

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// `node.component_down` about the node whose scheduler is down; about the scheduler by its name where only its silence is
/// known.
pub(super) fn down(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<_> =
        facts.with(&[codes::SCHEDULER_DOWN]).map(|piece| of_scheduler(facts, piece)).collect();
    let silent: Vec<_> = facts.with(&[codes::NOT_SCHEDULED]).collect();
    let explained = facts.with(&[codes::SCHEDULER_DOWN]).next().is_some();
    if let (Some(first), false) = (silent.first(), explained) {
        let scheduler = first.fields.get("scheduler").map_or("default-scheduler", String::as_str);
        let object = ObjectRef::cluster_wide("Scheduler", scheduler);
        let statement = format!("{}. The scheduler is down, or there is none of that name.", first.statement);
        let workloads = facts.workloads_of(&silent);
        let candidate = Candidate::new(confidence::COMPONENT_DOWN, object, statement).times(0.9);
        found.push(candidate.because(silent).explaining(workloads));
    }
    found
}

fn of_scheduler(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let waiting: Vec<_> = facts.with(&[codes::NOT_SCHEDULED]).collect();
    let workloads = facts.workloads_of(&waiting);
    let sure = if waiting.is_empty() { 0.8 } else { 1.03 };
    let statement = piece.statement.as_str();
    let candidate = Candidate::new(confidence::COMPONENT_DOWN, piece.object.clone(), statement);
    candidate.times(sure).because([piece]).because(waiting).explaining(workloads)
}
