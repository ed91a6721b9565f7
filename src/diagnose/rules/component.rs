//! Services of nodes that are down, and a scheduler that does not look at pods.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

const DOWN: [Code; 5] = [
    codes::KUBELET_DOWN,
    codes::RUNTIME_DOWN,
    codes::PROXY_DOWN,
    codes::SCHEDULER_DOWN,
    codes::NODE_SERVICE_DOWN,
];

/// `node.component_down` about the node; about the scheduler by its name where only its silence is known.
pub(super) fn down(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<_> = facts.with(&DOWN).map(|piece| of_service(facts, piece)).collect();
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

fn of_service(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let node = &piece.object;
    let candidate =
        Candidate::new(confidence::COMPONENT_DOWN, node.clone(), piece.statement.as_str()).because([piece]);
    if piece.code == codes::SCHEDULER_DOWN.name {
        let waiting: Vec<_> = facts.with(&[codes::NOT_SCHEDULED]).collect();
        let workloads = facts.workloads_of(&waiting);
        let sure = if waiting.is_empty() { 0.8 } else { 1.03 };
        return candidate.times(sure).because(waiting).explaining(workloads);
    }
    let pods = facts.graph.sources(node, EdgeKind::RunsOn);
    let workloads: BTreeSet<_> = pods.iter().map(|pod| facts.index.workload_of(pod)).collect();
    let same = facts.with(&[codes::NODE_NOT_READY]).filter(|other| other.object == *node);
    candidate.because(same).explaining(workloads)
}
