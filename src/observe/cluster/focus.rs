//! What an alert means among live objects.
//!
//! Labels name things loosely: `Deployment checkout` may be a StatefulSet, a Service, or a pod's former owner. The
//! answer is always an object that exists in what was read.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::super::Objects;
use super::owners::{Workload, is, owner_above, selects, top_owner, workloads};
use crate::incident::{ObjectRef, Scope};

/// The workload, pod or node that `scope` means; `None` when nothing that was read fits, or it names a namespace only.
pub(in super::super) fn resolve(scope: &Scope, objects: &Objects) -> Option<ObjectRef> {
    let by_pod = scope.pod.as_ref().and_then(|pod| pod_owner(scope, pod, objects));
    let by_name = scope.workload.as_ref().and_then(|guess| workload(scope, guess, objects));
    match (by_pod, by_name) {
        // The pod says for certain what a derived workload only guesses. Another workload was named on purpose: the pod
        // may be the exporter's.
        (Some(by_pod), Some(by_name)) if by_pod.name != by_name.name => Some(by_name),
        (Some(found), _) | (None, Some(found)) => Some(found),
        (None, None) => {
            let former = scope.pod.as_ref().and_then(|pod| former_owner(scope, pod, objects));
            former.or_else(|| node(scope, objects))
        }
    }
}

fn namespace_of<'a>(scope: &'a Scope, guess: Option<&'a ObjectRef>) -> Option<&'a str> {
    let guessed = guess.map(|guess| guess.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    guessed.or(scope.namespace.as_deref())
}

fn pod_owner(scope: &Scope, name: &str, objects: &Objects) -> Option<ObjectRef> {
    let in_scope = |pod: &&Pod| {
        pod.name_any() == name
            && scope.namespace.as_ref().is_none_or(|namespace| pod.namespace().as_ref() == Some(namespace))
    };
    objects.pods.iter().find(in_scope).map(|pod| top_owner(objects, pod))
}

/// The live object for a guessed workload: of the guessed kind first, then of any.
fn workload(scope: &Scope, guess: &ObjectRef, objects: &Objects) -> Option<ObjectRef> {
    let namespace = namespace_of(scope, Some(guess))?;
    let wanted = ObjectRef::new(guess.kind.clone(), namespace, guess.name.clone());
    let exact = workloads(objects).find(|workload| workload.is(&wanted));
    let stand_in = |kind: &str| by_kind(&ObjectRef::new(kind, namespace, guess.name.clone()), objects);
    exact
        .map(|workload| owner_above(objects, workload.object()))
        .or_else(|| by_kind(&wanted, objects))
        .or_else(|| named(&wanted, objects))
        .or_else(|| stand_in("Service"))
        .or_else(|| stand_in("HorizontalPodAutoscaler"))
        .or_else(|| stand_in("Pod"))
}

/// Kinds that stand for a workload, or that another owns.
fn by_kind(wanted: &ObjectRef, objects: &Objects) -> Option<ObjectRef> {
    match wanted.kind.as_str() {
        "HorizontalPodAutoscaler" => autoscaled(wanted, objects),
        "Service" => behind_service(wanted, objects),
        "ReplicaSet" => {
            let exists = objects.replica_sets.iter().any(|set| is(&set.metadata, wanted));
            exists.then(|| owner_above(objects, wanted.clone()))
        }
        "Pod" => objects.pods.iter().find(|pod| is(&pod.metadata, wanted)).map(|pod| top_owner(objects, pod)),
        _ => None,
    }
}

/// Any workload of that name, then any ReplicaSet.
fn named(wanted: &ObjectRef, objects: &Objects) -> Option<ObjectRef> {
    let workload = workloads(objects).find(|workload| is(workload.metadata, wanted));
    workload.map(|workload| owner_above(objects, workload.object())).or_else(|| {
        by_kind(&ObjectRef::new("ReplicaSet", wanted.namespace.clone(), wanted.name.clone()), objects)
    })
}

fn autoscaled(wanted: &ObjectRef, objects: &Objects) -> Option<ObjectRef> {
    let autoscaler = objects.autoscalers.iter().find(|hpa| is(&hpa.metadata, wanted))?;
    let target = &autoscaler.spec.scale_target_ref;
    let target = ObjectRef::new(target.kind.clone(), wanted.namespace.clone(), target.name.clone());
    workloads(objects).find(|workload| workload.is(&target)).map(|workload| workload.object())
}

fn behind_service(wanted: &ObjectRef, objects: &Objects) -> Option<ObjectRef> {
    let service = objects.services.iter().find(|service| is(&service.metadata, wanted))?;
    let selector = service.spec.as_ref()?.selector.as_ref();
    let behind = |workload: &Workload<'_>| {
        workload.metadata.namespace == service.metadata.namespace
            && selects(selector, workload.template.metadata.as_ref().and_then(|meta| meta.labels.as_ref()))
    };
    workloads(objects).find(behind).map(|workload| workload.object())
}

/// The workload that a pod which is gone belonged to, by how controllers name pods: `<deployment>-<hash>-<id>`,
/// `<job|daemonset>-<id>`, `<statefulset>-<ordinal>`.
fn former_owner(scope: &Scope, pod: &str, objects: &Objects) -> Option<ObjectRef> {
    let namespace = scope.namespace.as_deref()?;
    let (once, _) = pod.rsplit_once('-')?;
    let twice = once.rsplit_once('-').map(|(name, _)| name);
    [Some(once), twice]
        .into_iter()
        .flatten()
        .find_map(|name| named(&ObjectRef::new("", namespace, name), objects))
}

