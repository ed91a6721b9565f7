//! The pod templates of workloads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Index, object_ref};
use crate::incident::ObjectRef;
use crate::observe::Objects;

/// What a workload makes its pods from.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// Metadata of the pods to be.
    pub metadata: Option<&'a ObjectMeta>,
    /// Spec of the pods to be.
    pub spec: Option<&'a PodSpec>,
    /// Wanted replicas; 1 where the API's default applies, and for kinds without replicas.
    pub replicas: i32,
    /// When the workload was made.
    pub created_at: Option<Timestamp>,
}

impl<'a> Template<'a> {
    fn of(workload: &ObjectMeta, template: &'a PodTemplateSpec, replicas: Option<i32>) -> Self {
        Self {
            metadata: template.metadata.as_ref(),
            spec: template.spec.as_ref(),
            replicas: replicas.unwrap_or(1),
            created_at: workload.creation_timestamp.as_ref().map(|time| time.0),
        }
    }
}

impl<'a> Index<'a> {
    /// The pod template of a Deployment, StatefulSet, DaemonSet or Job.
    #[must_use]
    pub fn template(&self, workload: &ObjectRef) -> Option<Template<'a>> {
        self.templates.get(workload).copied()
    }

    /// All workloads with their templates, in order.
    pub fn templates(&self) -> impl Iterator<Item = (&ObjectRef, Template<'a>)> {
        self.templates.iter().map(|(workload, template)| (workload, *template))
    }

    /// When a Deployment, StatefulSet, DaemonSet or Job was made.
    #[must_use]
    pub fn created_at(&self, workload: &ObjectRef) -> Option<Timestamp> {
        self.template(workload)?.created_at
    }

    /// The spec by which a workload's pods run: its template's, else that of its first pod.
    #[must_use]
    pub fn spec_of(&self, workload: &ObjectRef) -> Option<&'a PodSpec> {
        let template = self.template(workload).and_then(|template| template.spec);
        template.or_else(|| self.pods_of(workload).iter().find_map(|pod| pod.spec.as_ref()))
    }
}

/// The revision that a Deployment or ReplicaSet carries in its annotation.
#[must_use]
pub fn revision_of(metadata: &ObjectMeta) -> Option<i64> {
    metadata.annotations.as_ref()?.get("deployment.kubernetes.io/revision")?.parse().ok()
}

pub(super) fn templates(objects: &Objects) -> BTreeMap<ObjectRef, Template<'_>> {
    let deployments = objects.deployments.iter().filter_map(|deployment| {
        let spec = deployment.spec.as_ref()?;
        Some((object_ref(deployment), Template::of(&deployment.metadata, &spec.template, spec.replicas)))
    });
    let stateful_sets = objects.stateful_sets.iter().filter_map(|set| {
        let spec = set.spec.as_ref()?;
        Some((object_ref(set), Template::of(&set.metadata, &spec.template, spec.replicas)))
    });
    let daemon_sets = objects.daemon_sets.iter().filter_map(|set| {
        Some((object_ref(set), Template::of(&set.metadata, &set.spec.as_ref()?.template, None)))
    });
    let jobs = objects.jobs.iter().filter_map(|job| {
        Some((object_ref(job), Template::of(&job.metadata, &job.spec.as_ref()?.template, None)))
    });
    deployments.chain(stateful_sets).chain(daemon_sets).chain(jobs).collect()
}
