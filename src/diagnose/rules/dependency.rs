//! Dependencies that fail their callers.
//!
//! The caller shows the errors; what it complains about is nearer the cause. How near is decided here: a Secret that was
//! just changed, a rollout of either side, a workload without replicas; else the dependency itself.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::{address, certificate, database, names, rewritten, trust};
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

/// Programs that work complain now and then; one that complains so often, and among its last words, does not.
const OFTEN: u64 = 12;
const AT_THE_END: usize = 20;

/// Factor where nothing but the log shows trouble.
const ONLY_SAID: f64 = 0.85;

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
    found.extend(waited_for(facts));
    found
}

/// Services that init containers wait for: where one works, the name of it in the command is no cause.
fn waited_for(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::INIT_WAITS]).filter_map(|piece| {
        let (namespace, name) = (piece.fields.get("service_namespace")?, piece.fields.get("service")?);
        let service = ObjectRef::new("Service", namespace, name);
        if !is_broken(facts, &service) {
            return None;
        }
        let mut behind = facts.index.behind(&service).into_iter();
        let object = behind.next().filter(|_| behind.next().is_none()).unwrap_or_else(|| service.clone());
        let statement = format!("{object} does not work, and {} waits for it.", piece.object);
        let mut candidate = Candidate::new(confidence::DEPENDENCY_UNAVAILABLE, object, statement);
        candidate.hearsay = true;
        Some(candidate.because([piece]).explaining([service, facts.index.workload_of(&piece.object)]))
    });
    found.collect()
}

/// Workloads without replicas whose Service was seen not to answer, whether or not a caller complains.
fn switched_off(facts: &Facts<'_>) -> Vec<Candidate> {
    let unreachable: Vec<_> = facts.with(&[codes::SERVICE_UNREACHABLE]).collect();
    let found = facts.with(&[codes::SCALED_TO_ZERO]).filter_map(|piece| {
        let service =
            ObjectRef::new("Service", piece.object.namespace.as_str(), piece.fields.get("service")?);
        let callers = facts.graph.sources(&service, EdgeKind::Calls);
        let new =
            |statement: String| Candidate::new(confidence::SCALED_TO_ZERO, piece.object.clone(), statement);
        if let Some(failed) = unreachable.iter().find(|failed| failed.object == service) {
            let statement = format!("{} wants 0 replicas, and connections to {service} fail.", piece.object);
            return Some(new(statement).because([piece, failed]).explaining(callers));
        }
        // Whoever calls it and is in trouble, or what the alerts ask about: somebody misses it.
        let misses = |caller: &&ObjectRef| facts.in_trouble(caller) || facts.is_asked_about(caller);
        let itself = Some(&piece.object).filter(|object| facts.is_asked_about(object));
        let caller = callers.iter().find(misses).or(itself)?;
        let statement = format!("{} wants 0 replicas, and {caller} misses it.", piece.object);
        Some(new(statement).times(0.85).because([piece]).explaining([caller.clone()]))
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
    let behind = if behind.is_empty() { BTreeSet::from([dependency.clone()]) } else { behind };
    let broken = |workload: &ObjectRef| {
        facts.in_trouble(workload) || !facts.about(workload, &[codes::SCALED_TO_ZERO]).is_empty()
    };
    !facts.about(dependency, &own).is_empty() || behind.iter().any(broken)
}

/// Complaints that say so much that another rule reads them: full or misnamed dependencies, wrong addresses.
fn has_rule_of_its_own(facts: &Facts<'_>, piece: &Evidence) -> bool {
    let unresolved = piece.code == codes::LOG_DNS.name && names::is_about_a_service(facts, piece);
    let expired = piece.code == codes::LOG_TLS.name && certificate::says_expired(piece);
    let untrusted = trust::explains(facts, piece);
    piece.code == codes::LOG_TOO_MANY.name
        || unresolved
        || expired
        || untrusted
        || address::explains(facts, piece)
}

fn collect<'a>(facts: &Facts<'a>) -> Vec<Complaints<'a>> {
    let mut by_dependency: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(COMPLAINTS).filter(|piece| !has_rule_of_its_own(facts, piece)) {
        if let Some(dependency) = named(piece) {
            by_dependency.entry(dependency).or_default().push(piece);
        }
    }
    let complaints = by_dependency.into_iter().map(|(dependency, evidence)| {
        let callers = evidence.iter().map(|piece| caller(facts, piece)).collect();
        let behind = behind(facts, &dependency);
        Complaints { dependency, evidence, callers, behind }
    });
    complaints.collect()
}

