//! GatewayClasses and Gateways.

use serde_json::Value;

use super::World;
use super::condition::{Refused, refused};
use super::resource::{Resource, list, text};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::ConfigKind;
use crate::incident::ObjectRef;

pub(super) fn findings(world: &World<'_>) -> Vec<Finding> {
    let now = world.index.snapshot.taken_at;
    let mut found = Vec::new();
    for class in &world.classes {
        let used = world
            .gateways
            .values()
            .any(|gateway| gateway.text("/spec/gatewayClassName") == Some(&class.name.name));
        // A class that nobody uses may belong to a controller that is not installed.
        if let Some(why) = refused(class.value, "/status/conditions", &["Accepted"], now).filter(|_| used) {
            found.push(told(codes::GATEWAY_CLASS_REFUSED, class.name.clone(), &class.name, &why));
        }
    }
    let classes: Vec<ObjectRef> = found.iter().map(|finding: &Finding| finding.object.clone()).collect();
    found.extend(world.gateways.values().filter_map(|gateway| of_gateway(world, gateway, &classes)));
    found
}

fn told(code: codes::Code, object: ObjectRef, about: &ObjectRef, why: &Refused<'_>) -> Finding {
    let statement = format!("{about} is not {}: {} {}", word(why.kind), why.reason, why.message);
    Finding::new(code, object, statement)
        .at(why.since)
        .field("condition", why.kind)
        .field("reason", why.reason)
}

pub(super) fn word(kind: &str) -> &'static str {
    match kind {
        "Programmed" => "programmed into any data plane",
        "ResolvedRefs" => "able to resolve what it refers to",
        _ => "accepted by its controller",
    }
}

fn of_gateway(world: &World<'_>, gateway: &Resource<'_>, classes: &[ObjectRef]) -> Option<Finding> {
    let class =
        ObjectRef::cluster_wide("GatewayClass", gateway.text("/spec/gatewayClassName").unwrap_or_default());
    if classes.contains(&class) {
        return None;
    }
    let known = !world.classes.is_empty() || world.index.snapshot.recorded.knows("gatewayclasses");
    if known && !world.classes.iter().any(|found| found.name == class) {
        let statement = format!("{} is of {class}, which does not exist", gateway.name);
        let finding = Finding::new(codes::GATEWAY_REFUSED, gateway.name.clone(), statement);
        return Some(finding.field("spec.gatewayClassName", &class.name));
    }
    let now = world.index.snapshot.taken_at;
    let listeners = gateway.list("/status/listeners").iter();
    let mut listeners = listeners.filter_map(|listener| {
        Some((
            text(listener, "name")?,
            refused(listener, "/conditions", &["ResolvedRefs", "Accepted", "Programmed"], now)?,
        ))
    });
    if let Some((listener, why)) = listeners.next() {
        let object = certificate(world, gateway, listener).unwrap_or_else(|| gateway.name.clone());
        let about = ObjectRef::new("Listener", "", format!("{listener} of {}", gateway.name));
        return Some(
            told(codes::GATEWAY_REFUSED, object, &about, &why)
                .field("listener", listener)
                .field("gateway", &gateway.name.name),
        );
    }
    let why = refused(gateway.value, "/status/conditions", &["Accepted", "Programmed"], now)?;
    Some(told(codes::GATEWAY_REFUSED, gateway.name.clone(), &gateway.name, &why))
}

/// The Secret with the listener's certificate, where it does not exist.
fn certificate(world: &World<'_>, gateway: &Resource<'_>, listener: &str) -> Option<ObjectRef> {
    let listeners = gateway.list("/spec/listeners").iter();
    let mut listeners = listeners.filter(|found| text(found, "name") == Some(listener));
    let references = list(listeners.next()?, "/tls/certificateRefs").iter();
    let secret = |reference: &Value| {
        let kind = text(reference, "kind").unwrap_or("Secret");
        let namespace = text(reference, "namespace").unwrap_or(&gateway.name.namespace);
        (kind == "Secret")
            .then(|| ObjectRef::new("Secret", namespace, text(reference, "name").unwrap_or_default()))
    };
    let mut secrets = references.filter_map(secret);
    secrets.find(|secret| {
        world.index.keys(secret).is_none() && world.index.listed(ConfigKind::Secret, &secret.namespace)
    })
}
