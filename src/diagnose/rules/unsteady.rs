//! Nodes that are Ready and yet do not work as they should: what fails on them alone is their doing.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

const SIGNS: [Code; 2] = [codes::NODE_PROBLEM, codes::NODE_FLAPS];

/// What callers say of programs that do not get to answer, and what programs say that cannot use their disk.
const STARVED: [Code; 8] = [
    codes::LOG_TIMEOUT,
    codes::LOG_REFUSED,
    codes::LOG_RESET,
    codes::LOG_UNREACHABLE,
    codes::LOG_UNAVAILABLE,
    codes::LOG_UPSTREAM,
    codes::LOG_READ_ONLY_FILES,
    codes::LOG_DISK_FULL,
];

/// `node.not_ready` about each such node, surer where something on it suffers.
pub(super) fn nodes(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut nodes: BTreeMap<&ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&SIGNS) {
        nodes.entry(&piece.object).or_default().push(piece);
    }
    nodes.into_iter().map(|(node, told)| candidate(facts, node, told)).collect()
}

fn candidate(facts: &Facts<'_>, node: &ObjectRef, told: Vec<&Evidence>) -> Candidate {
    let suffering = suffering(facts, node);
    let names: Vec<_> = suffering.iter().map(ToString::to_string).collect();
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let on_it = if names.is_empty() { String::new() } else { format!(" On it suffer {}.", names.join(", ")) };
    let statement = format!("{}.{on_it}", said.trim_end_matches('.'));
    let sure = if names.is_empty() { 0.8 } else { 1.0 };
    let candidate = Candidate::new(confidence::NODE_NOT_READY, node.clone(), statement).times(sure);
    candidate.because(told).explaining(suffering)
}

/// Workloads whose trouble the node may be: their callers complain of no answer, or all of their pods that are in trouble are
/// there, and they did not change themselves.
fn suffering(facts: &Facts<'_>, node: &ObjectRef) -> BTreeSet<ObjectRef> {
    let pods = facts.graph.sources(node, EdgeKind::RunsOn);
    let workloads: BTreeSet<_> = pods.iter().map(|pod| facts.index.workload_of(pod)).collect();
    let complained = complained_of(facts);
    let suffers = |workload: &ObjectRef| {
        let own = facts.about(workload, codes::ALL);
        let of_pod = |piece: &&Evidence| {
            is_trouble(piece) && piece.object.kind == "Pod" && !piece.code.starts_with("log.")
        };
        let mut own = own.into_iter().filter(of_pod).peekable();
        let only_there = own.peek().is_some() && own.all(|piece| pods.contains(&piece.object));
        (only_there || complained.contains(workload)) && facts.recent_rollout(workload).is_none()
    };
    workloads.into_iter().filter(suffers).collect()
}

fn complained_of(facts: &Facts<'_>) -> BTreeSet<ObjectRef> {
    let named = facts.with(&STARVED).filter_map(super::dependency::named);
    named.flat_map(|service| facts.index.behind(&service)).collect()
}
