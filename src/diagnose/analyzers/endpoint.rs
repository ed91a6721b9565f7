//! Services that do not choose their pods by labels: addresses that people wrote down, and names of hosts elsewhere.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;

use super::backend::Backends;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;

/// Looks at Services without a selector, and at the complaints about them among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let services = index.snapshot.objects.services.iter();
    let by_hand = services.filter(|service| {
        let spec = service.spec.as_ref();
        spec.is_some_and(|spec| spec.selector.as_ref().is_none_or(std::collections::BTreeMap::is_empty))
    });
    by_hand
        .filter_map(|service| check(index, service, found))
        .chain(headless(index, found))
        .chain(deleted(index, found))
        .collect()
}

/// A name that does not resolve any more, of a workload that no Service is in front of: its Service was deleted.
fn deleted(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let backends = Backends::new(index);
    let mut told = BTreeSet::new();
    let lookups = found.iter().filter(|finding| finding.code == codes::LOG_DNS);
    let services = lookups.filter_map(|lookup| {
        let mut labels = lookup.fields.get("dependency")?.split('.');
        let (name, namespace) = (labels.next()?, labels.next().unwrap_or(&lookup.object.namespace));
        let service = ObjectRef::new("Service", namespace, name);
        let new = backends.is_deleted(&service) && told.insert(service.clone());
        let caller = index.workload_of(&lookup.object);
        let statement =
            format!("{service} does not exist, though what it stood for does: {}", lookup.statement);
        new.then(|| {
            Finding::new(codes::SERVICE_DELETED, service, statement)
                .field("workload_kind", &caller.kind)
                .field("workload_namespace", &caller.namespace)
                .field("workload", &caller.name)
        })
    });
    services.collect()
}

/// StatefulSets name the Service that gives their pods names. Many name one that does not exist and do without; it matters
/// where such a name does not resolve.
fn headless(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let lookups: Vec<&Finding> = found.iter().filter(|finding| finding.code == codes::LOG_DNS).collect();
    let sets = index.snapshot.objects.stateful_sets.iter();
    sets.filter_map(|set| {
        let (name, spec) = (object_ref(set), set.spec.as_ref()?);
        let service = ObjectRef::new("Service", name.namespace.as_str(), spec.service_name.as_deref()?);
        let asked = format!(".{}", service.name);
        let lookup = lookups.iter().find(|lookup| lookup.statement.contains(&asked))?;
        if service.name.is_empty() || !is_absent(index, &service) {
            return None;
        }
        let statement =
            format!("{name} has its names from {service}, which does not exist: {}", lookup.statement);
        let caller = index.workload_of(&lookup.object);
        Some(
            Finding::new(codes::HEADLESS_MISSING, service, statement)
                .field("spec.serviceName", spec.service_name.as_deref().unwrap_or_default())
                .field("workload_kind", &caller.kind)
                .field("workload_namespace", &caller.namespace)
                .field("workload", &caller.name),
        )
    })
    .collect()
}

/// Whether a Service does not exist, as far as Services were read there.
fn is_absent(index: &Index<'_>, service: &ObjectRef) -> bool {
    let mut services = index.snapshot.objects.services.iter();
    let listed = index.snapshot.recorded.knows_in("services", &service.namespace)
        || services.any(|found| namespace_of(&found.metadata) == service.namespace);
    listed && !index.blind_to("service") && index.service(service).is_none()
}

fn check(index: &Index<'_>, service: &Service, found: &[Finding]) -> Option<Finding> {
    let name = object_ref(service);
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        let host = spec.external_name.as_deref()?;
        return elsewhere(index, &name, host).or_else(|| unresolved(&name, host, found));
    }
    // Somebody who writes addresses down means them; that nobody answers there is for callers to say.
    let complaint = found.iter().find(|finding| complains_about(finding, &name))?;
    let written = addresses(index, &name);
    if written.is_empty() {
        if !endpoints_known(index, &name) {
            return None;
        }
        let statement = format!(
            "{name} has no selector and nobody has written down any address for it: {}",
            complaint.statement
        );
        return Some(Finding::new(codes::ENDPOINTS_NOT_WRITTEN, name, statement));
    }
    if written.iter().any(|address| index.pod_at(address).is_some()) {
        return None;
    }
    // One outside the pods' network may belong to something that cannot be seen from here.
    let inside = written.iter().all(|address| is_among_pods(index, address));
    let written: Vec<_> = written.into_iter().collect();
    let written = written.join(", ");
    let object = holder(index, &name);
    let statement =
        format!("{object} sends what is for {name} to {written}, which no pod has: {}", complaint.statement);
    let finding =
        Finding::new(codes::ENDPOINTS_DEAD, object, statement).strength(if inside { 0.85 } else { 0.72 });
    Some(
        finding
            .field("addresses", written)
            .field("workload_kind", &name.kind)
            .field("workload_namespace", &name.namespace)
            .field("workload", &name.name),
    )
}

