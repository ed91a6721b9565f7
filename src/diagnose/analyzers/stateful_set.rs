//! StatefulSets that miss replicas.

use k8s_openapi::api::apps::v1::StatefulSet;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let sets = index.snapshot.objects.stateful_sets.iter();
    sets.flat_map(|set| check(set).into_iter().chain(nameless(index, set))).collect()
}

/// A StatefulSet whose Service does not exist: its pods have no names. Many do without.
fn nameless(index: &Index<'_>, set: &StatefulSet) -> Option<Finding> {
    let service = set.spec.as_ref()?.service_name.as_deref().filter(|name| !name.is_empty())?;
    let name = object_ref(set);
    let object = ObjectRef::new("Service", name.namespace.as_str(), service);
    if index.service(&object).is_some() || !index.knows_services(&name.namespace) {
        return None;
    }
    let statement = format!("{name} names {object} for its pods, which does not exist");
    let finding = Finding::new(codes::HEADLESS_SERVICE_MISSING, object, statement).strength(0.4);
    Some(
        finding
            .field("workload_kind", "StatefulSet")
            .field("workload", &name.name)
            .field("spec.serviceName", service),
    )
}

fn check(set: &StatefulSet) -> Option<Finding> {
    let wanted = set.spec.as_ref()?.replicas.unwrap_or(1);
    let ready = set.status.as_ref()?.ready_replicas.unwrap_or(0);
    if ready >= wanted {
        return None;
    }
    let name = object_ref(set);
    let statement = format!("{name} has {ready} of {wanted} replicas ready");
    let finding = Finding::new(codes::STATEFUL_SET_UNAVAILABLE, name, statement);
    Some(finding.field("status.readyReplicas", ready).field("spec.replicas", wanted))
}
