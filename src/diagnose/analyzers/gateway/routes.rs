//! Routes of all protocols: their parents, their backends, and what the controllers say of them.

use serde_json::Value;

use super::World;
use super::condition::{Refused, refused};
use super::gateways::word;
use super::resource::{Resource, list, text};
use crate::diagnose::analyzers::backend::BackendPort;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::incident::ObjectRef;

/// What is wrong with a route; of what follows from each other the first. Trouble of its Gateway is the Gateway's.
pub(super) fn findings(world: &World<'_>, route: &Resource<'_>, faulty: &[ObjectRef]) -> Vec<Finding> {
    let backends: Vec<_> = backends(world, route);
    if !backends.is_empty() {
        return backends;
    }
    let parents = route.list("/spec/parentRefs").iter();
    let mut parents = parents.filter_map(|parent| of_parent(world, route, parent));
    parents.next().or_else(|| stated(world, route, faulty)).into_iter().collect()
}

fn backends(world: &World<'_>, route: &Resource<'_>) -> Vec<Finding> {
    let rules = route.list("/spec/rules").iter().enumerate();
    let references = rules.flat_map(|(number, rule)| {
        let references = list(rule, "/backendRefs").iter().enumerate();
        references
            .map(move |(place, reference)| (format!("spec.rules[{number}].backendRefs[{place}]"), reference))
    });
    references.filter_map(|(field, reference)| of_backend(world, route, &field, reference)).collect()
}

fn of_backend(world: &World<'_>, route: &Resource<'_>, field: &str, reference: &Value) -> Option<Finding> {
    let is_service = text(reference, "kind").unwrap_or("Service") == "Service"
        && text(reference, "group").unwrap_or_default().is_empty();
    // A backend of weight 0 gets nothing, so that it may be missing.
    if !is_service || reference.get("weight").and_then(Value::as_i64) == Some(0) {
        return None;
    }
    let namespace = text(reference, "namespace").unwrap_or(&route.name.namespace);
    let service = ObjectRef::new("Service", namespace, text(reference, "name")?);
    let port = reference.get("port").and_then(Value::as_i64).and_then(|port| i32::try_from(port).ok());
    let finding = if let Some(wrong) = world.backends.check(&service, port.map(BackendPort::Number)) {
        let object = if wrong.blames_service { service.clone() } else { route.name.clone() };
        let statement =
            format!("{} sends requests to a backend that is not there: {}", route.name, wrong.why);
        let code = if wrong.missing { codes::ROUTE_BACKEND_MISSING } else { codes::ROUTE_PORT_UNSERVED };
        Finding::new(code, object, statement)
    } else if namespace != route.name.namespace && !is_granted(world, route, &service) {
        let statement = format!(
            "{} sends requests to {service} in another namespace, and no ReferenceGrant there lets it",
            route.name
        );
        Finding::new(codes::ROUTE_NOT_GRANTED, route.name.clone(), statement)
    } else {
        return None;
    };
    Some(finding.field("field", field).field("backend", service))
}

/// Whether a grant in the namespace of the Service lets routes of this one refer to it; yes where grants were not read.
fn is_granted(world: &World<'_>, route: &Resource<'_>, service: &ObjectRef) -> bool {
    let here = || world.grants.iter().filter(|grant| grant.name.namespace == service.namespace);
    let recorded = &world.index.snapshot.recorded;
    let known = here().next().is_some() || recorded.knows_in("referencegrants", &service.namespace);
    if !known {
        // Then only the controller can say so.
        let parents = route.list("/status/parents").iter();
        let now = world.index.snapshot.taken_at;
        let mut refusals =
            parents.filter_map(|parent| refused(parent, "/conditions", &["ResolvedRefs"], now));
        return !refusals.any(|why| why.reason == "RefNotPermitted");
    }
    here().any(|grant| {
        let from = grant.list("/spec/from").iter().any(|from| {
            text(from, "kind") == Some(&route.name.kind)
                && text(from, "namespace") == Some(&route.name.namespace)
        });
        let to = grant.list("/spec/to").iter().any(|to| {
            text(to, "kind") == Some("Service") && text(to, "name").is_none_or(|name| name == service.name)
        });
        from && to
    })
}

fn of_parent(world: &World<'_>, route: &Resource<'_>, parent: &Value) -> Option<Finding> {
    if text(parent, "kind").unwrap_or("Gateway") != "Gateway" {
        return None;
    }
    let namespace = text(parent, "namespace").unwrap_or(&route.name.namespace);
    let name = ObjectRef::new("Gateway", namespace, text(parent, "name")?);
    let recorded = &world.index.snapshot.recorded;
    let Some(gateway) = world.gateways.get(&name) else {
        let listed = recorded.knows_in("gateways", namespace)
            || world.gateways.keys().any(|known| known.namespace == namespace);
        let statement = format!("{} is attached to {name}, which does not exist", route.name);
        return listed.then(|| {
            Finding::new(codes::ROUTE_PARENT_MISSING, route.name.clone(), statement).field("parent", &name)
        });
    };
    let listeners = gateway.list("/spec/listeners");
    let wanted = text(parent, "sectionName")?;
    if listeners.is_empty() || listeners.iter().any(|listener| text(listener, "name") == Some(wanted)) {
        return None;
    }
    let has: Vec<_> = listeners.iter().filter_map(|listener| text(listener, "name")).collect();
    let statement =
        format!("{} is attached to listener {wanted} of {name}, which has {}", route.name, has.join(", "));
    let finding = Finding::new(codes::ROUTE_PARENT_MISSING, route.name.clone(), statement);
    Some(finding.field("parent", &name).field("spec.parentRefs.sectionName", wanted))
}

/// What a controller says of the route.
fn stated(world: &World<'_>, route: &Resource<'_>, faulty: &[ObjectRef]) -> Option<Finding> {
    let now = world.index.snapshot.taken_at;
    route.list("/status/parents").iter().find_map(|parent| {
        let reference = parent.get("parentRef")?;
        let namespace = text(reference, "namespace").unwrap_or(&route.name.namespace);
        let gateway = ObjectRef::new("Gateway", namespace, text(reference, "name").unwrap_or_default());
        let why = refused(parent, "/conditions", &["Accepted", "ResolvedRefs"], now)?;
        (!faulty.contains(&gateway)).then(|| by_controller(world, route, &gateway, &why))
    })
}

/// A listener that lets in routes of other namespaces only is the Gateway's; all else is the route's.
fn by_controller(world: &World<'_>, route: &Resource<'_>, gateway: &ObjectRef, why: &Refused<'_>) -> Finding {
    let is_gateways = why.reason == "NotAllowedByListeners" && world.gateways.contains_key(gateway);
    let object = if is_gateways { gateway.clone() } else { route.name.clone() };
    let statement =
        format!("{} is not {} ({gateway}): {} {}", route.name, word(why.kind), why.reason, why.message);
    let finding = Finding::new(codes::ROUTE_REFUSED, object, statement).at(why.since);
    finding.field("condition", why.kind).field("reason", why.reason).field("route", &route.name)
}