/// Who complains: the writer of the log, or the client that a database names in its own.
fn caller(facts: &Facts<'_>, piece: &Evidence) -> ObjectRef {
    database::client(piece).unwrap_or_else(|| facts.index.workload_of(&piece.object))
}

/// The workloads behind a Service; a workload stands for itself.
fn behind(facts: &Facts<'_>, dependency: &ObjectRef) -> BTreeSet<ObjectRef> {
    if facts.index.template(dependency).is_some() {
        return BTreeSet::from([dependency.clone()]);
    }
    facts.index.behind(dependency)
}

/// Healthy programs complain now and then. It counts where a caller is in trouble or asked about, or the dependency is
/// broken for all to see.
fn candidate(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Option<Candidate> {
    let broken = is_broken(facts, &complaints.dependency);
    let suffering =
        complaints.callers.iter().any(|caller| facts.in_trouble(caller) || facts.is_asked_about(caller));
    // Users who mistype their passwords fill logs too, and hosts outside are not everybody's to reach.
    let inside = complaints.dependency.kind != "ExternalHost";
    let lately = |piece: &&Evidence| {
        inside
            && piece.code != codes::LOG_AUTHENTICATION.name
            && database::said_lately(piece, OFTEN, AT_THE_END)
    };
    let refused =
        |piece: &&Evidence| piece.code == codes::LOG_AUTHENTICATION.name && database::insists(piece);
    let database = complaints.behind.iter().any(|behind| facts.index.is_database(behind));
    let insistent = complaints.evidence.iter().any(|piece| lately(piece) || (database && refused(piece)));
    if !(broken || suffering || insistent) {
        return None;
    }
    let candidate = nearest_cause(facts, complaints);
    let rolled_out = |caller: &ObjectRef| facts.recent_rollout(caller).is_some() && facts.in_trouble(caller);
    // One caller, which was itself just rolled out, and nothing wrong with the dependency: the caller has changed.
    let own_fault = !broken && complaints.callers.len() == 1 && complaints.callers.iter().all(rolled_out);
    let candidate = if own_fault && candidate.hearsay { candidate.times(0.7) } else { candidate };
    let candidate = if broken || suffering { candidate } else { candidate.times(ONLY_SAID) };
    Some(candidate.because(complaints.evidence.iter().copied()).explaining(complaints.callers.clone()))
}

fn nearest_cause(facts: &Facts<'_>, complaints: &Complaints<'_>) -> Candidate {
    let refused_login = complaints.evidence.iter().any(|piece| piece.code == codes::LOG_AUTHENTICATION.name);
    let scaled = scaled_to_zero(facts, complaints);
    let changed = || refused_login.then(|| credentials_changed(facts, complaints)).flatten();
    let login = || {
        let client = || database::refused_logins(facts, &complaints.dependency, &complaints.callers);
        refused_login.then(client).flatten()
    };
    let listed = || database::not_listed(facts, &complaints.dependency, &complaints.evidence);
    let rewritten = || {
        let Complaints { dependency, evidence, callers, behind } = complaints;
        rewritten::before_complaints(facts, dependency, callers, behind, evidence)
    };
    let nearest = scaled.or_else(listed).or_else(changed).or_else(login).or_else(rewritten);
    nearest.unwrap_or_else(|| the_dependency(facts, complaints, refused_login))
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
fn the_dependency(facts: &Facts<'_>, complaints: &Complaints<'_>, refused_login: bool) -> Candidate {
    let mut behind = complaints.behind.iter();
    let only = behind.next().filter(|_| behind.next().is_none());
    let by_hand = || endpoints_by_hand(facts, &complaints.dependency);
    let object = only.cloned().or_else(by_hand).unwrap_or_else(|| complaints.dependency.clone());
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

/// The Endpoints of a Service that selects nothing: somebody wrote them.
fn endpoints_by_hand(facts: &Facts<'_>, service: &ObjectRef) -> Option<ObjectRef> {
    let spec = facts.index.service(service)?.spec.as_ref()?;
    let selects = spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
    let written = facts.index.ready_endpoints(service).is_some_and(|ready| ready > 0);
    let by_hand = !selects && written && spec.type_.as_deref() != Some("ExternalName");
    by_hand.then(|| ObjectRef::new("Endpoints", service.namespace.as_str(), service.name.as_str()))
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
