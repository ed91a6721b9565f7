//! Nodes that fail, and what fails with them.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// `node.not_ready` with the workloads whose pods are on the node.
pub(super) fn unhealthy(facts: &Facts<'_>) -> Vec<Candidate> {
    let broken = facts.with(&[codes::NODE_NOT_READY, codes::NODE_NETWORK]);
    broken.map(|piece| not_ready(facts, piece)).collect()
}

fn on_node<'a>(facts: &Facts<'a>, node: &ObjectRef, codes: &[codes::Code]) -> Vec<&'a Evidence> {
    facts
        .with(codes)
        .filter(|piece| piece.fields.get("node") == Some(&node.name) && piece.object != *node)
        .collect()
}

fn not_ready(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let node = &piece.object;
    let failing = on_node(facts, node, &[codes::ON_BAD_NODE, codes::NOT_READY, codes::TERMINATING_STUCK]);
    let pods = facts.graph.sources(node, EdgeKind::RunsOn);
    let workloads: BTreeSet<_> = pods.iter().map(|pod| facts.index.workload_of(pod)).collect();
    let lost = if pods.is_empty() { String::new() } else { format!(" {} pods are on it.", pods.len()) };
    let statement = format!("{}.{lost}", piece.statement.trim_end_matches('.'));
    let sure = if failing.is_empty() { 0.85 } else { 1.0 };
    let candidate = Candidate::new(confidence::NODE_NOT_READY, node.clone(), statement).times(sure);
    candidate.because([piece]).because(failing).explaining(workloads)
}
