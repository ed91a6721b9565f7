//! Containers that need more memory than their limit.

use super::candidate::Candidate;
use super::rollout::Rollout;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// `memory.exhausted`, which says whether a rollout lowered the limit.
pub(super) fn exhausted(facts: &Facts<'_>) -> Vec<Candidate> {
    let killed = facts.by_workload(&[codes::OOM_KILLED]);
    let mut found: Vec<_> =
        killed.iter().map(|(workload, killed)| killed_by_kernel(facts, workload, killed)).collect();
    let said = facts.by_workload(&[codes::LOG_OUT_OF_MEMORY]).into_iter();
    let runtime = said.filter(|(workload, _)| !killed.contains_key(workload));
    found.extend(runtime.map(|(workload, said)| {
        let statement = format!("The language runtime of {workload} has no memory left");
        Candidate::new(confidence::MEMORY_EXHAUSTED, workload, statement).times(0.85).because(said)
    }));
    found
}

fn killed_by_kernel(facts: &Facts<'_>, workload: &ObjectRef, killed: &[&Evidence]) -> Candidate {
    let first = killed.first();
    let field = |name: &str| first.and_then(|piece| piece.fields.get(name)).map(String::as_str);
    let container = field("container").unwrap_or("(unknown)");
    let limit = field("limit").map(|limit| format!(" of {limit}")).unwrap_or_default();
    let mut statement =
        format!("Container {container} of {workload} is killed because it reaches its memory limit{limit}.");
    let rollout = Rollout::behind(facts, workload, killed);
    if let Some(rollout) = &rollout {
        statement.push_str(&changed(rollout));
    }
    let support = facts.about(workload, &[codes::METRIC_MEMORY, codes::CRASH_LOOP, codes::RESTARTED]);
    // A limit that a LimitRange gave is that one's, which has a rule of its own.
    let given = facts.with(&[codes::LIMIT_RANGE_DEFAULT]).filter_map(stated::workload);
    let sure = if given.into_iter().any(|given| given == *workload) { 0.9 } else { 1.0 };
    Candidate::new(confidence::MEMORY_EXHAUSTED, workload.clone(), statement)
        .times(sure)
        .because(killed.iter().copied())
        .because(support)
        .because_of(rollout.and_then(|rollout| rollout.shown))
}

fn changed(rollout: &Rollout<'_>) -> String {
    let limit = rollout.change.fields.iter().find(|field| field.path.ends_with("resources.limits.memory"));
    match limit.map(|field| (&field.before, &field.after)) {
        Some((Some(before), Some(after))) => {
            format!(" {} changed the limit from {before} to {after}.", rollout.name())
        }
        Some((None, Some(after))) => format!(" {} introduced the limit of {after}.", rollout.name()),
        _ => format!(" It began after {} was rolled out ({}).", rollout.name(), rollout.what(|_| true)),
    }
}
