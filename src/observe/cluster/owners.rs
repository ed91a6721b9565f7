//! Who owns whom, and which pods belong to what.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use kube::ResourceExt as _;

use super::super::Objects;
use crate::incident::ObjectRef;

/// The workload at the end of a pod's chain of owners, as far as live objects confirm it; a pod that nobody owns is its
/// own.
pub(in super::super) fn top_owner(objects: &Objects, pod: &Pod) -> ObjectRef {
    let namespace = pod.namespace().unwrap_or_default();
    let Some(owner) = controller(&pod.metadata) else {
        return ObjectRef::new("Pod", namespace, pod.name_any());
    };
    owner_above(objects, ObjectRef::new(owner.0, namespace, owner.1))
}

/// Follows `object` up to a Deployment or CronJob.
pub(super) fn owner_above(objects: &Objects, object: ObjectRef) -> ObjectRef {
    let metadata = match object.kind.as_str() {
        "ReplicaSet" => find(objects.replica_sets.iter().map(|set| &set.metadata), &object),
        "Job" => find(objects.jobs.iter().map(|job| &job.metadata), &object),
        _ => None,
    };
    match metadata.and_then(controller) {
        Some((kind, name)) if matches!(kind, "Deployment" | "CronJob") => {
            ObjectRef::new(kind, object.namespace, name)
        }
        _ => object,
    }
}

/// The kind and name of the owner that controls an object.
fn controller(metadata: &ObjectMeta) -> Option<(&str, &str)> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true)).or_else(|| owners.first())?;
    Some((&owner.kind, &owner.name))
}

fn find<'a>(mut all: impl Iterator<Item = &'a ObjectMeta>, wanted: &ObjectRef) -> Option<&'a ObjectMeta> {
    all.find(|metadata| is(metadata, wanted))
}

/// Whether this is the metadata of `wanted`, kinds being equal.
pub(super) fn is(metadata: &ObjectMeta, wanted: &ObjectRef) -> bool {
    metadata.name.as_ref() == Some(&wanted.name)
        && metadata.namespace.as_deref().unwrap_or_default() == wanted.namespace
}

/// The pods of a workload, a node, or the pod itself.
pub(in super::super) fn pods_of<'a>(objects: &'a Objects, focus: &ObjectRef) -> Vec<&'a Pod> {
    objects
        .pods
        .iter()
        .filter(|pod| match focus.kind.as_str() {
            "Pod" => is(&pod.metadata, focus),
            "Node" => pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&focus.name),
            _ => top_owner(objects, pod) == *focus,
        })
        .collect()
}

/// The pod template and selector of a workload.
pub(in super::super) fn template_of<'a>(
    objects: &'a Objects,
    focus: &ObjectRef,
) -> Option<(&'a PodTemplateSpec, Option<&'a LabelSelector>)> {
    workloads(objects)
        .find(|workload| workload.is(focus))
        .map(|workload| (workload.template, workload.selector))
}

/// A workload with what Services, HPAs and people know it by.
pub(super) struct Workload<'a> {
    pub(super) kind: &'static str,
    pub(super) metadata: &'a ObjectMeta,
    pub(super) template: &'a PodTemplateSpec,
    pub(super) selector: Option<&'a LabelSelector>,
}

impl Workload<'_> {
    pub(super) fn object(&self) -> ObjectRef {
        let namespace = self.metadata.namespace.clone().unwrap_or_default();
        ObjectRef::new(self.kind, namespace, self.metadata.name.clone().unwrap_or_default())
    }

    pub(super) fn is(&self, object: &ObjectRef) -> bool {
        self.kind == object.kind && is(self.metadata, object)
    }
}

/// All workloads that have a pod template, those that keep pods running first.
pub(super) fn workloads(objects: &Objects) -> impl Iterator<Item = Workload<'_>> {
    let deployments = objects.deployments.iter().filter_map(|object| {
        let spec = object.spec.as_ref()?;
        let (template, selector) = (&spec.template, Some(&spec.selector));
        Some(Workload { kind: "Deployment", metadata: &object.metadata, template, selector })
    });
    let stateful_sets = objects.stateful_sets.iter().filter_map(|object| {
        let spec = object.spec.as_ref()?;
        let (template, selector) = (&spec.template, Some(&spec.selector));
        Some(Workload { kind: "StatefulSet", metadata: &object.metadata, template, selector })
    });
    let daemon_sets = objects.daemon_sets.iter().filter_map(|object| {
        let spec = object.spec.as_ref()?;
        let (template, selector) = (&spec.template, Some(&spec.selector));
        Some(Workload { kind: "DaemonSet", metadata: &object.metadata, template, selector })
    });
    deployments.chain(stateful_sets).chain(daemon_sets).chain(batch(objects))
}

fn batch(objects: &Objects) -> impl Iterator<Item = Workload<'_>> {
    let cron_jobs = objects.cron_jobs.iter().filter_map(|object| {
        let template = &object.spec.job_template.spec.as_ref()?.template;
        Some(Workload { kind: "CronJob", metadata: &object.metadata, template, selector: None })
    });
    let jobs = objects.jobs.iter().filter_map(|object| {
        let spec = object.spec.as_ref()?;
        let (template, selector) = (&spec.template, spec.selector.as_ref());
        Some(Workload { kind: "Job", metadata: &object.metadata, template, selector })
    });
    cron_jobs.chain(jobs)
}

/// Whether a plain selector, as Services have it, matches labels. An empty selector matches nothing here: a Service
/// without one has its endpoints from elsewhere.
pub(in super::super) fn selects(
    selector: Option<&BTreeMap<String, String>>,
    labels: Option<&BTreeMap<String, String>>,
) -> bool {
    let (Some(selector), Some(labels)) = (selector, labels) else { return false };
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// A label selector in the notation of list requests; `None` where it selects everything.
pub(in super::super) fn selector_text(selector: &LabelSelector) -> Option<String> {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().filter_map(requirement);
    let text = equal.chain(expressions).collect::<Vec<_>>().join(",");
    (!text.is_empty()).then_some(text)
}

fn requirement(requirement: &LabelSelectorRequirement) -> Option<String> {
    let LabelSelectorRequirement { key, operator, values } = requirement;
    let values = values.as_deref().unwrap_or_default().join(",");
    match operator.as_str() {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.clone()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}
