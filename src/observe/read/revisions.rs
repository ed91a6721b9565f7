//! The revisions of one workload's pod template.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::api::ListParams;
use kube::{Resource as _, ResourceExt as _};
use serde_json::Value;

use super::super::cluster::list;
use super::super::revisions::{Revision, revisions};
use super::super::template_diff::template_changes;
use super::super::{FieldChange, ReadError};
use super::names;
use super::reader::ClusterReader;
use crate::incident::ObjectRef;

/// What `kubectl rollout history` shows as the cause.
const CAUSE: &str = "kubernetes.io/change-cause";

/// One revision of a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadRevision {
    /// Its number; the highest is the current one.
    pub number: i64,
    /// The ReplicaSet or ControllerRevision that holds it.
    pub name: String,
    /// When that was made.
    pub created_at: Option<Timestamp>,
    /// Container and image, in order.
    pub images: Vec<(String, String)>,
    /// What was noted as the cause.
    pub cause: Option<String>,
    template: PodTemplateSpec,
}

impl WorkloadRevision {
    /// What is different in `self` compared with `before`, by field.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<FieldChange> {
        template_changes(&before.template, &self.template)
    }

    /// The pod template.
    #[must_use]
    pub fn template(&self) -> Value {
        serde_json::to_value(&self.template).unwrap_or_default()
    }
}

impl ClusterReader {
    /// The revisions of a Deployment, StatefulSet or DaemonSet that still exist, newest first.
    ///
    /// # Errors
    /// [`ReadError`] when they could not all be read.
    pub async fn revisions(&self, workload: &ObjectRef) -> Result<Vec<WorkloadRevision>, ReadError> {
        names::check(Some(&workload.namespace), Some(&workload.name))?;
        let namespace = Some(workload.namespace.as_str());
        let (client, limits) = (self.observer.client(), self.limits());
        let (mut sets, mut stored) = (Vec::new(), Vec::new());
        if workload.kind == "Deployment" {
            let (path, asked) =
                (ReplicaSet::url_path(&(), namespace), Self::asked("list", "replicasets.apps", namespace));
            let read = list::<ReplicaSet>(&client, &path, ListParams::default(), &asked, limits).await;
            sets = read.error.map_or(Ok(read.items), Err)?;
        } else {
            let (path, asked) = (
                ControllerRevision::url_path(&(), namespace),
                Self::asked("list", "controllerrevisions.apps", namespace),
            );
            let read =
                list::<ControllerRevision>(&client, &path, ListParams::default(), &asked, limits).await;
            stored = read.error.map_or(Ok(read.items), Err)?;
        }
        let causes: BTreeMap<String, String> = sets
            .iter()
            .map(|set| (set.name_any(), set.annotations().get(CAUSE)))
            .chain(stored.iter().map(|stored| (stored.name_any(), stored.annotations().get(CAUSE))))
            .filter_map(|(name, cause)| Some((name, cause?.clone())))
            .collect();
        let found = revisions(&sets, &stored).remove(workload).unwrap_or_default();
        Ok(found.into_iter().map(|revision| of_revision(revision, &causes)).collect())
    }
}

fn of_revision(revision: Revision, causes: &BTreeMap<String, String>) -> WorkloadRevision {
    let containers = revision.template.spec.iter().flat_map(|spec| &spec.containers);
    let images = containers
        .map(|container| (container.name.clone(), container.image.clone().unwrap_or_default()))
        .collect();
    WorkloadRevision {
        number: revision.number,
        cause: causes.get(&revision.name).cloned(),
        name: revision.name,
        created_at: revision.created_at,
        images,
        template: revision.template,
    }
}
