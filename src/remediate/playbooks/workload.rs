//! Which workload a Hypothesis is about, and what the Snapshot knows of it.

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::Case;
use crate::incident::{Evidence, Hypothesis, ObjectRef};
use crate::observe::Snapshot;

impl Case<'_> {
    /// The workload behind the Hypothesis: behind the object at fault, else behind what its Evidence is about, else the
    /// focus of the Snapshot.
    pub(super) fn workload(&self, hypothesis: &Hypothesis) -> Option<ObjectRef> {
        let cited = || self.evidence.iter().filter(|seen| hypothesis.evidence_for.contains(&seen.id));
        std::iter::once(hypothesis.object.clone())
            .chain(cited().map(|seen| seen.object.clone()))
            .chain(cited().filter_map(pod_of))
            .chain(self.snapshot.focus.clone())
            .find_map(|object| controller_of(&object, self.snapshot))
    }
}

/// The pod that a piece of Evidence about something else (a ConfigMap that is missing) was seen on.
fn pod_of(seen: &Evidence) -> Option<ObjectRef> {
    let namespace = seen.fields.get("pod_namespace").unwrap_or(&seen.object.namespace);
    Some(ObjectRef::new("Pod", namespace, seen.fields.get("pod")?))
}

/// The Deployment, StatefulSet or DaemonSet that `object` is or belongs to.
pub(in crate::remediate) fn controller_of(object: &ObjectRef, snapshot: &Snapshot) -> Option<ObjectRef> {
    let objects = &snapshot.objects;
    match object.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" => template(object, snapshot).map(|_| object.clone()),
        "ReplicaSet" => {
            let set = objects.replica_sets.iter().find(|set| is(&set.metadata, object))?;
            controller_of(&owner(&set.metadata)?, snapshot)
        }
        "Pod" => {
            let pod = objects.pods.iter().find(|pod| is(&pod.metadata, object))?;
            controller_of(&owner(&pod.metadata)?, snapshot)
        }
        "HorizontalPodAutoscaler" => {
            let hpa = objects.autoscalers.iter().find(|hpa| is(&hpa.metadata, object))?;
            let target = &hpa.spec.scale_target_ref;
            controller_of(&ObjectRef::new(&target.kind, &object.namespace, &target.name), snapshot)
        }
        _ => None,
    }
}

/// The pod template of a workload in the Snapshot.
pub(super) fn template<'a>(workload: &ObjectRef, snapshot: &'a Snapshot) -> Option<&'a PodTemplateSpec> {
    let objects = &snapshot.objects;
    match workload.kind.as_str() {
        "Deployment" => {
            let found = objects.deployments.iter().find(|each| is(&each.metadata, workload))?;
            Some(&found.spec.as_ref()?.template)
        }
        "StatefulSet" => {
            let found = objects.stateful_sets.iter().find(|each| is(&each.metadata, workload))?;
            Some(&found.spec.as_ref()?.template)
        }
        "DaemonSet" => {
            let found = objects.daemon_sets.iter().find(|each| is(&each.metadata, workload))?;
            Some(&found.spec.as_ref()?.template)
        }
        _ => None,
    }
}

/// The pods of a workload.
pub(in crate::remediate) fn pods<'a>(
    workload: &'a ObjectRef,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = &'a Pod> {
    snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace.as_deref() == Some(&workload.namespace))
        .filter(|pod| {
            let owner = owner(&pod.metadata).and_then(|owner| controller_of(&owner, snapshot));
            owner.as_ref() == Some(workload)
        })
}

/// Names an object by its metadata.
pub(super) fn reference(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(
        kind,
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// The reference to the controller among the owners.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The controller of an object, as an object of the same namespace.
pub(super) fn owner(metadata: &ObjectMeta) -> Option<ObjectRef> {
    let owner = controller(metadata)?;
    Some(ObjectRef::new(&owner.kind, metadata.namespace.clone().unwrap_or_default(), &owner.name))
}

fn is(metadata: &ObjectMeta, object: &ObjectRef) -> bool {
    metadata.name.as_deref() == Some(&object.name)
        && metadata.namespace.as_deref().unwrap_or_default() == object.namespace
}
