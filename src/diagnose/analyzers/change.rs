//! Recent changes: rollouts and configuration written shortly before the trouble.

use jiff::Timestamp;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::facts::ABNORMAL;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::diagnose::onset;
use crate::incident::EvidenceSource;
use crate::observe::{Change, ChangeKind, FieldChange};

/// The code of a kind of change.
pub(in crate::diagnose) const fn code(kind: ChangeKind) -> Code {
    match kind {
        ChangeKind::Rollout => codes::ROLLOUT,
        ChangeKind::Configuration => codes::CONFIGURATION,
    }
}

/// Changes that are near any of the moments at which something began to go wrong.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let onsets = onsets(index, found);
    let near = |change: &&Change| {
        let first = onsets.partition_point(|onset| onset::is_too_late(change.at, *onset));
        onsets.get(first).is_some_and(|onset| onset::is_recent(change.at, *onset))
    };
    index.snapshot.changes.iter().filter(near).map(finding).collect()
}

/// When trouble began, sorted: alerts and abnormal findings; the moment of the Snapshot where there are none.
fn onsets(index: &Index<'_>, found: &[Finding]) -> Vec<Timestamp> {
    let abnormal = found.iter().filter(|finding| {
        finding.strength >= ABNORMAL
            && !matches!(finding.code.source, EvidenceSource::Log | EvidenceSource::Repair)
    });
    let mut onsets: Vec<_> = abnormal.filter_map(|finding| finding.at).collect();
    onsets.extend(onset::alerted(index.snapshot));
    if onsets.is_empty() {
        onsets.push(index.snapshot.taken_at);
    }
    onsets.sort();
    onsets
}

fn finding(change: &Change) -> Finding {
    let statement = match change.kind {
        ChangeKind::Rollout => format!("{} was rolled out{}", change.object, revision_text(change)),
        ChangeKind::Configuration => format!("{} was written", change.object),
    };
    let what: Vec<_> = change.fields.iter().take(3).map(describe).collect();
    let more = change.fields.len().saturating_sub(what.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let statement =
        if what.is_empty() { statement } else { format!("{statement}: {}{more}", what.join(", ")) };
    let finding = Finding::new(code(change.kind), change.object.clone(), statement).at(Some(change.at));
    let finding =
        finding.field_if("revision", change.revision).field_if("previous_revision", change.previous_revision);
    change.fields.iter().fold(finding, with_field)
}

fn revision_text(change: &Change) -> String {
    match (change.previous_revision, change.revision) {
        (Some(previous), Some(revision)) => format!(" from revision {previous} to {revision}"),
        (None, Some(revision)) => format!(" as revision {revision}"),
        _ => String::new(),
    }
}

/// One difference in words.
pub(in crate::diagnose) fn describe(field: &FieldChange) -> String {
    match (&field.before, &field.after) {
        (Some(before), Some(after)) if before == after => format!("{} changed", field.path),
        (Some(before), Some(after)) => format!("{} {before} → {after}", field.path),
        (None, Some(after)) => format!("{} added: {after}", field.path),
        (Some(before), None) => format!("{} removed: {before}", field.path),
        (None, None) => format!("{} changed", field.path),
    }
}

fn with_field(finding: Finding, field: &FieldChange) -> Finding {
    let [before, after] = [&field.before, &field.after].map(|value| value.as_deref().unwrap_or("(none)"));
    let finding = finding.field(&field.path, format!("{before} → {after}"));
    if field.path.ends_with("resources.limits.memory") {
        return finding
            .field_if("limit_before", field.before.as_ref())
            .field_if("limit_after", field.after.as_ref());
    }
    if field.path.ends_with(".image") { finding.field_if("image", field.after.as_ref()) } else { finding }
}