fn node(scope: &Scope, objects: &Objects) -> Option<ObjectRef> {
    let name = scope.node.as_ref()?;
    objects.nodes.iter().find(|node| node.name_any() == *name)?;
    Some(ObjectRef::cluster_wide("Node", name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::Objects;
    use super::resolve;
    use crate::incident::{ObjectRef, Scope};

    fn meta(name: &str, owner: Option<(&str, &str)>) -> Value {
        let owners: Vec<Value> = owner
            .map(|(kind, name)| {
                json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true})
            })
            .into_iter()
            .collect();
        json!({"namespace": "shop", "name": name, "ownerReferences": owners})
    }

    fn workload(name: &str) -> Value {
        json!({"metadata": meta(name, None), "spec": {"selector": {"matchLabels": {"app": name}},
            "serviceName": name, "template": {"metadata": {"labels": {"app": name}}}}})
    }

    fn world() -> Objects {
        serde_json::from_value(json!({
            "deployments": [workload("checkout"), workload("cart")],
            "stateful_sets": [workload("postgres")],
            "cron_jobs": [{"metadata": meta("report", None), "spec": {"schedule": "@daily",
                "jobTemplate": {"spec": {"template": {}}}}}],
            "jobs": [{"metadata": meta("report-29", Some(("CronJob", "report"))), "spec": {"template": {}}}],
            "replica_sets": [{"metadata": meta("checkout-7d9", Some(("Deployment", "checkout"))),
                "spec": {"selector": {}}}],
            "pods": [
                {"metadata": meta("checkout-7d9-x2x4z", Some(("ReplicaSet", "checkout-7d9")))},
                {"metadata": meta("report-29-abcde", Some(("Job", "report-29")))},
                {"metadata": meta("canary-1-a", Some(("Rollout", "canary")))},
                {"metadata": meta("alone", None)},
            ],
            "services": [{"metadata": meta("shop-front", None), "spec": {"selector": {"app": "checkout"}}},
                {"metadata": meta("headless", None), "spec": {}}],
            "autoscalers": [{"metadata": meta("cart-hpa", None), "spec": {"maxReplicas": 3,
                "scaleTargetRef": {"kind": "Deployment", "name": "cart"}}}],
            "nodes": [{"metadata": {"name": "node-1"}}],
        }))
        .unwrap()
    }

    fn scope(workload: Option<(&str, &str)>, pod: Option<&str>, node: Option<&str>) -> Scope {
        Scope {
            cluster: "c".to_owned(),
            namespace: Some("shop".to_owned()),
            workload: workload.map(|(kind, name)| ObjectRef::new(kind, "shop", name)),
            pod: pod.map(str::to_owned),
            node: node.map(str::to_owned),
            container: None,
        }
    }

    #[test]
    fn a_guess_becomes_the_live_object_it_means() {
        let deployment = |name: &str| Some(ObjectRef::new("Deployment", "shop", name));
        let postgres = Some(ObjectRef::new("StatefulSet", "shop", "postgres"));
        let report = Some(ObjectRef::new("CronJob", "shop", "report"));
        let cases = [
            (scope(Some(("Deployment", "checkout")), None, None), deployment("checkout")),
            (scope(Some(("Deployment", "postgres")), None, None), postgres.clone()),
            (scope(Some(("HorizontalPodAutoscaler", "cart-hpa")), None, None), deployment("cart")),
            (scope(Some(("Service", "shop-front")), None, None), deployment("checkout")),
            (scope(Some(("Deployment", "shop-front")), None, None), deployment("checkout")),
            (scope(Some(("Service", "headless")), None, None), None),
            (scope(Some(("ReplicaSet", "checkout-7d9")), None, None), deployment("checkout")),
            (scope(Some(("Job", "report-29")), None, None), report.clone()),
            (scope(None, Some("checkout-7d9-x2x4z"), None), deployment("checkout")),
            (scope(None, Some("report-29-abcde"), None), report),
            (scope(None, Some("canary-1-a"), None), Some(ObjectRef::new("Rollout", "shop", "canary"))),
            (scope(None, Some("alone"), None), Some(ObjectRef::new("Pod", "shop", "alone"))),
            (scope(None, Some("checkout-5c4-gone1"), None), deployment("checkout")),
            (scope(None, Some("postgres-0"), None), postgres),
            (scope(None, None, Some("node-1")), Some(ObjectRef::cluster_wide("Node", "node-1"))),
            (scope(None, None, Some("node-9")), None),
            (scope(None, None, None), None),
        ];
        for (scope, expected) in cases {
            assert_eq!(resolve(&scope, &world()), expected, "{scope:?}");
        }
    }

    #[test]
    fn a_workload_named_on_purpose_wins_over_the_pod_of_an_exporter() {
        let scope = scope(Some(("Deployment", "cart")), Some("checkout-7d9-x2x4z"), None);
        assert_eq!(resolve(&scope, &world()), Some(ObjectRef::new("Deployment", "shop", "cart")));
    }
}
