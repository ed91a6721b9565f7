//! The edges that the objects themselves state: owners, selectors, references, scheduling, autoscaling, host names.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::EdgeKind;
use super::build::Edge;
use crate::diagnose::index::{Index, config_references, object_ref, reference};
use crate::incident::ObjectRef;

pub(super) fn edges(index: &Index<'_>) -> Vec<Edge> {
    let mut found = owners(index);
    found.extend(index.snapshot.objects.pods.iter().flat_map(of_pod));
    found.extend(selected(index));
    found.extend(scaled(index));
    for (workload, spec) in index.specs() {
        found.extend(needs(&workload, spec));
        let called = index.called_by(&workload).iter();
        found.extend(called.map(|service| (workload.clone(), EdgeKind::Calls, service.clone())));
    }
    found
}

fn owners(index: &Index<'_>) -> Vec<Edge> {
    let objects = &index.snapshot.objects;
    let owned = |kind: &str, metadata: &ObjectMeta| {
        Some((index.owner(metadata)?, EdgeKind::Owns, reference(kind, metadata)))
    };
    let pods = objects.pods.iter().filter_map(|pod| owned("Pod", &pod.metadata));
    let replica_sets = objects.replica_sets.iter().filter_map(|set| owned("ReplicaSet", &set.metadata));
    let jobs = objects.jobs.iter().filter_map(|job| owned("Job", &job.metadata));
    pods.chain(replica_sets).chain(jobs).collect()
}

fn of_pod(pod: &Pod) -> Option<Edge> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    Some((object_ref(pod), EdgeKind::RunsOn, ObjectRef::cluster_wide("Node", node)))
}

fn selected(index: &Index<'_>) -> Vec<Edge> {
    let services = index.snapshot.objects.services.iter().map(object_ref);
    let edge = |service: ObjectRef| {
        let behind = index.behind(&service);
        behind.into_iter().map(move |workload| (service.clone(), EdgeKind::Selects, workload))
    };
    services.flat_map(edge).collect()
}

fn scaled(index: &Index<'_>) -> Vec<Edge> {
    let edge = |autoscaler| {
        let target = index.scale_target(autoscaler)?;
        Some((object_ref(autoscaler), EdgeKind::Scales, target))
    };
    index.snapshot.objects.autoscalers.iter().filter_map(edge).collect()
}

fn needs(workload: &ObjectRef, spec: &PodSpec) -> Vec<Edge> {
    let references = config_references(spec).into_iter().map(|found| {
        let kind = if found.mounted { EdgeKind::Mounts } else { EdgeKind::ReadsConfig };
        (workload.clone(), kind, found.object(&workload.namespace))
    });
    let claims = spec.volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let claims = claims.map(|claim| {
        let claim =
            ObjectRef::new("PersistentVolumeClaim", workload.namespace.as_str(), claim.claim_name.as_str());
        (workload.clone(), EdgeKind::Mounts, claim)
    });
    references.chain(claims).collect()
}
