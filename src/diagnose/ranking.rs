//! From candidates to ranked Hypotheses: what passes on hearsay gives way to what is found behind it, the specific absorbs
//! the general, what did not help before counts less, and what the alert is not about comes later.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::codes;
use super::confidence::{self, Specificity};
use super::facts::Facts;
use super::rules::Candidate;
use crate::incident::{ActionKind, Evidence, EvidenceSource, Hypothesis, ObjectRef};

/// Most Hypotheses given.
const MAX_HYPOTHESES: usize = 20;

/// Nothing that rules find is certain.
const CEILING: f64 = 0.98;

/// Factor for a cause whose repair was tried and did not help.
const TRIED: f64 = 0.5;

/// Factor for a cause that has nothing to do with what the alerts are about.
const ELSEWHERE: f64 = 0.6;

/// What a rule found without reserve, and an object, an event or the kubelet states in so many words, leaves this share of
/// its doubt: in the recorded cases such causes were right nearly always, while logs and alerts may speak of symptoms.
const STATED: f64 = 0.5;

/// From this strength a piece of Evidence states something.
const STATEMENT: f64 = 0.8;

/// Each further object that a cause explains adds this much, up to four times.
const EXPLAINS_MORE: f64 = 0.005;

/// Ranks what the rules propose.
pub(super) fn rank(candidates: Vec<Candidate>, facts: &Facts<'_>) -> Vec<Hypothesis> {
    let candidates = merge_same(candidates);
    let candidates = follow_hearsay(candidates);
    let candidates = absorb_general(candidates);
    let reach = reach(facts);
    let mut ranked: Vec<_> =
        candidates.into_iter().map(|candidate| weigh(candidate, facts, reach.as_ref())).collect();
    ranked.sort_by(order);
    ranked.truncate(MAX_HYPOTHESES);
    ranked.into_iter().map(Candidate::into_hypothesis).collect()
}

fn order(left: &Candidate, right: &Candidate) -> Ordering {
    // Causes that are not in the table come after those that are.
    let place = |candidate: &Candidate| {
        let known = confidence::ALL.iter().position(|known| known.code == candidate.code());
        known.unwrap_or(usize::MAX)
    };
    let by_confidence = right.confidence.total_cmp(&left.confidence);
    let by_reach = || right.explains.len().cmp(&left.explains.len());
    let name =
        |candidate: &Candidate| (place(candidate), candidate.code().to_owned(), candidate.object.clone());
    let by_name = || name(left).cmp(&name(right));
    // Rules of files may say the same of the same object in other words.
    let by_words = || left.statement.cmp(&right.statement);
    by_confidence.then_with(by_reach).then_with(by_name).then_with(by_words)
}

/// Two rules that name the same cause of the same object have found one thing.
fn merge_same(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(order);
    let mut merged: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let same =
            |known: &&mut Candidate| known.code() == candidate.code() && known.object == candidate.object;
        match merged.iter_mut().find(same) {
            Some(known) => known.absorb(&candidate),
            None => merged.push(candidate),
        }
    }
    merged
}

/// Callers say that an object fails. If something else explains that object's trouble, it explains the callers' too: the
/// chain of complaints is followed to its end. A circle of complaints keeps its most likely member.
fn follow_hearsay(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept = candidates;
    let mut position = kept.len();
    while position > 0 {
        position -= 1;
        let Some(candidate) = kept.get(position).filter(|candidate| candidate.hearsay).cloned() else {
            continue;
        };
        if let Some(deeper) = deeper(&kept, position, &candidate) {
            if let Some(found) = kept.get_mut(deeper) {
                found.absorb(&candidate);
            }
            kept.remove(position);
            // What was absorbed may now explain what earlier looked like the end of a chain.
            position = kept.len();
        }
    }
    kept
}

/// The best of what explains the candidate's object: what says why before what says that, what the cluster shows before what
/// others say, then the more likely.
fn deeper(kept: &[Candidate], position: usize, candidate: &Candidate) -> Option<usize> {
    let explains =
        |other: &Candidate| other.object == candidate.object || other.explains.contains(&candidate.object);
    let found = kept.iter().enumerate().filter(|(place, other)| *place != position && explains(other));
    let tells_why = |other: &Candidate| other.cause.specificity > Specificity::Symptom;
    let better = found.max_by(|(_, left), (_, right)| {
        let by_telling = tells_why(left).cmp(&tells_why(right)).then(right.hearsay.cmp(&left.hearsay));
        by_telling.then_with(|| order(right, left))
    });
    better.map(|(place, _)| place)
}

