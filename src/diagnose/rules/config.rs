//! Configuration that is missing, or that was changed just before a program began to fail.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use super::crash::CRASHES;
use super::rollout::Rollout;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};
use crate::observe::ChangeKind;

const MISSING: &[Code] = &[
    codes::CONFIG_MAP_MISSING,
    codes::CONFIG_MAP_KEY_MISSING,
    codes::SECRET_MISSING,
    codes::SECRET_KEY_MISSING,
];

/// `config.missing_reference`: the object at fault is the ConfigMap or Secret that is missing or lacks the key.
pub(super) fn missing(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut objects: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let pull_secrets = facts.with(&[codes::PULL_SECRET_MISSING]).filter(|piece| is_needed(facts, piece));
    for piece in facts.with(MISSING).chain(pull_secrets) {
        objects.entry(piece.object.clone()).or_default().push(piece);
    }
    objects.into_iter().map(|(object, evidence)| missing_object(facts, object, &evidence)).collect()
}

/// A pull secret that does not exist matters where the registry wants one.
fn is_needed(facts: &Facts<'_>, piece: &Evidence) -> bool {
    let workload = facts.workload_named(piece);
    workload.is_some_and(|workload| !facts.about(&workload, &[codes::IMAGE_UNAUTHORIZED]).is_empty())
}

fn missing_object(facts: &Facts<'_>, object: ObjectRef, evidence: &[&Evidence]) -> Candidate {
    let workloads = facts.workloads_of(evidence);
    let key = evidence.iter().find_map(|piece| piece.fields.get("key"));
    let users: Vec<_> = workloads.iter().map(ToString::to_string).collect();
    let users = users.join(", ");
    let mut statement = match key {
        Some(key) => format!("{object} has no key {key}, which {users} needs."),
        None => format!("{object} does not exist, and {users} needs it."),
    };
    let rollouts = workloads.iter().filter_map(|workload| Rollout::behind(facts, workload, evidence));
    let brought = rollouts.into_iter().find(|rollout| brings(rollout, &object));
    if let Some(rollout) = &brought {
        statement.push_str(&format!(" {} brought the reference.", rollout.name()));
    }
    let change = facts.recent_change_of(&object, ChangeKind::Configuration, &workloads);
    if let Some((change, _)) = change {
        statement.push_str(&format!(" It was written at {}.", change.at));
    }
    let pulls = workloads.iter().flat_map(|workload| facts.about(workload, &[codes::IMAGE_UNAUTHORIZED]));
    let pulls: Vec<_> = if object.kind == "Secret" { pulls.collect() } else { Vec::new() };
    let sure = if pulls.is_empty() { 1.0 } else { 1.04 };
    Candidate::new(confidence::CONFIG_MISSING, object, statement)
        .times(sure)
        .because(evidence.iter().copied())
        .because(pulls)
        .because_of(brought.and_then(|rollout| rollout.shown))
        .because_of(change.and_then(|(_, shown)| shown))
        .explaining(workloads)
}

/// Whether the rollout's differences name the object; one whose differences are not known may have brought it.
fn brings(rollout: &Rollout<'_>, object: &ObjectRef) -> bool {
    let fields = &rollout.change.fields;
    let names = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(&object.name));
    fields.is_empty() || fields.iter().any(|field| names(&field.after) || field.path.contains(&object.name))
}

/// `config.bad_change`: a program fails since a ConfigMap or Secret that it reads was written, and no rollout came between.
pub(super) fn changed(facts: &Facts<'_>) -> Vec<Candidate> {
    let crashing = facts.by_workload(CRASHES).into_iter();
    crashing.filter_map(|(workload, trouble)| changed_for(facts, &workload, &trouble)).collect()
}

fn changed_for(facts: &Facts<'_>, workload: &ObjectRef, trouble: &[&Evidence]) -> Option<Candidate> {
    let trouble: Vec<_> = trouble.iter().copied().filter(|piece| is_trouble(piece)).collect();
    if trouble.is_empty() || facts.recent_rollout(workload).is_some() {
        return None;
    }
    let reads = [EdgeKind::ReadsConfig, EdgeKind::Mounts].map(|kind| facts.graph.targets(workload, kind));
    let changes = reads
        .iter()
        .flatten()
        .filter_map(|object| facts.recent_change(object, ChangeKind::Configuration, workload));
    let (change, shown) = changes.max_by_key(|(change, _)| change.at)?;
    let statement = format!("{workload} keeps ending since {}, which it reads, was written.", change.object);
    let candidate = Candidate::new(confidence::CONFIG_CHANGED, change.object.clone(), statement);
    Some(candidate.because(trouble).because_of(shown).explaining([workload.clone()]))
}
