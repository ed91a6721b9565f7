//! StatefulSets that miss replicas.

use k8s_openapi::api::apps::v1::StatefulSet;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.stateful_sets.iter().filter_map(check).collect()
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
