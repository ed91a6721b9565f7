//! Names that do not resolve: because the cluster's DNS is down, or because one program does not ask it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PodSpec;

use super::candidate::Candidate;
use super::{database, dependency};
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::{ConfigKind, DNS_SERVICES, SYSTEM, config_references};
use crate::incident::{Evidence, EvidenceId, ObjectRef};
use crate::observe::ChangeKind;

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
    let kept = |workload: &ObjectRef| has_egress_policy(facts, &workload.namespace);
    if !others.is_empty() && others.iter().all(|(workload, _)| kept(workload)) {
        // A policy may keep them from asking; that is for the rule about policies to say.
        return found;
    }
    let server = dns_service(facts);
    let misled = !misled(facts, &server).is_empty();
    if suffering > 0 && (others.len() > 1 || misled) {
        found.push(of_cluster(facts, &others));
    } else if suffering > 0 {
        found.extend(others.into_iter().map(|(workload, told)| of_one(workload, told, &[])));
    }
    found.extend(silent(facts, &complaints));
    found
}

/// The cluster's DNS servers, scaled to nothing while programs cannot resolve names.
pub(super) fn switched_off(facts: &Facts<'_>) -> Vec<Candidate> {
    let is_dns = |piece: &&Evidence| {
        piece.object.namespace == SYSTEM
            && piece.fields.get("service").is_some_and(|service| DNS_SERVICES.contains(&service.as_str()))
    };
    let complaints: Vec<_> = facts.with(&[codes::LOG_DNS]).collect();
    let Some(off) = facts.with(&[codes::SCALED_TO_ZERO]).find(is_dns).filter(|_| !complaints.is_empty())
    else {
        return Vec::new();
    };
    let callers = facts.workloads_of(&complaints);
    let statement = format!(
        "{} serves the cluster's names and wants 0 replicas, and programs cannot resolve names.",
        off.object
    );
    let candidate = Candidate::new(confidence::SCALED_TO_ZERO, off.object.clone(), statement).times(1.1);
    vec![candidate.because([off]).because(complaints).explaining(callers)]
}

/// The cluster's DNS servers ask others for names outside, and these do not answer: about the ConfigMap that tells them whom
/// to ask, where they have one.
pub(super) fn not_forwarded(facts: &Facts<'_>) -> Vec<Candidate> {
    let of_servers = [codes::LOG_TIMEOUT, codes::LOG_REFUSED, codes::LOG_UNREACHABLE];
    let servers: BTreeSet<_> = DNS_SERVICES
        .iter()
        .flat_map(|name| facts.index.behind(&ObjectRef::new("Service", SYSTEM, *name)))
        .collect();
    let unanswered = facts.with(&of_servers).filter(|piece| {
        let upstream = piece.fields.get("dependency_port").is_some_and(|port| port == "53");
        upstream
            && !piece.fields.contains_key("dependency_kind")
            && database::said_lately(piece, MANY, LATELY)
    });
    let unanswered: Vec<_> =
        unanswered.filter(|piece| servers.contains(&facts.index.workload_of(&piece.object))).collect();
    let outside =
        |piece: &&Evidence| dependency::named(piece).is_some_and(|named| named.kind == "ExternalHost");
    let complaints: Vec<_> =
        facts.with(&[codes::LOG_DNS]).filter(outside).filter(|piece| database::insists(piece)).collect();
    let (Some(first), false) = (unanswered.first(), complaints.is_empty()) else { return Vec::new() };
    let server = facts.index.workload_of(&first.object);
    let references = facts.index.spec_of(&server).map(config_references).unwrap_or_default();
    let mut maps =
        references.into_iter().filter(|found| found.kind == ConfigKind::ConfigMap && found.mounted);
    let object = maps.next().map_or_else(|| server.clone(), |found| found.object(&server.namespace));
    let statement = format!(
        "{server} asks another server for names outside, and it does not answer: {}",
        first.statement
    );
    let callers = facts.workloads_of(&complaints);
    let candidate = Candidate::new(confidence::DNS_FAILING, object, statement).times(0.95);
    vec![candidate.because(unanswered).because(complaints).explaining(callers).explaining([server])]
}

/// So many questions without an answer, nearly to the end of the log, are more than a hiccup.
const MANY: u64 = 10;
const LATELY: usize = 30;

/// How a Service may lead to a port that nobody serves.
const MISLED: [codes::Code; 3] =
    [codes::TARGET_PORT_UNSERVED, codes::TARGET_PORT_UNKNOWN, codes::SERVICE_PROTOCOL];

/// Whether any policy of the namespace restricts what its pods may call.
fn has_egress_policy(facts: &Facts<'_>, namespace: &str) -> bool {
    let mut policies = facts.index.snapshot.objects.network_policies.iter();
    policies.any(|policy| {
        let types = policy.spec.as_ref().and_then(|spec| spec.policy_types.as_ref());
        let egress = types.is_some_and(|types| types.iter().any(|kind| kind == "Egress"));
        policy.metadata.namespace.as_deref() == Some(namespace) && egress
    })
}

/// The name outside that a Service stands for.
fn stands_for<'a>(facts: &Facts<'a>, service: &ObjectRef) -> Option<&'a str> {
    let spec = facts.index.service(service)?.spec.as_ref()?;
    spec.external_name.as_deref().filter(|_| spec.type_.as_deref() == Some("ExternalName"))
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
    let here = |named: &ObjectRef| {
        facts.index.service(named).is_some()
            && stands_for(facts, named).is_none()
            && !has_no_addresses(facts, named)
    };
    dependency::named(piece).is_some_and(|named| here(&named))
}