/// A name of this cluster that no Service has.
fn elsewhere(index: &Index<'_>, name: &ObjectRef, host: &str) -> Option<Finding> {
    let host = host.trim_end_matches('.');
    let mut labels = host.split('.');
    let (service, namespace, mark) = (labels.next()?, labels.next()?, labels.next()?);
    if mark != "svc" {
        return None;
    }
    let target = ObjectRef::new("Service", namespace, service);
    if !is_absent(index, &target) {
        return None;
    }
    let statement = format!("{name} is another name for {host}, and {target} does not exist");
    Some(Finding::new(codes::EXTERNAL_NAME_UNKNOWN, name.clone(), statement).field("spec.externalName", host))
}

/// A name outside that does not resolve, as callers of the Service say.
fn unresolved(name: &ObjectRef, host: &str, found: &[Finding]) -> Option<Finding> {
    let complaint = found.iter().find(|finding| finding.code == codes::LOG_DNS && is_about(finding, name))?;
    let statement =
        format!("{name} is another name for {host}, and it does not resolve: {}", complaint.statement);
    let finding = Finding::new(codes::EXTERNAL_NAME_UNKNOWN, name.clone(), statement).strength(0.75);
    Some(finding.field("spec.externalName", host))
}

fn is_about(finding: &Finding, service: &ObjectRef) -> bool {
    let field = |name: &str| finding.fields.get(name).map(String::as_str).unwrap_or_default();
    field("dependency_kind") == "Service"
        && field("dependency_namespace") == service.namespace
        && field("dependency_name") == service.name
}

/// Whether a complaint that names nobody by an address has the name of the Service as a word.
fn mentions(finding: &Finding, service: &ObjectRef) -> bool {
    let words = finding.statement.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let unresolved = !finding.fields.contains_key("dependency_kind");
    let here = finding.object.namespace == service.namespace && service.name.len() > 3;
    unresolved && here && words.into_iter().any(|word| word == service.name)
}

fn complains_about(finding: &Finding, service: &ObjectRef) -> bool {
    let codes = [
        codes::LOG_REFUSED,
        codes::LOG_TIMEOUT,
        codes::LOG_UNREACHABLE,
        codes::LOG_UNAVAILABLE,
        codes::LOG_RESET,
    ];
    (codes.contains(&finding.code) && (is_about(finding, service) || mentions(finding, service)))
        || (finding.code == codes::SERVICE_UNREACHABLE && finding.object == *service)
}

/// All addresses that are written down for a Service, in either kind of object.
fn addresses(index: &Index<'_>, service: &ObjectRef) -> BTreeSet<String> {
    let objects = &index.snapshot.objects;
    let older = objects
        .endpoints
        .iter()
        .filter(|found| is_of(found.metadata.name.as_ref(), namespace_of(&found.metadata), service));
    let subsets = older.flat_map(|found| found.subsets.iter().flatten());
    let older =
        subsets.flat_map(|subset| subset.addresses.iter().flatten()).map(|address| address.ip.clone());
    let slices = objects.endpoint_slices.iter().filter(|slice| {
        let label =
            slice.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
        is_of(label, namespace_of(&slice.metadata), service)
    });
    let newer = slices
        .flat_map(|slice| slice.endpoints.iter().flatten())
        .flat_map(|endpoint| endpoint.addresses.clone());
    older.chain(newer).collect()
}

fn is_of(name: Option<&String>, namespace: &str, service: &ObjectRef) -> bool {
    name == Some(&service.name) && namespace == service.namespace
}

fn endpoints_known(index: &Index<'_>, service: &ObjectRef) -> bool {
    let recorded = &index.snapshot.recorded;
    let objects = &index.snapshot.objects;
    recorded.knows_in("endpointslices", &service.namespace)
        || recorded.knows_in("endpoints", &service.namespace)
        || objects.endpoint_slices.iter().any(|found| namespace_of(&found.metadata) == service.namespace)
}

/// The object that the addresses were written into: Endpoints, of which slices are copies, else a slice.
fn holder(index: &Index<'_>, service: &ObjectRef) -> ObjectRef {
    let objects = &index.snapshot.objects;
    let mut older = objects.endpoints.iter();
    if older.any(|found| is_of(found.metadata.name.as_ref(), namespace_of(&found.metadata), service)) {
        return ObjectRef::new("Endpoints", service.namespace.as_str(), service.name.as_str());
    }
    let mut slices = objects.endpoint_slices.iter().filter(|slice| {
        let label =
            slice.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
        is_of(label, namespace_of(&slice.metadata), service)
    });
    slices.next().map_or_else(|| service.clone(), object_ref)
}

