//! Services that lead nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// `service.selector_mismatch`: nobody may use a Service that selects nothing, so by itself it is a weak cause; callers
/// that complain make it a strong one.
pub(super) fn selects_nothing(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::SELECTOR_MATCHES_NOTHING]).map(|piece| {
        let complaints = dependency::about(facts, &piece.object);
        let callers = facts.graph.sources(&piece.object, EdgeKind::FailsToCall);
        let unreachable = unreachable(facts, &piece.object);
        // Requests from outside are sent there: somebody uses it.
        let exposed = !facts.graph.sources(&piece.object, EdgeKind::Routes).is_empty();
        let sure = match (complaints.is_empty() && unreachable.is_empty(), exposed) {
            (false, _) => 1.0,
            (true, true) => 0.95,
            (true, false) => 0.6,
        };
        Candidate::new(confidence::SELECTOR_MISMATCH, piece.object.clone(), piece.statement.as_str())
            .times(sure)
            .because([piece])
            .because(complaints)
            .because(unreachable)
            .explaining(callers)
    });
    found.collect()
}

fn unreachable<'a>(facts: &Facts<'a>, service: &ObjectRef) -> Vec<&'a Evidence> {
    facts.with(&[codes::SERVICE_UNREACHABLE]).filter(|piece| piece.object == *service).collect()
}

/// `service.port_mismatch`. A number that pods do not declare may be served all the same, so it counts only where
/// connections fail.
pub(super) fn misrouted(facts: &Facts<'_>) -> Vec<Candidate> {
    let ports = [codes::TARGET_PORT_UNKNOWN, codes::SERVICE_PROTOCOL, codes::TARGET_PORT_UNSERVED];
    let found = facts.with(&ports).filter_map(|piece| {
        let shown = shown(facts, &piece.object);
        let sure = match (piece.code == codes::TARGET_PORT_UNSERVED.name, shown.is_empty()) {
            (true, true) => return None,
            (false, true) => 0.85,
            (_, false) => 1.04,
        };
        Some(
            Candidate::new(confidence::PORT_MISMATCH, piece.object.clone(), piece.statement.as_str())
                .times(sure)
                .because([piece])
                .because(shown)
                .explaining(facts.graph.sources(&piece.object, EdgeKind::FailsToCall)),
        )
    });
    found.collect()
}

/// What shows that callers do not get through to a Service.
fn shown<'a>(facts: &Facts<'a>, service: &ObjectRef) -> Vec<&'a Evidence> {
    let mut shown = dependency::about(facts, service);
    shown.extend(unreachable(facts, service));
    shown
}

/// `dependency.wrong_address` about the program that is told it; `service.port_mismatch` about the Service where everybody
/// is told a port that it does not have: then it is the Service that has changed.
pub(super) fn wrongly_addressed(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut told: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::CALLED_PORT_UNSERVED, codes::CALLED_NAME_UNKNOWN]) {
        if let (Some(namespace), Some(name)) =
            (piece.fields.get("service_namespace"), piece.fields.get("service"))
        {
            told.entry(ObjectRef::new("Service", namespace, name)).or_default().push(piece);
        }
    }
    told.iter().flat_map(|(service, pieces)| addressed(facts, service, pieces)).collect()
}

fn addressed(facts: &Facts<'_>, service: &ObjectRef, pieces: &[&Evidence]) -> Vec<Candidate> {
    let wrong: BTreeSet<_> = pieces.iter().map(|piece| piece.object.clone()).collect();
    let shown = shown(facts, service);
    let exists = facts.index.service(service).is_some();
    let right = facts.graph.sources(service, EdgeKind::Calls).difference(&wrong).count();
    let suffers = |caller: &ObjectRef| {
        facts.in_trouble(caller) || facts.is_asked_about(caller) || complains(facts, caller)
    };
    if exists && right == 0 && (wrong.len() > 1 || !unreachable(facts, service).is_empty()) {
        let Some(first) = pieces.first() else { return Vec::new() };
        let statement = format!("{}, as all that call it are told", first.statement);
        let candidate = Candidate::new(confidence::PORT_MISMATCH, service.clone(), statement);
        return vec![candidate.because(pieces.iter().copied()).because(shown).explaining(wrong)];
    }
    let misspelt = |piece: &Evidence| piece.fields.contains_key("near") || exists;
    // Programs often name Services that an installation goes without: by itself that is no cause. Where a quota keeps the
    // Service from existing, the quota is.
    let refused = facts.with(&[codes::QUOTA_LEAVES_NO_ROOM]);
    let refused = refused.into_iter().any(|piece| piece.fields.get("absent") == Some(&service.to_string()));
    let of_caller = pieces.iter().filter(|piece| !refused && (!shown.is_empty() || misspelt(piece)));
    let candidates = of_caller.map(|piece| {
        let object = if misspelt(piece) { piece.object.clone() } else { service.clone() };
        let sure = if suffers(&piece.object) || !shown.is_empty() { 1.03 } else { 0.8 };
        Candidate::new(confidence::WRONG_ADDRESS, object, piece.statement.as_str())
            .times(sure)
            .because([*piece])
            .because(shown.clone())
            .explaining([piece.object.clone()])
    });
    candidates.collect()
}

/// Whether the logs of a program say that something it calls does not answer.
fn complains(facts: &Facts<'_>, caller: &ObjectRef) -> bool {
    !facts.about(caller, dependency::COMPLAINTS).is_empty()
}
