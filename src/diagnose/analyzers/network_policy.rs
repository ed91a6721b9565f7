//! NetworkPolicies that keep a call from getting through which somebody complains about. Policies that nobody complains of
//! do what they are there for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::network::{Block, Call, Direction, End, Port, blocked, names_blocked};
use crate::incident::ObjectRef;

/// Complaints that fit packets which are dropped: nobody answers, and no name is resolved.
const SILENCE: [codes::Code; 4] =
    [codes::LOG_TIMEOUT, codes::LOG_UNREACHABLE, codes::LOG_DNS, codes::LOG_UNAVAILABLE];

/// A policy that was written less than so long ago may be what has changed.
const YOUNG: SignedDuration = SignedDuration::from_hours(2);

/// Looks at the complaints among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    if index.snapshot.objects.network_policies.is_empty() {
        return Vec::new();
    }
    let mut denied: BTreeMap<(ObjectRef, ObjectRef, String), Finding> = BTreeMap::new();
    for complaint in found {
        let finding = if complaint.code == codes::SERVICE_UNREACHABLE {
            unreachable(index, complaint)
        } else if SILENCE.contains(&complaint.code) {
            complained(index, complaint)
        } else {
            None
        };
        if let Some(finding) = finding {
            let caller = finding.fields.get("workload").cloned().unwrap_or_default();
            let called = finding.fields.get("dependency_name").cloned().unwrap_or_default();
            let key = (finding.object.clone(), ObjectRef::cluster_wide("", called), caller);
            denied.entry(key).or_insert(finding);
        }
    }
    denied.into_values().collect()
}

/// The policy between a caller that waits in vain and whom it names.
fn complained(index: &Index<'_>, complaint: &Finding) -> Option<Finding> {
    let workload = index.workload_of(&complaint.object);
    let caller = index.pod(&complaint.object).or_else(|| first_pod(index, &workload))?;
    if is_about_names(complaint) {
        let block = names_blocked(index, caller)?;
        let statement = format!(
            "{} lets {workload} send nothing to the cluster's DNS servers, and it cannot resolve names",
            block.policy
        );
        return Some(with(
            Finding::new(codes::POLICY_DENIES, block.policy.clone(), statement),
            &block,
            complaint,
            &workload,
        ));
    }
    if !is_silence(complaint) {
        return None;
    }
    let Some(dependency) = complaint.dependency() else {
        let outside = outside(index, complaint, caller, &workload);
        return outside.or_else(|| unnamed(index, complaint, caller, &workload));
    };
    let (to, port) = called(index, complaint, &dependency)?;
    let block = blocked(index, &Call { from: End::Pod(caller), to, port })?;
    let way = if block.direction == Direction::Egress { "out of its pods" } else { "in" };
    let statement = format!(
        "{} does not let {workload} {way} to {dependency}, and its connections time out",
        block.policy
    );
    Some(with(
        Finding::new(codes::POLICY_DENIES, block.policy.clone(), statement),
        &block,
        complaint,
        &workload,
    ))
}

/// A time-out about an address that neither a pod nor a Service has: something outside the cluster.
fn outside(index: &Index<'_>, complaint: &Finding, caller: &Pod, workload: &ObjectRef) -> Option<Finding> {
    let host = complaint.fields.get("dependency")?;
    let address: IpAddr = host.parse().ok().filter(|address: &IpAddr| !address.is_loopback())?;
    let number = complaint.fields.get("dependency_port").and_then(|port| port.parse::<i32>().ok());
    let number = number.or_else(|| port_of_scheme(&complaint.statement, host));
    let port = number.map(|number| Port { number, protocol: "TCP" });
    let call = Call { from: End::Pod(caller), to: End::Outside(Some(address)), port };
    let block = blocked(index, &call)?;
    let statement =
        format!("{} does not let {workload} out to {host}, and its connections time out", block.policy);
    let finding = Finding::new(codes::POLICY_DENIES, block.policy.clone(), statement);
    Some(with(finding, &block, complaint, workload).field("address", host))
}

