//! Dependencies that fail their callers.
//!
//! The caller shows the errors; what it complains about is nearer the cause. How near is decided here: a Secret that was
//! just changed, a rollout of either side, a workload without replicas; else the dependency itself.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::{EdgeKind, dependency as written};
use crate::incident::{Evidence, ObjectRef};
use crate::observe::{Change, ChangeKind};

/// What logs say about dependencies.
pub(super) const COMPLAINTS: &[Code] = &[
    codes::LOG_AUTHENTICATION,
    codes::LOG_TOO_MANY,
    codes::LOG_REFUSED,
    codes::LOG_DNS,
    codes::LOG_TIMEOUT,
    codes::LOG_TLS,
    codes::LOG_UPSTREAM,
    codes::LOG_UNREACHABLE,
    codes::LOG_RESET,
    codes::LOG_UNAVAILABLE,
];

/// What callers complain about, with everything that a candidate needs.
struct Complaints<'a> {
    dependency: ObjectRef,
    evidence: Vec<&'a Evidence>,
    callers: BTreeSet<ObjectRef>,
    behind: BTreeSet<ObjectRef>,
}

/// One candidate for each dependency that callers in trouble complain about.
pub(super) fn fails(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<_> =
        collect(facts).iter().filter_map(|complaints| candidate(facts, complaints)).collect();
    found.extend(switched_off(facts));
    found
}

/// Workloads without replicas whose Service was seen not to answer, whether or not a caller complains.
fn switched_off(facts: &Facts<'_>) -> Vec<Candidate> {
    let unreachable: Vec<_> = facts.with(&[codes::SERVICE_UNREACHABLE]).collect();
    let found = facts.with(&[codes::SCALED_TO_ZERO]).filter_map(|piece| {
        let service =
            ObjectRef::new("Service", piece.object.namespace.as_str(), piece.fields.get("service")?);
        let failed = unreachable.iter().find(|failed| failed.object == service)?;
        let statement = format!("{} wants 0 replicas, and connections to {service} fail.", piece.object);
        let candidate = Candidate::new(confidence::SCALED_TO_ZERO, piece.object.clone(), statement);
        Some(candidate.because([piece, failed]).explaining(facts.graph.sources(&service, EdgeKind::Calls)))
    });
    found.collect()
}

/// The dependency that a complaint names.
pub(super) fn named(piece: &Evidence) -> Option<ObjectRef> {
    written(piece)
}

/// Complaints about a dependency.
pub(super) fn about<'a>(facts: &Facts<'a>, dependency: &ObjectRef) -> Vec<&'a Evidence> {
    facts.with(COMPLAINTS).filter(|piece| named(piece).as_ref() == Some(dependency)).collect()
}

/// Whether a dependency or what is behind it is in trouble by what the cluster says of it.
pub(super) fn is_broken(facts: &Facts<'_>, dependency: &ObjectRef) -> bool {
    let own = [codes::NO_READY_ENDPOINTS, codes::SELECTOR_MATCHES_NOTHING];
    let behind = facts.index.behind(dependency);
    let broken = |workload: &ObjectRef| {
        facts.in_trouble(workload) || !facts.about(workload, &[codes::SCALED_TO_ZERO]).is_empty()
    };
    !facts.about(dependency, &own).is_empty() || behind.iter().any(broken)
}

fn collect<'a>(facts: &Facts<'a>) -> Vec<Complaints<'a>> {
    let mut by_dependency: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(COMPLAINTS) {
        if let Some(dependency) = named(piece) {
            by_dependency.entry(dependency).or_default().push(piece);
        }
    }
    let complaints = by_dependency.into_iter().map(|(dependency, evidence)| {
        let callers = evidence.iter().map(|piece| facts.index.workload_of(&piece.object)).collect();
        let behind = facts.index.behind(&dependency);
        Complaints { dependency, evidence, callers, behind }
    });
    complaints.collect()
}