/// A headless Service without a ready pod has no addresses, so its name does not resolve: the pods are at fault.
fn has_no_addresses(facts: &Facts<'_>, service: &ObjectRef) -> bool {
    let spec = facts.index.service(service).and_then(|service| service.spec.as_ref());
    let headless = spec.is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None"));
    headless && (facts.index.ready_endpoints(service) == Some(0) || dependency::is_broken(facts, service))
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

/// The Service that programs ask for names.
fn dns_service(facts: &Facts<'_>) -> ObjectRef {
    let mut services = DNS_SERVICES.iter().map(|name| ObjectRef::new("Service", SYSTEM, *name));
    let known = services.find(|service| facts.index.service(service).is_some());
    known.unwrap_or_else(|| ObjectRef::new("Service", SYSTEM, DNS_SERVICES[0]))
}

/// The cluster's DNS: its Service where that leads to the wrong port, what its servers read where that was written shortly before,
/// the agent of the nodes where it is that which was asked, else the workload behind its Service where that is known.
fn of_cluster(facts: &Facts<'_>, told: &[(&ObjectRef, &Vec<&Evidence>)]) -> Candidate {
    let service = dns_service(facts);
    let workloads: BTreeSet<_> = told.iter().map(|(workload, _)| (*workload).clone()).collect();
    let misled = misled(facts, &service);
    let server = facts.index.behind(&service).into_iter().next().unwrap_or_else(|| service.clone());
    let candidate = if let Some(first) = misled.first() {
        let statement =
            format!("{} programs cannot resolve names that exist: {}.", workloads.len(), first.statement);
        let candidate = Candidate::new(confidence::DNS_FAILING, service, statement).times(1.1);
        candidate.explaining([server])
    } else if let Some((agent, address)) = of_node(facts, told) {
        let statement = format!(
            "{} programs cannot resolve names that exist: nothing answers at {address}, where {agent} should.",
            workloads.len()
        );
        Candidate::new(confidence::DNS_FAILING, agent, statement).explaining([server])
    } else if let Some((map, shown)) = rewritten(facts, &server, &workloads) {
        let statement = format!(
            "{} programs cannot resolve names that exist since {map}, by which {server} answers, was written.",
            workloads.len()
        );
        let candidate = Candidate::new(confidence::DNS_FAILING, map, statement).times(1.05);
        candidate.because_of(shown).explaining([server])
    } else {
        let statement = format!(
            "{} programs cannot resolve names that exist: {server} does not answer them.",
            workloads.len()
        );
        Candidate::new(confidence::DNS_FAILING, server, statement)
    };
    let candidate = candidate.because(misled);
    candidate.because(told.iter().flat_map(|(_, told)| told.iter().copied())).explaining(workloads)
}

/// The agent that should answer at an address which every node has for itself (NodeLocal DNSCache), where that was asked, nobody
/// answered, and the agent was told other addresses by `-localip` or is in trouble; with the address.
fn of_node(facts: &Facts<'_>, told: &[(&ObjectRef, &Vec<&Evidence>)]) -> Option<(ObjectRef, String)> {
    let said = told.iter().flat_map(|(_, told)| told.iter()).map(|piece| piece.statement.as_str());
    let unanswered = |said: &&str| said.contains("i/o timeout") || said.contains("connection refused");
    let address = said.filter(unanswered).filter_map(|said| {
        let (_, rest) = said.split_once("on 169.254.")?;
        let (rest, _) = rest.split_once(":53")?;
        Some(format!("169.254.{rest}")).filter(|address| address.parse::<std::net::Ipv4Addr>().is_ok())
    });
    let address = address.into_iter().next()?;
    let mut agents = facts.index.templates().filter(|(workload, _)| workload.kind == "DaemonSet");
    let agent = agents.find_map(|(workload, template)| {
        let told = arguments(template.spec?);
        let (_, addresses) = told.split_once("-localip")?;
        let other = !addresses.split([' ', '=', ',']).any(|own| own == address);
        (other || facts.in_trouble(workload)).then(|| workload.clone())
    });
    Some((agent?, address))
}

/// The command lines of all containers.
fn arguments(spec: &PodSpec) -> String {
    let arguments =
        spec.containers.iter().flat_map(|own| own.command.iter().flatten().chain(own.args.iter().flatten()));
    arguments.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The ConfigMap that the servers read, where it was written shortly before and they are well.
fn rewritten(
    facts: &Facts<'_>,
    server: &ObjectRef,
    workloads: &BTreeSet<ObjectRef>,
) -> Option<(ObjectRef, Option<EvidenceId>)> {
    let read = facts.index.spec_of(server).map(config_references).unwrap_or_default();
    let maps = read.iter().filter(|found| found.kind == ConfigKind::ConfigMap);
    let mut written = maps.filter_map(|found| {
        let map = found.object(&server.namespace);
        let (_, shown) = facts.recent_change_of(&map, ChangeKind::Configuration, workloads)?;
        Some((map, shown))
    });
    written.next().filter(|_| !facts.in_trouble(server))
}

/// What shows that the cluster's DNS Service leads questions to where its servers do not listen.
fn misled<'a>(facts: &Facts<'a>, service: &ObjectRef) -> Vec<&'a Evidence> {
    let mut found = facts.about(service, &MISLED);
    found.retain(|piece| piece.fields.get("spec.ports.port").is_some_and(|port| port == "53"));
    found
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