/// Drops a candidate when more specific ones explain all that it explains; they take over its Evidence.
fn absorb_general(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let all = candidates.clone();
    let mut kept = Vec::new();
    let mut dropped = Vec::new();
    for candidate in candidates {
        let specific = all.iter().filter(|other| other.cause.specificity > candidate.cause.specificity);
        let covered: BTreeSet<_> = specific.flat_map(|other| &other.explains).collect();
        let superfluous = candidate.explains.iter().all(|object| covered.contains(object));
        if superfluous { dropped.push(candidate) } else { kept.push(candidate) }
    }
    for general in dropped {
        let takes = |other: &&mut Candidate| {
            other.cause.specificity > general.cause.specificity
                && !other.explains.is_disjoint(&general.explains)
        };
        if let Some(heir) = kept.iter_mut().find(takes) {
            // What speaks against the heir stays against it, though it spoke for something more general.
            let new: Vec<_> = general.supporting.difference(&heir.contradicting).copied().collect();
            heir.supporting.extend(new);
        }
    }
    kept
}

/// Everything that what the alerts are about depends on; `None` where nothing in particular was asked about.
fn reach(facts: &Facts<'_>) -> Option<BTreeSet<ObjectRef>> {
    let snapshot = facts.index.snapshot;
    let focus = snapshot.focus.as_ref().filter(|_| !snapshot.signals.is_empty())?;
    let mut reach = facts.graph.depends_on(focus);
    reach.extend(facts.graph.depends_on(&facts.index.workload_of(focus)));
    Some(reach)
}

fn weigh(mut candidate: Candidate, facts: &Facts<'_>, reach: Option<&BTreeSet<ObjectRef>>) -> Candidate {
    let more = candidate.explains.len().saturating_sub(1).min(4);
    candidate.confidence += EXPLAINS_MORE * f64::from(u8::try_from(more).unwrap_or(4));
    let related = |reach: &BTreeSet<ObjectRef>| {
        let explained = candidate.explains.iter().any(|object| reach.contains(object));
        explained || candidate.explains.iter().any(|object| facts.is_asked_about(object))
    };
    if !reach.is_none_or(related) {
        candidate.confidence *= ELSEWHERE;
    } else if is_stated(&candidate, facts) {
        candidate.confidence = 1.0 - (1.0 - candidate.confidence.min(1.0)) * STATED;
    }
    let failed: Vec<_> =
        facts.with(&[codes::REPAIR_FAILED]).filter(|piece| was_tried_for(piece, &candidate)).collect();
    let mut candidate = candidate.despite(failed, TRIED);
    candidate.confidence = candidate.confidence.clamp(0.01, CEILING);
    candidate
}

/// Whether a mechanism that no rule discounted is stated by the cluster, and nothing contradicts.
fn is_stated(candidate: &Candidate, facts: &Facts<'_>) -> bool {
    let stated = |piece: &&Evidence| {
        let by_cluster = matches!(piece.source, EvidenceSource::Object | EvidenceSource::Event);
        by_cluster && piece.strength.value() >= STATEMENT && candidate.supporting.contains(&piece.id)
    };
    // Whoever wrote a rule of their own has said how sure it is.
    let own = confidence::ALL.iter().all(|cause| cause.code != candidate.code());
    !own && candidate.cause.specificity == Specificity::Mechanism
        && candidate.contradicting.is_empty()
        && candidate.confidence >= candidate.cause.confidence
        && facts.evidence.iter().any(|piece| stated(&piece))
}

/// Whether a repair that failed is one that this cause would lead to.
fn was_tried_for(piece: &Evidence, candidate: &Candidate) -> bool {
    let about = candidate.object == piece.object || candidate.explains.contains(&piece.object);
    let action = piece.fields.get("action").map(String::as_str).unwrap_or_default();
    about && remedies(candidate.playbook()).iter().any(|kind| kind.as_str() == action)
}

/// The actions by which a cause is usually repaired.
fn remedies(cause: &str) -> &'static [ActionKind] {
    use ActionKind::{
        Cordon, DeletePod, RaiseHpaMaximum, RestartWorkload, RollBack, Scale, SetResources, Uncordon,
    };
    match cause {
        "memory.exhausted" => &[SetResources, RollBack],
        "scaling.limit_reached" => &[RaiseHpaMaximum, Scale],
        "node.not_ready" | "node.pressure" => &[Cordon, Uncordon, DeletePod],
        "dependency.scaled_to_zero" => &[Scale],
        "deploy.bad_rollout"
        | "image.pull_failed"
        | "config.missing_reference"
        | "scheduling.unschedulable" => &[RollBack],
        _ => &[RestartWorkload, DeletePod, RollBack],
    }
}