/// Healthy programs complain now and then. It counts where a caller is in trouble or asked about, or the dependency is
/// broken for all to see.
fn candidate(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Option<Candidate> {
    let broken = is_broken(facts, &complaints.dependency);
    let suffering =
        complaints.callers.iter().any(|caller| facts.in_trouble(caller) || facts.is_asked_about(caller));
    if !(broken || suffering) {
        return None;
    }
    let candidate = nearest_cause(facts, complaints);
    let rolled_out = |caller: &ObjectRef| facts.recent_rollout(caller).is_some() && facts.in_trouble(caller);
    // One caller, which was itself just rolled out, and nothing wrong with the dependency: the caller has changed.
    let own_fault = !broken && complaints.callers.len() == 1 && complaints.callers.iter().all(rolled_out);
    let candidate = if own_fault && candidate.hearsay { candidate.times(0.7) } else { candidate };
    Some(candidate.because(complaints.evidence.iter().copied()).explaining(complaints.callers.clone()))
}

fn nearest_cause(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Candidate {
    let refused_login = complaints.evidence.iter().any(|piece| piece.code == codes::LOG_AUTHENTICATION.name);
    let scaled = scaled_to_zero(facts, complaints);
    let changed = || refused_login.then(|| credentials_changed(facts, complaints)).flatten();
    scaled.or_else(changed).unwrap_or_else(|| the_dependency(complaints, refused_login))
}

fn callers_text(complaints: &Complaints<'_>) -> String {
    let names: Vec<_> = complaints.callers.iter().take(3).map(ToString::to_string).collect();
    names.join(", ")
}

fn scaled_to_zero(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Option<Candidate> {
    let switched_off =
        |workload: &ObjectRef| facts.about(workload, &[codes::SCALED_TO_ZERO]).first().copied();
    let (workload, piece) =
        complaints.behind.iter().find_map(|workload| Some((workload, switched_off(workload)?)))?;
    let statement = format!("{workload} wants 0 replicas, and {} calls it.", callers_text(complaints));
    Some(Candidate::new(confidence::SCALED_TO_ZERO, workload.clone(), statement).because([piece]))
}

/// The dependency itself: the one workload behind the Service, else the Service or outside host.
fn the_dependency(complaints: &Complaints<'_>, refused_login: bool) -> Candidate {
    let mut behind = complaints.behind.iter();
    let only = behind.next().filter(|_| behind.next().is_none());
    let object = only.unwrap_or(&complaints.dependency).clone();
    let (cause, what) = if refused_login {
        (confidence::DEPENDENCY_AUTHENTICATION, "refuses the credentials of")
    } else {
        (confidence::DEPENDENCY_UNAVAILABLE, "fails")
    };
    let said = complaints.evidence.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!("{object} {what} {}: {said}", callers_text(complaints));
    let mut candidate = Candidate::new(cause, object, statement).explaining([complaints.dependency.clone()]);
    candidate.hearsay = true;
    candidate
}

/// A login that is refused since credentials changed: the Secret or ConfigMap that either side reads, or a rollout that
/// changed the environment of either side.
fn credentials_changed(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Option<Candidate> {
    let caller = complaints.callers.first()?;
    let sides: Vec<_> = complaints.callers.iter().chain(&complaints.behind).collect();
    let reads = |side: &ObjectRef| {
        [EdgeKind::ReadsConfig, EdgeKind::Mounts]
            .into_iter()
            .flat_map(|kind| facts.graph.targets(side, kind))
            .collect()
    };
    let read: Vec<BTreeSet<ObjectRef>> = sides.iter().map(|side| reads(side)).collect();
    let written = read.iter().flatten().filter_map(|object| {
        let (change, shown) = facts.recent_change(object, ChangeKind::Configuration, caller)?;
        let readers = read.iter().filter(|objects| objects.contains(object)).count();
        Some(((object.kind == "Secret", readers, change.at), object, change, shown))
    });
    if let Some((_, object, change, shown)) = written.max_by(|left, right| left.0.cmp(&right.0)) {
        let statement = format!(
            "{} refuses the credentials of {} since {object} was written at {}.",
            complaints.dependency,
            callers_text(complaints),
            change.at
        );
        let candidate = Candidate::new(confidence::DEPENDENCY_AUTHENTICATION, object.clone(), statement);
        return Some(candidate.times(1.1).because_of(shown).explaining(complaints.behind.clone()));
    }
    sides.into_iter().find_map(|side| rolled_out(facts, complaints, side, caller))
}

fn rolled_out(
    facts: &Facts<'_>,
    complaints: &Complaints<'_>,
    side: &ObjectRef,
    caller: &ObjectRef,
) -> Option<Candidate> {
    let (change, shown) = facts.recent_change(side, ChangeKind::Rollout, caller)?;
    let environment = |change: &&Change| {
        change.fields.iter().any(|field| field.path.contains("env") || field.path.contains("volumes"))
    };
    Some(change).filter(environment)?;
    let statement = format!(
        "{} refuses the credentials of {} since {side} was rolled out with another environment.",
        complaints.dependency,
        callers_text(complaints)
    );
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, side.clone(), statement).times(0.9);
    Some(candidate.because_of(shown).explaining(complaints.behind.clone()))
}
