//! Addresses that programs are told: Services that do not exist, ports that a Service does not have.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodSpec;

use super::told::{Told, told};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 2;

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
    let all = told(index, workload, spec);
    let others = all.iter().filter(|told| !aliases.contains(told.host.as_str()));
    others.filter_map(|told| check(index, workload, told)).collect()
}

fn check(index: &Index<'_>, workload: &ObjectRef, told: &Told) -> Option<Finding> {
    let Some(service) = index.service_named(&told.host, &workload.namespace) else {
        return unknown(index, workload, told);
    };
    let port = i32::from(told.port?);
    let spec = index.service(&service)?.spec.as_ref()?;
    // Programs tell others where they are themselves. An ExternalName leads elsewhere.
    if index.behind(&service).contains(workload) || spec.type_.as_deref() == Some("ExternalName") {
        return None;
    }
    let ports = if spec.cluster_ip.as_deref() == Some("None") {
        // A headless Service passes every port on: what its pods declare counts.
        if index.declares(&service, port)? {
            return None;
        }
        index.declared(&service)
    } else {
        spec.ports.iter().flatten().map(|port| port.port).collect()
    };
    if ports.is_empty() || ports.contains(&port) {
        return None;
    }
    let has = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let statement = format!("{workload} is told port {port} of {service} by {}; it has {has}", place(told));
    let finding = Finding::new(codes::CALLED_PORT_UNSERVED, workload.clone(), statement);
    let finding = if told.in_file { finding.strength(0.45) } else { finding };
    Some(named(finding, told, &service).field("port", port))
}

fn place(told: &Told) -> String {
    let inside = told.config_map.as_ref().map(|map| format!(" of {map}")).unwrap_or_default();
    format!("{}{inside}", told.place)
}

/// A name without a dot can only be a Service of the same namespace; with one it is followed by the namespace where it
/// ends in `.svc`, or where that namespace is known. Anything else may be a host outside.
fn unknown(index: &Index<'_>, workload: &ObjectRef, told: &Told) -> Option<Finding> {
    let mut labels = told.host.split('.');
    let (name, namespace) = (labels.next()?, labels.next());
    let namespace = match (namespace, labels.next()) {
        (None, _) => workload.namespace.as_str(),
        (Some(namespace), Some("svc")) => namespace,
        (Some(namespace), None) if index.has_services(namespace) => namespace,
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
    let statement =
        format!("{workload} is told {} by {}, and {service} does not exist{hint}", told.host, place(told));
    let finding = Finding::new(codes::CALLED_NAME_UNKNOWN, workload.clone(), statement);
    let sure = near.is_some() && !told.in_file;
    let finding = if sure { finding.strength(0.85) } else { finding.strength(0.3) };
    Some(named(finding, told, &service).field("near", near.unwrap_or_default()))
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

fn named(finding: Finding, told: &Told, service: &ObjectRef) -> Finding {
    let finding = match &told.config_map {
        Some(map) => finding.field("config_map_namespace", &map.namespace).field("config_map", &map.name),
        None => finding,
    };
    let finding = if told.in_file { finding.field("in_file", true) } else { finding };
    finding
        .field("variable", &told.place)
        .field("host", &told.host)
        .field("dependency", service)
        .field("service_namespace", &service.namespace)
        .field("service", &service.name)
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
            "web:9999",
            "level:debug",
            "a:b:c",
            "15m",
            "",
        ] {
            assert_eq!(codes(value), Vec::<String>::new(), "{value}");
        }
    }

    /// A Deployment `web` that reads a ConfigMap with this key and value.
    fn from_map(key: &str, value: &str) -> Vec<String> {
        let mut world = World::new().deployment("cart", 1).deployment("web", 1);
        let map = json!({"namespace": "shop", "name": "settings", "keys": [key], "created_at": null, "changed_at": null,
            "addresses": crate::observe::addresses(key, value)});
        world.snapshot.objects.config_maps.push(object(map));
        let spec =
            world.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env_from = Some(object(json!([{"configMapRef": {"name": "settings"}}])));
        world.codes()
    }

    #[test]
    fn addresses_in_a_configmap_and_in_two_variables_are_read_alike() {
        assert_eq!(from_map("CART_URL", "http://cart:8080"), ["env.address.port_unserved"]);
        assert_eq!(from_map("CART_URL", "http://cart:80"), Vec::<String>::new());
        assert_eq!(from_map("nginx.conf", "proxy_pass http://cart:81;\n"), ["env.address.port_unserved"]);
        let mut world = World::new().deployment("cart", 1).deployment("web", 1);
        let pair = |port: &str| json!([{"name": "CART_HOST", "value": "cart"}, {"name": "CART_PORT", "value": port}]);
        world = world.environment("web", &pair("81"));
        assert_eq!(world.codes(), ["env.address.port_unserved"]);
        assert_eq!(world.environment("web", &pair("80")).codes(), Vec::<String>::new());
    }
}
