//! PersistentVolumeClaims that keep pods from starting.

mod volumes;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let wanted = wanted(index);
    let claims = index.snapshot.objects.claims.iter();
    let of_one = |claim| {
        let found = check(index, claim, wanted.contains(&object_ref(claim)));
        let why = found.as_ref().and_then(|_| volumes::finding(index, claim));
        found.into_iter().chain(why)
    };
    claims.flat_map(of_one).collect()
}

/// Claims that a pod wants which has no node yet or waits for its volumes.
fn wanted(index: &Index<'_>) -> BTreeSet<ObjectRef> {
    let pending = index.snapshot.objects.pods.iter().filter(|pod| {
        pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_none_or(|phase| phase == "Pending")
    });
    let claims = pending.flat_map(|pod| {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
        claims.map(move |claim| ObjectRef::new("PersistentVolumeClaim", namespace, claim.claim_name.as_str()))
    });
    claims.collect()
}

/// A claim that waits for its first consumer is normal until a consumer waits for it.
fn check(index: &Index<'_>, claim: &PersistentVolumeClaim, wanted: bool) -> Option<Finding> {
    let phase = claim.status.as_ref()?.phase.as_deref()?;
    let name = object_ref(claim);
    let code = match phase {
        "Lost" => codes::CLAIM_LOST,
        "Pending" if wanted => codes::CLAIM_PENDING,
        _ => return None,
    };
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    let events = index.events(&name).filter(|event| event.type_.as_deref() == Some("Warning"));
    let event = events.filter_map(|event| event.message.as_deref()).last();
    let missing = class.filter(|class| !class.is_empty() && !has_class(index, class));
    let why = match (missing, event) {
        (Some(class), _) => format!(": StorageClass {class} does not exist"),
        (None, Some(event)) => format!(": {event}"),
        (None, None) => String::new(),
    };
    let since = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let strength = if missing.is_some() || event.is_some() { code.strength } else { 0.5 };
    let finding = Finding::new(code, name.clone(), format!("{name} is {phase}{why}"));
    Some(
        finding
            .at(since)
            .strength(strength)
            .field_if("spec.storageClassName", class)
            .field("status.phase", phase),
    )
}

fn has_class(index: &Index<'_>, class: &str) -> bool {
    let classes = &index.snapshot.objects.storage_classes;
    let known = classes.iter().any(|known| known.metadata.name.as_deref() == Some(class));
    // Where no class at all was read, nothing can be said about one.
    known || classes.is_empty() || index.blind_to("storageclass")
}
