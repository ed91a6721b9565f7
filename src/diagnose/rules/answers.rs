//! Programs that answer otherwise since their last rollout: callers say so from then on.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::analyzers::describe_change;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::named;
use crate::incident::{Evidence, ObjectRef};

/// Fewer lines are the mistakes of single requests.
const AGAIN: u64 = 10;

/// What comes so soon after a rollout came with it.
const SOON: SignedDuration = SignedDuration::from_mins(5);

/// Clocks and rounding.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// `deploy.bad_rollout` about a program that callers say gives wrong answers since shortly after its rollout.
pub(super) fn changed(facts: &Facts<'_>) -> Vec<Candidate> {
    let found: Vec<_> =
        facts.with(&[codes::LOG_WRONG_ANSWER]).filter_map(|piece| candidate(facts, piece)).collect();
    // One may have been told wrong before its log begins; that several began just then is no coincidence.
    let callers = |callee: &ObjectRef| {
        let own = found.iter().filter(|found| found.candidate.object == *callee);
        own.map(|found| &found.caller).collect::<BTreeSet<_>>().len()
    };
    let several: BTreeSet<_> = found
        .iter()
        .map(|found| found.candidate.object.clone())
        .filter(|callee| callers(callee) > 1)
        .collect();
    let counts = |found: &Found| found.was_well || several.contains(&found.candidate.object);
    found.into_iter().filter(counts).map(|found| found.candidate).collect()
}

struct Found {
    candidate: Candidate,
    caller: ObjectRef,
    /// Whether the caller's log shows that all was well before.
    was_well: bool,
}

fn candidate(facts: &Facts<'_>, piece: &Evidence) -> Option<Found> {
    let service = dependency::named(piece)?;
    let lines = named::lines(&piece.fields);
    let began: Timestamp = piece.fields.get("first_seen")?.parse().ok()?;
    let mut behind = facts.index.behind(&service).into_iter();
    let callee: ObjectRef = behind.next().filter(|_| behind.next().is_none())?;
    let (change, shown) = facts.recent_rollout(&callee)?;
    let after = began.duration_since(change.at);
    let caller = facts.index.workload_of(&piece.object);
    let was_well = was_well_before(facts, &caller, piece.fields.get("dependency")?, change.at);
    // A caller that was rolled out as well may be the one that asks otherwise.
    let alone = facts.recent_rollout(&caller).is_none();
    if lines.is_none_or(|lines| lines < AGAIN) || !(-SKEW..=SOON).contains(&after) || !alone {
        return None;
    }
    let what: Vec<_> = change.fields.iter().take(3).map(describe_change).collect();
    let statement =
        format!("{callee} answers otherwise since its rollout ({}): {}", what.join(", "), piece.statement);
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, callee, statement).times(0.85);
    let candidate = candidate.because([piece]).because_of(shown).explaining([caller.clone(), service]);
    Some(Found { candidate, caller, was_well })
}

/// Whether a log of the caller reaches back to when it did not say so: else the first time that was seen is but the first that
/// was kept. Many other lines before the first complaint show it, or one from before the rollout.
fn was_well_before(facts: &Facts<'_>, caller: &ObjectRef, host: &str, rollout: Timestamp) -> bool {
    let says = |line: &str| line.contains(host) && STATUS.iter().any(|status| line.contains(status));
    let earlier = |line: &str| written(line).is_some_and(|at| rollout.duration_since(at) > SKEW);
    facts.index.snapshot.logs.iter().any(|log| {
        let pod = ObjectRef::new("Pod", log.namespace.as_str(), log.pod.as_str());
        let Some(first) = log.text.lines().position(says) else { return false };
        let reaches = first >= BEFORE || log.text.lines().take(first).any(earlier);
        reaches && facts.index.workload_of(&pod) == *caller
    })
}

/// So many other lines before the first complaint show that there was none.
const BEFORE: usize = 15;

static TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})").ok());

/// The time that a line bears, taken for universal time.
fn written(line: &str) -> Option<Timestamp> {
    let found = TIME.as_ref()?.captures(line)?;
    format!("{}T{}Z", found.get(1)?.as_str(), found.get(2)?.as_str()).parse().ok()
}

/// How such answers are written.
const STATUS: [&str; 8] = ["400", "404", "405", "410", "415", "422", "501", "nimplemented"];