/// A time-out about something that the line does not name: the one policy that was written lately and keeps this caller from
/// anything at all.
fn unnamed(index: &Index<'_>, complaint: &Finding, caller: &Pod, workload: &ObjectRef) -> Option<Finding> {
    let now = index.snapshot.taken_at;
    let is_young = |policy: &&NetworkPolicy| {
        let written = policy.metadata.creation_timestamp.as_ref();
        written.is_some_and(|written| now.duration_since(written.0) < YOUNG)
    };
    let policies = index.snapshot.objects.network_policies.iter().filter(is_young);
    let new: BTreeSet<_> = policies.map(object_ref).collect();
    if new.is_empty() {
        return None;
    }
    let near = |service: &ObjectRef| {
        let mut namespaces = new.iter().map(|policy| &policy.namespace);
        namespaces.any(|namespace| *namespace == service.namespace || *namespace == workload.namespace)
    };
    let services = index.snapshot.objects.services.iter().map(object_ref).filter(near);
    let blocks = services.filter_map(|service| {
        let behind = index.behind(&service);
        let pod = behind.iter().find_map(|called| first_pod(index, called))?;
        blocked(index, &Call { from: End::Pod(caller), to: End::Pod(pod), port: None })
    });
    let blocks = blocks.filter(|block| new.contains(&block.policy));
    let young: BTreeMap<ObjectRef, Block> = blocks.map(|block| (block.policy.clone(), block)).collect();
    let mut young = young.into_iter();
    let (policy, block) = young.next().filter(|_| young.next().is_none())?;
    let statement =
        format!("{policy} is new and keeps {workload} from what it selects, and connections time out");
    let finding = Finding::new(codes::POLICY_DENIES, policy, statement).strength(0.65);
    Some(with(finding, &block, complaint, workload))
}

/// Whether the complaint is that nobody answers. What is merely called unavailable may have answered.
fn is_silence(complaint: &Finding) -> bool {
    let said = complaint.statement.to_ascii_lowercase();
    let waited = ["timed out", "timeout", "etimedout", "deadline exceeded"];
    complaint.code != codes::LOG_DNS
        && (complaint.code != codes::LOG_UNAVAILABLE || waited.iter().any(|words| said.contains(words)))
}

/// The first of a workload's pods by name.
fn first_pod<'a>(index: &Index<'a>, workload: &ObjectRef) -> Option<&'a Pod> {
    index.pods_of(workload).iter().copied().min_by_key(|pod| object_ref(*pod))
}

/// A complaint about names as such, not about a name that does not exist: a lookup that is not answered.
fn is_about_names(complaint: &Finding) -> bool {
    let said = complaint.statement.to_ascii_lowercase();
    let asks = [
        "lookup ",
        "getaddrinfo",
        "resol",
        "eai_again",
        ":53",
        "unknownhost",
        "no such host",
        "enotfound",
        "name or service",
    ];
    complaint.code == codes::LOG_DNS || (asks.iter().any(|word| said.contains(word)) && said.contains("53"))
}

/// Who is called and on which port of its own.
fn called<'a>(
    index: &Index<'a>,
    complaint: &Finding,
    dependency: &ObjectRef,
) -> Option<(End<'a>, Option<Port>)> {
    let named = complaint.fields.get("dependency_port").and_then(|port| port.parse::<i32>().ok());
    if dependency.kind == "ExternalHost" {
        let (address, beside) = match dependency.name.parse::<IpAddr>().ok() {
            Some(address) => (Some(address), None),
            None => address_in(index, &complaint.statement).unzip(),
        };
        let number = named.or(beside).or_else(|| port_of_scheme(&complaint.statement, &dependency.name));
        return Some((End::Outside(address), number.map(|number| Port { number, protocol: "TCP" })));
    }
    let behind = index.behind(dependency);
    let workloads = behind.iter().chain([dependency]);
    let pod = workloads.into_iter().find_map(|workload| first_pod(index, workload))?;
    let port = match index.service(dependency) {
        Some(service) => port_of(service, named, pod),
        None => named.map(|number| Port { number, protocol: "TCP" }),
    };
    Some((End::Pod(pod), port))
}

