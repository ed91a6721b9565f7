//! Addresses in the environment of programs: Services that do not exist, ports that a Service does not have.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvVar, PodSpec};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 2;

/// A host and a port that a variable names.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    host: &'a str,
    port: Option<u16>,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.specs().iter().flat_map(|(workload, spec)| of_workload(index, workload, spec)).collect()
}

fn of_workload(index: &Index<'_>, workload: &ObjectRef, spec: &PodSpec) -> Vec<Finding> {
    let aliases: BTreeSet<&str> = spec
        .host_aliases
        .iter()
        .flatten()
        .flat_map(|alias| alias.hostnames.iter().flatten())
        .map(String::as_str)
        .collect();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let variables = containers.flat_map(|container| container.env.iter().flatten());
    let mut found = Vec::new();
    for variable in variables {
        let Some(address) = address(variable) else { continue };
        if !aliases.contains(address.host) {
            found.extend(check(index, workload, variable, &address));
        }
    }
    found
}

fn check(
    index: &Index<'_>,
    workload: &ObjectRef,
    variable: &EnvVar,
    address: &Address<'_>,
) -> Option<Finding> {
    let Some(service) = index.service_named(address.host, &workload.namespace) else {
        return unknown(index, workload, variable, address);
    };
    let port = i32::from(address.port?);
    let spec = index.service(&service)?.spec.as_ref()?;
    // A headless Service passes every port on, an ExternalName one leads elsewhere.
    if spec.cluster_ip.as_deref() == Some("None") || spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    let ports: Vec<_> = spec.ports.iter().flatten().map(|port| port.port).collect();
    if ports.is_empty() || ports.contains(&port) {
        return None;
    }
    let has = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let statement = format!("{workload} is told port {port} of {service} by {}; it has {has}", variable.name);
    let finding = Finding::new(codes::CALLED_PORT_UNSERVED, workload.clone(), statement);
    Some(named(finding, variable, &service).field("port", port))
}

/// A name without a dot can only be a Service of the same namespace; with one it is followed by the namespace where it
/// ends in `.svc`. Anything else may be a host outside.
fn unknown(
    index: &Index<'_>,
    workload: &ObjectRef,
    variable: &EnvVar,
    address: &Address<'_>,
) -> Option<Finding> {
    let mut labels = address.host.split('.');
    let (name, namespace) = (labels.next()?, labels.next());
    let namespace = match (namespace, labels.next()) {
        (None, _) => workload.namespace.as_str(),
        (Some(namespace), Some("svc")) => namespace,
        _ => return None,
    };
    let here = index.services_in(namespace);
    let listed = index.snapshot.recorded.knows_in("services", namespace) || !here.is_empty();
    if !listed || index.blind_to("service") || name == "localhost" {
        return None;
    }
    let near = misspelt(name, here);
    let service = ObjectRef::new("Service", namespace, name);
    let hint = near.map(|near| format!("; there is a Service {near}")).unwrap_or_default();
    let statement = format!(
        "{workload} is told {} by {}, and {service} does not exist{hint}",
        address.host, variable.name
    );
    let finding = Finding::new(codes::CALLED_NAME_UNKNOWN, workload.clone(), statement);
    let finding = if near.is_some() { finding.strength(0.85) } else { finding.strength(0.3) };
    Some(named(finding, variable, &service).field("near", near.unwrap_or_default()))
}

/// The known name that differs least, if it differs by no more than a slip of the fingers.
fn misspelt<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let most = MISSPELT.min(name.len() / 3);
    // Most names differ in length by more: comparing those letter by letter would take longer than all else.
    let alike = known.iter().filter(|known| known.len().abs_diff(name.len()) <= most);
    let distances = alike.map(|known| (strsim::osa_distance(known, name), *known));
    distances
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

fn named(finding: Finding, variable: &EnvVar, service: &ObjectRef) -> Finding {
    finding
        .field("variable", &variable.name)
        .field("dependency", service)
        .field("service_namespace", &service.namespace)
        .field("service", &service.name)
}

/// The address that a variable's value is, if it is one: `host:port`, or the host of a URL.
fn address(variable: &EnvVar) -> Option<Address<'_>> {
    let value = variable.value.as_deref()?.trim();
    let (rest, is_url) = match value.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (value, false),
    };
    let authority = rest.split(['/', '?', '#', ',']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (authority, None),
    };
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_host =
        host.starts_with(|c: char| c.is_ascii_lowercase()) && host.chars().all(letters) && host.len() <= 253;
    (is_host && (is_url || port.is_some())).then_some(Address { host, port })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};

    fn codes(value: &str) -> Vec<String> {
        let mut world = World::new().deployment("cart", 1).deployment("web", 1);
        let env: Value = json!([{"name": "CART_ADDR", "value": value}]);
        let container = &mut world.snapshot.objects.deployments[1]
            .spec
            .as_mut()
            .unwrap()
            .template
            .spec
            .as_mut()
            .unwrap()
            .containers[0];
        container.env = Some(object(env));
        world.codes()
    }

    #[test]
    fn a_service_that_does_not_exist_and_a_port_that_it_does_not_have_are_found() {
        assert_eq!(codes("carts:80"), ["env.address.name_unknown"]);
        assert_eq!(codes("http://cart:8080/api"), ["env.address.port_unserved"]);
        assert_eq!(codes("redis://user@cart.shop.svc.cluster.local:6379/0"), ["env.address.port_unserved"]);
    }

    #[test]
    fn addresses_that_are_right_outside_or_no_addresses_give_nothing() {
        for value in [
            "cart:80",
            "http://cart/",
            "https://api.example.com:8443/x",
            "localhost:9090",
            "10.0.0.1:80",
            "level:debug",
            "a:b:c",
            "15m",
            "",
        ] {
            assert_eq!(codes(value), Vec::<String>::new(), "{value}");
        }
    }
}
