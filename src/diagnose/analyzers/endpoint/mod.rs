//! Services whose endpoints people wrote down, and names that Services give or should give.

mod addresses;
mod names;

use k8s_openapi::api::core::v1::Service;

use addresses::{addresses, endpoints_known, holder, is_among_pods};
use names::{elsewhere, unresolved};

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
    let complaints = complaints(found);
    by_hand
        .filter_map(|service| check(index, service, found, &complaints))
        .chain(names::headless(index, found))
        .chain(names::deleted(index, found))
        .chain(names::made_anew(index, found))
        .chain(addresses::stray(index, &complaints))
        .collect()
}

/// Whether a Service does not exist, as far as Services were read there.
fn is_absent(index: &Index<'_>, service: &ObjectRef) -> bool {
    let mut services = index.snapshot.objects.services.iter();
    let listed = index.snapshot.recorded.knows_in("services", &service.namespace)
        || services.any(|found| namespace_of(&found.metadata) == service.namespace);
    listed && !index.blind_to("service") && index.service(service).is_none()
}

fn check(
    index: &Index<'_>,
    service: &Service,
    found: &[Finding],
    complaints: &[&Finding],
) -> Option<Finding> {
    let name = object_ref(service);
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        let host = spec.external_name.as_deref()?;
        return elsewhere(index, &name, host).or_else(|| unresolved(index, &name, host, found));
    }
    // Somebody who writes addresses down means them; that nobody answers there is for callers to say.
    let complaint = complaints.iter().find(|finding| complains_about(finding, &name))?;
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
    Some(finding.field("addresses", written).hinders(&name))
}

fn is_about(finding: &Finding, service: &ObjectRef) -> bool {
    finding.dependency().as_ref() == Some(service)
}

/// Whether a complaint that names nobody by an address has the name of the Service as a word.
fn mentions(finding: &Finding, service: &ObjectRef) -> bool {
    let words = finding.statement.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let unresolved = !finding.fields.contains_key("dependency_kind");
    let here = finding.object.namespace == service.namespace && service.name.len() > 3;
    unresolved && here && words.into_iter().any(|word| word == service.name)
}

/// What says that somebody is not reached. Picked once: there may be as many findings as there are pods.
fn complaints(found: &[Finding]) -> Vec<&Finding> {
    let codes = [
        codes::LOG_REFUSED,
        codes::LOG_TIMEOUT,
        codes::LOG_UNREACHABLE,
        codes::LOG_UNAVAILABLE,
        codes::LOG_RESET,
        codes::SERVICE_UNREACHABLE,
    ];
    found.iter().filter(|finding| codes.contains(&finding.code)).collect()
}

fn complains_about(complaint: &Finding, service: &ObjectRef) -> bool {
    if complaint.code == codes::SERVICE_UNREACHABLE {
        return complaint.object == *service;
    }
    is_about(complaint, service) || mentions(complaint, service)
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
    fn a_slice_that_somebody_added_with_an_address_of_nobody_is_found_where_callers_complain() {
        let codes_of = |address: &str, managed: Option<&str>, line: &str| {
            let selects =
                json!({"selector": {"tier": "books"}, "ports": [{"port": 80}], "clusterIP": "10.96.1.1"});
            let mut world = world(&selects, None, line);
            let mut labels = json!({"kubernetes.io/service-name": "ledger"});
            json_patch::merge(&mut labels, &json!({"endpointslice.kubernetes.io/managed-by": managed}));
            world.snapshot.objects.endpoint_slices.push(object(json!({"metadata": {"namespace": "shop", "name": "by-hand", "labels": labels},
                "addressType": "IPv4", "endpoints": [{"addresses": [address], "conditions": {"ready": true}}]})));
            world.snapshot.objects.endpoint_slices.push(object(json!({"metadata": {"namespace": "shop", "name": "own", "labels":
                {"kubernetes.io/service-name": "ledger", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
                "addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": true}}]})));
            world
                .snapshot
                .objects
                .deployments
                .push(object(json!({"metadata": {"namespace": "shop", "name": "ledger"},
                "spec": {"selector": {}, "template": {"metadata": {"labels": {"tier": "books"}}}}})));
            codes(&world).into_iter().filter(|code| code.contains("stray")).collect::<Vec<_>>()
        };
        assert_eq!(codes_of("10.1.0.77", None, REFUSED), ["service.endpoints.stray"]);
        assert_eq!(codes_of("10.1.0.5", None, REFUSED), Vec::<String>::new(), "a pod has it");
        assert_eq!(codes_of("10.1.0.77", None, "all is well\n"), Vec::<String>::new());
        let controller = Some("endpointslice-controller.k8s.io");
        assert_eq!(codes_of("10.1.0.77", controller, REFUSED), Vec::<String>::new(), "it will mend it");
    }

    #[test]
    fn a_name_for_a_host_outside_that_does_not_resolve_is_found_where_callers_say_so_again_and_again() {
        let named = json!({"type": "ExternalName", "externalName": "db.example.com"});
        let lookup = "getaddrinfo ENOTFOUND ledger\n";
        assert_eq!(world(&named, None, lookup).causes()[0].1, "Service shop/ledger");
        let mut once = world(&named, None, "all is well\n");
        once.snapshot.logs[0].text = lookup.to_owned();
        assert_eq!(once.causes(), []);
    }

    #[test]
    fn a_service_that_was_made_anew_is_named_where_a_caller_keeps_its_old_address() {
        let found = |address: &str, minutes: i64| {
            let line = format!(
                "upstream timed out (110: Connection timed out), upstream: \"http://{address}:80/\"\n"
            );
            let mut world = World::new().deployment("web", 1).deployment("cart", 1);
            world = world
                .environment("web", &json!([{"name": "CART_URL", "value": "http://cart:80"}]))
                .log("web-1-0", &line.repeat(6));
            let at = crate::diagnose::world::ago(minutes).to_string();
            world.snapshot.objects.services[1].metadata.creation_timestamp = object(json!(at));
            world.causes().first().map(|(_, object, _)| object.clone())
        };
        assert_eq!(found("10.96.0.77", 10).as_deref(), Some("Service shop/cart"));
        assert_ne!(found("10.96.0.77", 9_000).as_deref(), Some("Service shop/cart"), "older than its caller");
        assert_ne!(found("192.0.2.9", 10).as_deref(), Some("Service shop/cart"), "no address of a Service");
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