/// Whether an address is in the network of the pods.
fn is_among_pods(index: &Index<'_>, address: &str) -> bool {
    let Ok(IpAddr::V4(address)) = address.parse::<IpAddr>() else { return false };
    let pods = index.snapshot.objects.pods.iter().filter_map(|pod| pod.status.as_ref()?.pod_ip.as_deref());
    let network = |address: std::net::Ipv4Addr| u32::from(address) >> 16;
    let mut networks = pods.filter_map(|address| address.parse().ok().map(network));
    networks.any(|found| found == network(address))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};

    const REFUSED: &str = "connect ECONNREFUSED http://ledger:80\n";

    fn world(spec: &Value, address: Option<&str>, line: &str) -> World {
        let mut world = World::new().deployment("web", 1).log("web-1-0", &line.repeat(4));
        let objects = &mut world.snapshot.objects;
        objects.pods[0].status.as_mut().unwrap().pod_ip = Some("10.1.0.5".to_owned());
        objects
            .services
            .push(object(json!({"metadata": {"namespace": "shop", "name": "ledger"}, "spec": spec})));
        if let Some(address) = address {
            objects.endpoints.push(object(json!({"metadata": {"namespace": "shop", "name": "ledger"},
                "subsets": [{"addresses": [{"ip": address}], "ports": [{"port": 80}]}]})));
        }
        world
    }

    fn codes(world: &World) -> Vec<String> {
        let own = |code: &String| code.starts_with("service.");
        world.codes().into_iter().filter(own).collect()
    }

    #[test]
    fn addresses_that_no_pod_has_and_such_that_nobody_wrote_are_found_where_callers_complain() {
        let plain = json!({"ports": [{"port": 80}], "clusterIP": "10.96.1.1"});
        let dead = world(&plain, Some("10.1.0.77"), REFUSED);
        assert_eq!(codes(&dead), ["service.endpoints.dead_addresses"]);
        assert_eq!(dead.alert("Errors", "web").causes()[0].1, "Endpoints shop/ledger");
        assert_eq!(codes(&world(&plain, None, REFUSED)), ["service.endpoints.not_written"]);
    }

    #[test]
    fn addresses_that_a_pod_has_or_that_nobody_complains_of_give_nothing() {
        let plain = json!({"ports": [{"port": 80}], "clusterIP": "10.96.1.1"});
        for (address, line) in [("10.1.0.5", REFUSED), ("10.1.0.77", "all is well\n")] {
            assert_eq!(codes(&world(&plain, Some(address), line)), Vec::<String>::new(), "{address}");
        }
        assert_eq!(codes(&world(&plain, None, "all is well\n")), Vec::<String>::new());
    }

    #[test]
    fn a_service_that_was_deleted_is_named_where_its_name_does_not_resolve() {
        let lookup = "getaddrinfo ENOTFOUND cart\n".repeat(4);
        let mut world = World::new().deployment("web", 1).deployment("cart", 1).log("web-1-0", &lookup);
        assert_eq!(codes(&world), Vec::<String>::new());
        world.snapshot.objects.services.retain(|service| service.metadata.name.as_deref() != Some("cart"));
        assert_eq!(codes(&world), ["service.deleted"]);
        assert_eq!(world.causes()[0].1, "Service shop/cart");
    }

    #[test]
    fn a_headless_service_that_does_not_exist_matters_where_its_names_do_not_resolve() {
        let set = |line: &str, service: &str| {
            let mut world = World::new().deployment("web", 1).log("web-1-0", &line.repeat(4));
            world.snapshot.objects.stateful_sets.push(object(json!({"metadata": {"namespace": "shop", "name": "queue"},
                "spec": {"serviceName": service, "selector": {}, "template": {"spec": {"containers": []}}}})));
            codes(&world)
        };
        let line = "java.net.UnknownHostException: queue-1.queue-all\n";
        assert_eq!(set(line, "queue-all"), ["service.headless_missing"]);
        assert_eq!(set("all is well\n", "queue-all"), Vec::<String>::new());
        assert_eq!(set(line, "web"), Vec::<String>::new());
    }

    #[test]
    fn a_name_for_a_service_that_does_not_exist_is_found_and_for_a_host_outside_is_not() {
        let named =
            |host: &str| world(&json!({"type": "ExternalName", "externalName": host}), None, "fine\n");
        assert_eq!(codes(&named("books.shop.svc.cluster.local")), ["service.external_name.unknown"]);
        assert_eq!(named("books.shop.svc.cluster.local").causes()[0].1, "Service shop/ledger");
        for host in ["web.shop.svc.cluster.local", "db.example.com", "books.other.svc.cluster.local"] {
            assert_eq!(codes(&named(host)), Vec::<String>::new(), "{host}");
        }
    }
}
