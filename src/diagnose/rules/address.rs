//! Complaints that show that their writer was told a wrong address: a name that no Service has, a port that the Service does
//! not have, or a refusal of what works for everybody else.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::{dependency, settings};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// What is said of an address at which nothing answers.
const NOBODY: [Code; 4] =
    [codes::LOG_REFUSED, codes::LOG_TIMEOUT, codes::LOG_UNREACHABLE, codes::LOG_UNAVAILABLE];

/// What shows that the Service is at fault.
const SERVICE_AT_FAULT: [Code; 5] = [
    codes::TARGET_PORT_UNSERVED,
    codes::TARGET_PORT_UNKNOWN,
    codes::SERVICE_PROTOCOL,
    codes::SERVICE_UNREACHABLE,
    codes::SELECTOR_MATCHES_NOTHING,
];

/// How a complaint shows that the address is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Name,
    Port,
    /// Nothing listens there, though the dependency works.
    Somehow,
}

/// `dependency.wrong_address`, or `gateway.misrouted` where the writer passes requests on: about whoever holds the address.
pub(super) fn wrongly_told(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut told: BTreeMap<(ObjectRef, ObjectRef), Vec<(&Evidence, Wrong)>> = BTreeMap::new();
    for piece in facts.with(&[codes::LOG_DNS]).chain(facts.with(&NOBODY)) {
        let caller = facts.index.workload_of(&piece.object);
        if let (Some(service), Some(wrong)) = (dependency::named(piece), wrong(facts, &caller, piece)) {
            told.entry((caller, service)).or_default().push((piece, wrong));
        }
    }
    let alike = |service: &ObjectRef| told.keys().filter(|(_, other)| other == service).count();
    let nameless = facts.with(&[codes::HEADLESS_SERVICE_MISSING]).filter_map(|piece| nameless(facts, piece));
    let nameless: Vec<_> = nameless.collect();
    let single = told
        .iter()
        .filter(|((_, service), _)| !nameless.iter().any(|candidate| candidate.object == *service));
    let single = single.filter(|((_, service), _)| alike(service) == 1);
    let single = single.filter_map(|((caller, service), told)| candidate(facts, caller, service, told));
    single.chain(nameless.iter().cloned()).collect()
}

/// The Service that a StatefulSet names and that does not exist, where a log complains of its names.
fn nameless(facts: &Facts<'_>, piece: &Evidence) -> Option<Candidate> {
    let complaints =
        facts.with(&[codes::LOG_DNS]).filter(|said| dependency::named(said).as_ref() == Some(&piece.object));
    let complaints: Vec<_> = complaints.collect();
    let callers: Vec<_> = complaints.iter().map(|said| facts.index.workload_of(&said.object)).collect();
    let candidate = Candidate::new(confidence::WRONG_ADDRESS, piece.object.clone(), piece.statement.as_str());
    (!complaints.is_empty()).then(|| candidate.because([piece]).because(complaints).explaining(callers))
}

fn wrong(facts: &Facts<'_>, caller: &ObjectRef, piece: &Evidence) -> Option<Wrong> {
    let service = dependency::named(piece).filter(|named| named.kind == "Service")?;
    let Some(found) = facts.index.service(&service) else {
        let of_that_name =
            |workload: &ObjectRef| workload.name == service.name && workload.namespace == service.namespace;
        let exists = facts.index.templates().any(|(workload, _)| of_that_name(workload));
        return (piece.code == codes::LOG_DNS.name && !exists).then_some(Wrong::Name);
    };
    let spec = found.spec.as_ref()?;
    if piece.code == codes::LOG_DNS.name || spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    // What everybody is known to call is not the caller's invention.
    let called = facts.with(&[codes::SERVICE_UNREACHABLE]).filter(|failed| failed.object == service);
    if called.into_iter().any(|failed| failed.fields.get("port") == piece.fields.get("dependency_port")) {
        return None;
    }
    let ports: Vec<i32> = spec.ports.iter().flatten().map(|port| port.port).collect();
    let port = piece.fields.get("dependency_port").and_then(|port| port.parse::<i32>().ok());
    let by_address = piece.fields.get("dependency").is_some_and(|host| facts.index.pod_at(host).is_some());
    let headless = spec.cluster_ip.as_deref() == Some("None");
    match port.filter(|_| !by_address) {
        Some(port) if !headless && !ports.is_empty() && !ports.contains(&port) => Some(Wrong::Port),
        Some(port) if headless && facts.index.declares(&service, port) == Some(false) => Some(Wrong::Port),
        Some(_) => None,
        None => refused_alone(facts, caller, &service, piece).then_some(Wrong::Somehow),
    }
}

