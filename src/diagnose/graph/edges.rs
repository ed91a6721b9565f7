//! The edges that the objects themselves state: owners, selectors, references, scheduling, autoscaling, host names.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use serde_json::Value;

use super::EdgeKind;
use super::build::Edge;
use crate::diagnose::index::{Index, config_references, object_ref, reference};
use crate::incident::ObjectRef;

pub(super) fn edges(index: &Index<'_>) -> Vec<Edge> {
    let mut found = owners(index);
    found.extend(index.snapshot.objects.pods.iter().flat_map(of_pod));
    found.extend(selected(index));
    found.extend(scaled(index));
    found.extend(routed(index));
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

/// From Ingresses, and from routes of the Gateway API, to the Services that they name.
fn routed(index: &Index<'_>) -> Vec<Edge> {
    let objects = &index.snapshot.objects;
    let ingresses = objects.ingresses.iter().flat_map(|ingress| {
        let name = object_ref(ingress);
        let spec = ingress.spec.iter();
        let backends = spec.flat_map(|spec| {
            let rules = spec.rules.iter().flatten().filter_map(|rule| rule.http.as_ref());
            let paths = rules.flat_map(|http| http.paths.iter().map(|path| &path.backend));
            spec.default_backend.iter().chain(paths)
        });
        let services = backends.filter_map(|backend| backend.service.as_ref());
        let to = |namespace: &str, service: &str| ObjectRef::new("Service", namespace, service);
        let edges =
            services.map(|service| (name.clone(), EdgeKind::Routes, to(&name.namespace, &service.name)));
        edges.collect::<Vec<_>>()
    });
    ingresses.chain(objects.others.iter().flat_map(of_route)).collect()
}

fn of_route(route: &Value) -> Vec<Edge> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let (Some(kind), Some(name)) = (text(route, "/kind"), text(route, "/metadata/name")) else {
        return Vec::new();
    };
    let is_gateways =
        text(route, "/apiVersion").is_some_and(|version| version.starts_with("gateway.networking.k8s.io/"));
    if !(is_gateways && kind.ends_with("Route")) {
        return Vec::new();
    }
    let namespace = text(route, "/metadata/namespace").unwrap_or_default();
    let list = |value: &Value, path: &str| {
        value.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let rules = list(route, "/spec/rules");
    let backends = rules.iter().flat_map(|rule| list(rule, "/backendRefs"));
    let services = backends.filter(|backend| text(backend, "/kind").is_none_or(|kind| kind == "Service"));
    let from = ObjectRef::new(kind, namespace.as_str(), name);
    let edge = |backend: Value| {
        let namespace = text(&backend, "/namespace").unwrap_or_else(|| namespace.clone());
        Some((from.clone(), EdgeKind::Routes, ObjectRef::new("Service", namespace, text(&backend, "/name")?)))
    };
    services.filter_map(edge).collect()
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
