//! Names that do not resolve: because the cluster's DNS is down, or because one program does not ask it.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::{database, dependency};
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::{DNS_SERVICES, SYSTEM};
use crate::incident::{Evidence, ObjectRef};

/// `dns.resolution_failed`: about the cluster's DNS where it has no endpoint or several programs cannot resolve names that
/// exist; about the program where it is the only one.
pub(super) fn unresolved(facts: &Facts<'_>) -> Vec<Candidate> {
    let complaints = complaints(facts);
    let down: Vec<_> = facts.with(&[codes::DNS_SERVICE_DOWN]).collect();
    if let Some(first) = down.first() {
        let told = complaints.values().flatten().copied();
        let candidate =
            Candidate::new(confidence::DNS_FAILING, first.object.clone(), first.statement.as_str());
        let candidate = candidate.times(if complaints.is_empty() { 1.0 } else { 1.12 });
        return vec![candidate.because(down.clone()).because(told).explaining(complaints.keys().cloned())];
    }
    let own = |workload: &ObjectRef| facts.about(workload, &[codes::DNS_MISPLACED]);
    let (misplaced, others): (Vec<_>, Vec<_>) =
        complaints.iter().partition(|(workload, _)| !own(workload).is_empty());
    let suffering = others.iter().filter(|(workload, told)| counts(facts, workload, told)).count();
    let mut found: Vec<_> =
        misplaced.into_iter().map(|(workload, told)| of_one(workload, told, &own(workload))).collect();
    if others.len() > 1 && suffering > 0 {
        found.push(of_cluster(facts, &others));
    } else if suffering > 0 {
        found.extend(others.into_iter().map(|(workload, told)| of_one(workload, told, &[])));
    }
    found.extend(silent(facts, &complaints));
    found
}

/// Complaints, by workload, about names that Services have.
fn complaints<'a>(facts: &Facts<'a>) -> BTreeMap<ObjectRef, Vec<&'a Evidence>> {
    let mut found: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::LOG_DNS]).filter(|piece| is_about_a_service(facts, piece)) {
        found.entry(facts.index.workload_of(&piece.object)).or_default().push(piece);
    }
    found
}

/// Whether a complaint is about the name of a Service that exists: then the name is right.
pub(super) fn is_about_a_service(facts: &Facts<'_>, piece: &Evidence) -> bool {
    dependency::named(piece).is_some_and(|named| facts.index.service(&named).is_some())
}

fn counts(facts: &Facts<'_>, workload: &ObjectRef, told: &[&Evidence]) -> bool {
    let insists = told.iter().any(|piece| database::insists(piece));
    facts.in_trouble(workload) || facts.is_asked_about(workload) || insists
}

fn of_one(workload: &ObjectRef, told: &[&Evidence], own: &[&Evidence]) -> Candidate {
    let why = own.first().map(|piece| format!(" {}.", piece.statement)).unwrap_or_default();
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!("{workload} alone cannot resolve names of the cluster.{why} {said}");
    let sure = if own.is_empty() { 1.0 } else { 1.12 };
    let candidate = Candidate::new(confidence::DNS_FAILING, workload.clone(), statement).times(sure);
    candidate.because(told.iter().copied()).because(own.iter().copied())
}

/// The cluster's DNS: the workload behind its Service where that is known.
fn of_cluster(facts: &Facts<'_>, told: &[(&ObjectRef, &Vec<&Evidence>)]) -> Candidate {
    let services = DNS_SERVICES.iter().map(|name| ObjectRef::new("Service", SYSTEM, *name));
    let service = services.into_iter().find(|service| facts.index.service(service).is_some());
    let service = service.unwrap_or_else(|| ObjectRef::new("Service", SYSTEM, DNS_SERVICES[0]));
    let object = facts.index.behind(&service).into_iter().next().unwrap_or(service);
    let workloads: BTreeSet<_> = told.iter().map(|(workload, _)| (*workload).clone()).collect();
    let statement = format!(
        "{} programs cannot resolve names that exist: {object} does not answer them.",
        workloads.len()
    );
    let candidate = Candidate::new(confidence::DNS_FAILING, object, statement);
    candidate.because(told.iter().flat_map(|(_, told)| told.iter().copied())).explaining(workloads)
}

/// A program in trouble whose DNS settings do not know the cluster, and that says nothing.
fn silent(facts: &Facts<'_>, complaints: &BTreeMap<ObjectRef, Vec<&Evidence>>) -> Vec<Candidate> {
    let misplaced = facts.by_workload(&[codes::DNS_MISPLACED]).into_iter();
    let silent = misplaced.filter(|(workload, _)| {
        let speaks = facts.index.snapshot.logs.iter().any(|log| {
            let pod = ObjectRef::new("Pod", log.namespace.as_str(), log.pod.as_str());
            facts.index.workload_of(&pod) == *workload
        });
        facts.in_trouble(workload) && !speaks && !complaints.contains_key(workload)
    });
    silent.map(|(workload, own)| of_one(&workload, &[], &own).times(0.8)).collect()
}
