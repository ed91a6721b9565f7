//! Services that lead nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::{address, dependency};
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
        // Pods that do not run serve no port at all.
        let behind = facts.index.behind(&piece.object);
        let crashes = |workload: &ObjectRef| !facts.about(workload, &[codes::CRASH_LOOP]).is_empty();
        let crashing = piece.code == codes::TARGET_PORT_UNSERVED.name && behind.iter().any(crashes);
        let sure = if crashing { sure * 0.8 } else { sure };
        Some(
            Candidate::new(confidence::PORT_MISMATCH, piece.object.clone(), piece.statement.as_str())
                .times(sure)
                .because([piece])
                .because(shown)
                .explaining(facts.graph.sources(&piece.object, EdgeKind::FailsToCall)),
        )
    });
    found.chain(moved(facts)).collect()
}

/// Services that do not have the port any more that their callers are known to use.
fn moved(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::SERVICE_UNREACHABLE]).filter_map(|piece| {
        let called: i32 = piece.fields.get("port")?.parse().ok()?;
        let spec = facts.index.service(&piece.object)?.spec.as_ref()?;
        let ports: Vec<_> = spec.ports.iter().flatten().map(|port| port.port).collect();
        if ports.is_empty() || ports.contains(&called) || spec.cluster_ip.as_deref() == Some("None") {
            return None;
        }
        let has = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let statement = format!("{} is called on port {called}, which fails; it has {has}", piece.object);
        let candidate = Candidate::new(confidence::PORT_MISMATCH, piece.object.clone(), statement);
        let shown = shown(facts, &piece.object);
        Some(
            candidate
                .because([piece])
                .because(shown)
                .explaining(facts.graph.sources(&piece.object, EdgeKind::Calls)),
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
    let refused = address::refused_by_quota(facts, service);
    let of_caller = pieces.iter().filter(|piece| !refused && (!shown.is_empty() || misspelt(piece)));
    let serious = |piece: &&&Evidence| {
        !piece.fields.contains_key("in_file") || !shown.is_empty() || suffers(&piece.object)
    };
    // What one program alone is told, and nothing runs under that name, was never there.
    let of_that_name =
        |workload: &ObjectRef| workload.name == service.name && workload.namespace == service.namespace;
    let runs = facts.index.templates().any(|(workload, _)| of_that_name(workload));
    let alone = wrong.len() == 1 && !runs;
    let candidates = of_caller.filter(serious).map(|piece| {
        let holder = config_map(piece).unwrap_or_else(|| piece.object.clone());
        let object = if misspelt(piece) || alone { holder } else { service.clone() };
        let sure = if suffers(&piece.object) || !shown.is_empty() { 1.03 } else { 0.8 };
        let gateway = facts.index.is_gateway(&piece.object);
        let database = facts.index.behind(service).iter().any(|behind| facts.index.is_database(behind));
        let what = if database {
            format!("{}; a wrong port of its database", piece.statement)
        } else {
            piece.statement.clone()
        };
        Candidate::new(address::cause(gateway), object, what)
            .times(sure)
            .because([*piece])
            .because(shown.clone())
            .explaining([piece.object.clone()])
    });
    candidates.collect()
}

/// The ConfigMap that holds the address, where it is one.
fn config_map(piece: &Evidence) -> Option<ObjectRef> {
    let namespace = piece.fields.get("config_map_namespace")?;
    Some(ObjectRef::new("ConfigMap", namespace, piece.fields.get("config_map")?))
}

/// Whether the logs of a program say that something it calls does not answer.
fn complains(facts: &Facts<'_>, caller: &ObjectRef) -> bool {
    !facts.about(caller, dependency::COMPLAINTS).is_empty()
}