/// A refusal that names no port, by what is ready and refuses nobody else.
fn refused_alone(facts: &Facts<'_>, caller: &ObjectRef, service: &ObjectRef, piece: &Evidence) -> bool {
    let refused = [codes::LOG_REFUSED.name, codes::LOG_UNAVAILABLE.name].contains(&piece.code.as_str());
    let ready = facts.index.ready_endpoints(service).is_some_and(|ready| ready > 0);
    let server = facts.index.behind(service).iter().any(|behind| facts.index.is_database(behind));
    refused
        && ready
        && server
        && facts.in_trouble(caller)
        && !dependency::is_broken(facts, service)
        && facts.about(service, &SERVICE_AT_FAULT).is_empty()
}

fn candidate(
    facts: &Facts<'_>,
    caller: &ObjectRef,
    service: &ObjectRef,
    told: &[(&Evidence, Wrong)],
) -> Option<Candidate> {
    let (first, wrong) = told.iter().min_by_key(|(_, wrong)| *wrong)?;
    let suffers = facts.in_trouble(caller) || facts.is_asked_about(caller);
    if !suffers && !told.iter().any(|(piece, _)| super::database::insists(piece)) {
        return None;
    }
    if refused_by_quota(facts, service) {
        return None;
    }
    let database = facts.index.behind(service).iter().any(|behind| facts.index.is_database(behind));
    let gateway = facts.index.is_gateway(caller);
    let field = |name: &str| first.fields.get(name).map(String::as_str);
    let holder = settings::holder_of_address(facts, caller, field("dependency"), field("dependency_port"));
    let what = match (wrong, database) {
        (Wrong::Name, _) => format!("is told a name that no Service has ({})", service.name),
        (Wrong::Port, true) => format!("is told a wrong port of its database {service}"),
        (Wrong::Port, false) => format!("is told a port that {service} does not have"),
        (Wrong::Somehow, _) => {
            format!("is told a wrong address or port of its database {service}, which works")
        }
    };
    let statement = format!("{caller} {what}{}: {}", holder.describe(), first.statement);
    let sure = match (wrong, suffers) {
        (Wrong::Somehow, _) => 0.75,
        (_, true) => 1.03,
        (_, false) => 0.9,
    };
    let cause = cause(gateway);
    let evidence: BTreeSet<_> = told.iter().map(|(piece, _)| piece.id).collect();
    let evidence = facts.evidence.iter().filter(|piece| evidence.contains(&piece.id));
    Some(
        Candidate::new(cause, holder.object, statement)
            .times(sure)
            .because(evidence)
            .explaining([caller.clone()]),
    )
}

/// The cause where a program, or one that passes requests on, is told a wrong address.
pub(super) fn cause(gateway: bool) -> Cause {
    if gateway { confidence::GATEWAY_MISROUTED } else { confidence::WRONG_ADDRESS }
}

/// Where a quota keeps the Service from existing, the quota is at fault.
pub(super) fn refused_by_quota(facts: &Facts<'_>, service: &ObjectRef) -> bool {
    let mut refused = facts.with(&[codes::QUOTA_LEAVES_NO_ROOM]);
    refused.any(|piece| piece.fields.get("absent") == Some(&service.to_string()))
}

/// Whether a complaint shows that its writer was told a wrong address, so that the dependency is not at fault.
pub(super) fn explains(facts: &Facts<'_>, piece: &Evidence) -> bool {
    let caller = facts.index.workload_of(&piece.object);
    let only = || {
        let Some(service) = dependency::named(piece) else { return false };
        let callers = facts.graph.sources(&service, EdgeKind::FailsToCall);
        callers.len() == 1
    };
    wrong(facts, &caller, piece).is_some() && only()
}
