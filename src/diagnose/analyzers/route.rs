//! From a Service to the ports of its pods, and whether connections to it succeed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ContainerPort, PodSpec, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;
use crate::observe::ConnectivityResult;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let services = index.snapshot.objects.services.iter();
    services
        .flat_map(|service| ports(index, service))
        .chain(unreachable(index))
        .chain(cut_off(index))
        .collect()
}

/// Nodes from which several Services cannot be reached that can be reached from others.
fn cut_off(index: &Index<'_>) -> Vec<Finding> {
    let mut failed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    let partial = index.snapshot.recorded.connectivity.iter();
    for check in partial.filter(|check| check.result == ConnectivityResult::Partial) {
        for attempt in &check.checks {
            match (attempt.node.as_deref(), attempt.ok) {
                (Some(node), Some(false)) => _ = failed.entry(node).or_default().insert(&check.service),
                (Some(node), Some(true)) => *reached.entry(node).or_default() += 1,
                _ => {}
            }
        }
    }
    let cut = failed.into_iter().filter(|(node, services)| services.len() > 1 && !reached.contains_key(node));
    let finding = |(node, services): (&str, BTreeSet<&str>)| {
        let object = ObjectRef::cluster_wide("Node", node);
        let names = services.into_iter().take(5).collect::<Vec<_>>().join(", ");
        let statement =
            format!("From {object} connections to {names} fail, and from other nodes they succeed");
        Finding::new(codes::NODE_CUT_OFF, object, statement).field("node", node).field("services", names)
    };
    cut.map(finding).collect()
}

fn unreachable<'a>(index: &'a Index<'_>) -> impl Iterator<Item = Finding> + 'a {
    let checks = index.snapshot.recorded.connectivity.iter();
    checks.filter(|check| check.result == ConnectivityResult::Failed).map(|check| {
        let service = ObjectRef::new("Service", check.namespace.as_str(), check.service.as_str());
        let port = check.port.map(|port| format!(" on port {port}")).unwrap_or_default();
        let said = check.checks.iter().find_map(|attempt| attempt.text.as_deref());
        let statement = format!("Connections to {service}{port} fail");
        Finding::new(codes::SERVICE_UNREACHABLE, service, statement)
            .field_if("port", check.port)
            .field("said", said.unwrap_or_default())
    })
}

fn ports(index: &Index<'_>, service: &Service) -> Vec<Finding> {
    let name = object_ref(service);
    let behind = index.behind(&name);
    let specs: Vec<&PodSpec> = behind.iter().filter_map(|workload| index.spec_of(workload)).collect();
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter_map(|port| check(&name, port, &specs)).collect()
}

/// Compares one port of a Service with what the containers of its pods declare. Declaring is voluntary: pods that declare
/// nothing say nothing, and a number that is not declared may still be served.
fn check(service: &ObjectRef, port: &ServicePort, specs: &[&PodSpec]) -> Option<Finding> {
    let declared: Vec<&ContainerPort> = specs.iter().flat_map(|spec| declared(spec)).collect();
    if declared.is_empty() {
        return None;
    }
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let speaks = |found: &ContainerPort| found.protocol.as_deref().unwrap_or("TCP") == protocol;
    let same = |found: &&&ContainerPort| match &port.target_port {
        Some(IntOrString::String(name)) => found.name.as_deref() == Some(name.as_str()),
        Some(IntOrString::Int(number)) => found.container_port == *number,
        None => found.container_port == port.port,
    };
    let served: Vec<_> = declared.iter().filter(same).collect();
    let target = match &port.target_port {
        Some(IntOrString::String(name)) => name.clone(),
        Some(IntOrString::Int(number)) => number.to_string(),
        None => port.port.to_string(),
    };
    let shown: Vec<_> = declared.iter().map(|found| shown(found)).collect();
    let shown = shown.join(", ");
    let (code, statement) = if served.is_empty() {
        let named = matches!(port.target_port, Some(IntOrString::String(_)));
        let code = if named { codes::TARGET_PORT_UNKNOWN } else { codes::TARGET_PORT_UNSERVED };
        (code, format!("Port {} of {service} leads to {target}; its pods declare {shown}", port.port))
    } else if served.iter().any(|found| speaks(found)) {
        return None;
    } else {
        let statement =
            format!("Port {} of {service} forwards {protocol}; its pods declare {shown}", port.port);
        (codes::SERVICE_PROTOCOL, statement)
    };
    let finding = Finding::new(code, service.clone(), statement);
    Some(
        finding
            .field("spec.ports.port", port.port)
            .field("spec.ports.targetPort", target)
            .field("spec.ports.protocol", protocol),
    )
}

fn declared(spec: &PodSpec) -> impl Iterator<Item = &ContainerPort> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten())
}

fn shown(port: &ContainerPort) -> String {
    let name = port.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}/{}{name}", port.container_port, port.protocol.as_deref().unwrap_or("TCP"))
}
