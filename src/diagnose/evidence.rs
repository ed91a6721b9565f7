//! From findings to numbered Evidence: cleaned, folded and bounded.
//!
//! A thousand pods of one Deployment that fail in the same way are one piece of knowledge, not a thousand: of each kind of
//! finding about one workload only the first few are kept, and how many there were is written beside them.

use std::collections::HashMap;

use super::finding::Finding;
use super::index::Index;
use super::mask;
use crate::incident::{Evidence, EvidenceId, ObjectRef, Score};

/// Most pieces of Evidence in one diagnosis.
pub const MAX_EVIDENCE: usize = 200;

/// Most findings kept of one code about one workload.
const MAX_ALIKE: usize = 3;

/// Most fields shown of one finding; a pod template may differ in hundreds of places.
const MAX_FIELDS: usize = 24;

/// Evidence in the order of strength, then code, then object, numbered from E1.
pub(super) fn number(findings: Vec<Finding>, index: &Index<'_>) -> Vec<Evidence> {
    let mut kept = fold(findings, index);
    // The first of each group before the second of any: what is rare is not pushed out by what is frequent.
    kept.sort_by(|(left_rank, left), (right_rank, right)| {
        left_rank.cmp(right_rank).then_with(|| order(left, right))
    });
    kept.truncate(MAX_EVIDENCE);
    let mut kept: Vec<_> = kept.into_iter().map(|(_, finding)| finding).collect();
    kept.sort_by(order);
    let taken_at = index.snapshot.taken_at;
    let numbered = kept.into_iter().zip(1_u32..);
    numbered.map(|(finding, number)| evidence(finding, EvidenceId(number), taken_at)).collect()
}

/// Groups what is alike before anything is sorted: a large incident has few kinds of findings and very many of each.
fn fold(findings: Vec<Finding>, index: &Index<'_>) -> Vec<(usize, Finding)> {
    let mut groups: HashMap<(&'static str, ObjectRef, Option<String>), Vec<Finding>> = HashMap::new();
    for finding in findings {
        let (about, kind) = (index.workload_of(&finding.object), finding.fields.get("dependency").cloned());
        groups.entry((finding.code.name, about, kind)).or_default().push(finding);
    }
    groups.into_values().flat_map(first_few).collect()
}

fn first_few(mut group: Vec<Finding>) -> impl Iterator<Item = (usize, Finding)> {
    group.sort_by(order);
    group.dedup();
    let alike = group.len();
    group.into_iter().take(MAX_ALIKE).enumerate().map(move |(rank, finding)| {
        let finding = if alike > 1 { finding.field("alike", alike) } else { finding };
        (rank, finding)
    })
}

fn order(left: &Finding, right: &Finding) -> std::cmp::Ordering {
    let by_strength = right.strength.total_cmp(&left.strength);
    let rest = || {
        (left.code.name, &left.object, &left.fields, &left.statement, left.at).cmp(&(
            right.code.name,
            &right.object,
            &right.fields,
            &right.statement,
            right.at,
        ))
    };
    by_strength.then_with(rest)
}

fn evidence(finding: Finding, id: EvidenceId, taken_at: jiff::Timestamp) -> Evidence {
    let fields = finding.fields.into_iter().take(MAX_FIELDS);
    Evidence {
        id,
        source: finding.code.source,
        code: finding.code.name.to_owned(),
        object: finding.object,
        statement: mask::clean(&finding.statement),
        strength: Score::new(finding.strength),
        at: finding.at.unwrap_or(taken_at),
        fields: fields.map(|(name, value)| (mask::clean(&name), mask::clean(&value))).collect(),
    }
}