/// The one address with a port in a line, of neither a pod nor a Service: what a name outside the cluster resolved to.
fn address_in(index: &Index<'_>, line: &str) -> Option<(IpAddr, i32)> {
    let words =
        line.split(|letter: char| !(letter.is_ascii_hexdigit() || [':', '.', '[', ']'].contains(&letter)));
    let read =
        words.filter_map(|word| word.trim_end_matches(['.', ':']).parse::<std::net::SocketAddr>().ok());
    let outside = read.filter(|found| {
        let host = found.ip().to_string();
        index.pod_at(&host).is_none() && index.service_named(&host, "").is_none()
    });
    let all: BTreeSet<_> = outside.map(|found| (found.ip(), i32::from(found.port()))).collect();
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
}

/// The port that a URL without one means.
fn port_of_scheme(said: &str, host: &str) -> Option<i32> {
    let schemes = [("https://", 443), ("http://", 80)];
    schemes.into_iter().find(|(scheme, _)| said.contains(&format!("{scheme}{host}"))).map(|(_, port)| port)
}

/// The pod's port behind a port of its Service; of a Service with one port that one.
fn port_of(service: &Service, named: Option<i32>, pod: &Pod) -> Option<Port> {
    let ports = service.spec.as_ref()?.ports.as_deref().unwrap_or_default();
    let port = match (named, ports) {
        (Some(number), _) => ports.iter().find(|port| port.port == number)?,
        (None, [only]) => only,
        (None, _) => return None,
    };
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut declared = containers.flat_map(|container| container.ports.iter().flatten());
            declared.find(|found| found.name.as_deref() == Some(name.as_str()))?.container_port
        }
    };
    let protocol = match port.protocol.as_deref() {
        Some("UDP") => "UDP",
        Some("SCTP") => "SCTP",
        _ => "TCP",
    };
    Some(Port { number, protocol })
}

/// Connections that fail from wherever they were tried: only a policy that lets nobody in explains that.
fn unreachable(index: &Index<'_>, complaint: &Finding) -> Option<Finding> {
    let service = &complaint.object;
    let behind = index.behind(service);
    let pod = behind.iter().find_map(|workload| first_pod(index, workload))?;
    let port = complaint.fields.get("port").and_then(|port| port.parse::<i32>().ok());
    let port = index.service(service).and_then(|service| port_of(service, port, pod));
    let block = blocked(index, &Call { from: End::Unknown, to: End::Pod(pod), port })?;
    let workload = index.workload(pod);
    let statement =
        format!("{} lets nobody in to {workload}, and connections to {service} fail", block.policy);
    let finding = Finding::new(codes::POLICY_DENIES, block.policy.clone(), statement).strength(0.7);
    Some(
        with(finding, &block, complaint, &workload)
            .field("dependency_kind", &service.kind)
            .field("dependency_namespace", &service.namespace)
            .field("dependency_name", &service.name),
    )
}

fn with(finding: Finding, block: &Block, complaint: &Finding, workload: &ObjectRef) -> Finding {
    let direction = if block.direction == Direction::Egress { "egress" } else { "ingress" };
    let copied = [
        "dependency_kind",
        "dependency_namespace",
        "dependency_name",
        "dependency_port",
        "lines",
        "since_onset",
    ];
    let finding = finding
        .at(complaint.at)
        .field("direction", direction)
        .field("policies_that_isolate", block.isolating)
        .hinders(workload)
        .field("complaint", complaint.code.name);
    copied.into_iter().fold(finding, |finding, name| finding.field_if(name, complaint.fields.get(name)))
}
