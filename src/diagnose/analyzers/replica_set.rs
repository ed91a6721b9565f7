//! Controllers that are refused when they create pods: quotas, admission webhooks, policies.

use k8s_openapi::api::core::v1::Event;

use super::refusal;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// Conditions of ReplicaSets that want pods, and FailedCreate events of StatefulSets, DaemonSets and Jobs, which have no
/// such condition.
pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    let wants_pods = objects
        .replica_sets
        .iter()
        .filter(|set| set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1) > 0);
    let conditions = wants_pods.filter_map(|set| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        let failure =
            conditions.iter().find(|found| found.type_ == "ReplicaFailure" && found.status == "True")?;
        let since = failure.last_transition_time.as_ref().map(|time| time.0);
        Some(refusal::finding(index, &object_ref(set), failure.message.as_deref().unwrap_or_default(), since))
    });
    let events = objects.events.iter().filter_map(|event| from_event(index, event));
    conditions.chain(events).collect()
}

fn from_event(index: &Index<'_>, event: &Event) -> Option<Finding> {
    let about = &event.involved_object;
    let kind = about.kind.as_deref().filter(|kind| ["StatefulSet", "DaemonSet", "Job"].contains(kind))?;
    if event.reason.as_deref() != Some("FailedCreate") {
        return None;
    }
    let object = ObjectRef::new(kind, about.namespace.as_deref()?, about.name.as_deref()?);
    let pods = index.pods_of(&object);
    let wanted = index.template(&object)?.replicas;
    let enough = kind != "DaemonSet" && i32::try_from(pods.len()).is_ok_and(|pods| pods >= wanted);
    let since = event.first_timestamp.as_ref().map(|time| time.0);
    (!enough).then(|| refusal::finding(index, &object, event.message.as_deref().unwrap_or_default(), since))
}
