//! Programs that answer otherwise since their last rollout: callers say so from then on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::analyzers::describe_change;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// Fewer lines are the mistakes of single requests.
const AGAIN: u64 = 10;

/// What comes so soon after a rollout came with it.
const SOON: SignedDuration = SignedDuration::from_mins(5);

/// Clocks and rounding.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// `deploy.bad_rollout` about a program that callers say gives wrong answers since shortly after its rollout.
pub(super) fn changed(facts: &Facts<'_>) -> Vec<Candidate> {
    facts.with(&[codes::LOG_WRONG_ANSWER]).filter_map(|piece| candidate(facts, piece)).collect()
}

fn candidate(facts: &Facts<'_>, piece: &Evidence) -> Option<Candidate> {
    let service = dependency::named(piece)?;
    let lines = piece.fields.get("lines").and_then(|lines| lines.parse::<u64>().ok());
    let began: Timestamp = piece.fields.get("first_seen")?.parse().ok()?;
    let mut behind = facts.index.behind(&service).into_iter();
    let callee: ObjectRef = behind.next().filter(|_| behind.next().is_none())?;
    let (change, shown) = facts.recent_rollout(&callee)?;
    let after = began.duration_since(change.at);
    let caller = facts.index.workload_of(&piece.object);
    // A caller that was rolled out as well may be the one that asks otherwise.
    let alone = facts.recent_rollout(&caller).is_none();
    if lines.is_none_or(|lines| lines < AGAIN) || !(-SKEW..=SOON).contains(&after) || !alone {
        return None;
    }
    let what: Vec<_> = change.fields.iter().take(3).map(describe_change).collect();
    let statement =
        format!("{callee} answers otherwise since its rollout ({}): {}", what.join(", "), piece.statement);
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, callee, statement).times(0.85);
    let explained = BTreeSet::from([caller, service]);
    Some(candidate.because([piece]).because_of(shown).explaining(explained))
}
