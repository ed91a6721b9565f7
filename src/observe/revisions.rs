//! The revisions of workloads' pod templates: ReplicaSets of Deployments, ControllerRevisions of the others. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use serde::Deserialize;

use crate::incident::ObjectRef;

const REVISION: &str = "deployment.kubernetes.io/revision";

/// One revision of a workload's pod template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Revision {
    /// The ReplicaSet or ControllerRevision.
    pub(super) name: String,
    /// Its number; the highest is the current one.
    pub(super) number: i64,
    /// When the object that holds it was made: long ago, where an old revision was made current again.
    pub(super) created_at: Option<Timestamp>,
    pub(super) template: PodTemplateSpec,
}

/// Revisions by workload, newest first.
pub(super) fn revisions(
    replica_sets: &[ReplicaSet],
    controller_revisions: &[ControllerRevision],
) -> BTreeMap<ObjectRef, Vec<Revision>> {
    let mut all: BTreeMap<ObjectRef, Vec<Revision>> = BTreeMap::new();
    let found = replica_sets
        .iter()
        .filter_map(of_replica_set)
        .chain(controller_revisions.iter().filter_map(of_controller_revision));
    for (owner, revision) in found {
        all.entry(owner).or_default().push(revision);
    }
    for revisions in all.values_mut() {
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    }
    all
}

fn of_replica_set(set: &ReplicaSet) -> Option<(ObjectRef, Revision)> {
    let number = set.annotations().get(REVISION)?.parse().ok()?;
    let template = set.spec.as_ref()?.template.clone()?;
    Some((owner(&set.metadata, &["Deployment"])?, revision(&set.metadata, number, template)))
}

/// What a ControllerRevision of a StatefulSet or DaemonSet holds.
#[derive(Deserialize)]
struct Patch {
    spec: PatchSpec,
}

#[derive(Deserialize)]
struct PatchSpec {
    template: PodTemplateSpec,
}

fn of_controller_revision(stored: &ControllerRevision) -> Option<(ObjectRef, Revision)> {
    let owner = owner(&stored.metadata, &["StatefulSet", "DaemonSet"])?;
    let patch = Patch::deserialize(&stored.data.as_ref()?.0).ok()?;
    Some((owner, revision(&stored.metadata, stored.revision, patch.spec.template)))
}

fn revision(metadata: &ObjectMeta, number: i64, template: PodTemplateSpec) -> Revision {
    Revision {
        name: metadata.name.clone().unwrap_or_default(),
        number,
        created_at: metadata.creation_timestamp.as_ref().map(|time| time.0),
        template,
    }
}

fn owner(metadata: &ObjectMeta, kinds: &[&str]) -> Option<ObjectRef> {
    let owners = metadata.owner_references.iter().flatten();
    let owner = owners.into_iter().find(|owner| kinds.contains(&owner.kind.as_str()))?;
    Some(ObjectRef::new(owner.kind.clone(), metadata.namespace.clone()?, owner.name.clone()))
}
