//! What rules look up in a diagnosis: Evidence by object, objects as the API has them, logs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use crate::diagnose::facts::Facts;
use crate::diagnose::index::object_ref;
use crate::diagnose::named;
use crate::incident::{Evidence, ObjectRef};
use crate::observe::{LogExcerpt, Objects};

/// How much of a container's log is searched, from its end, bytes.
const LOG_BYTES: usize = 256 * 1024;

/// The facts of a diagnosis, sorted by what the rules of files ask for.
pub(super) struct Scene<'a> {
    pub(super) facts: &'a Facts<'a>,
    /// By the object itself, and by the workload that it belongs to.
    evidence: BTreeMap<ObjectRef, Vec<&'a Evidence>>,
    objects: RefCell<HashMap<ObjectRef, Rc<Value>>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(facts: &'a Facts<'a>) -> Self {
        let mut evidence: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
        for piece in facts.evidence {
            let workload = facts.index.workload_of(&piece.object);
            if workload != piece.object {
                evidence.entry(workload).or_default().push(piece);
            }
            evidence.entry(piece.object.clone()).or_default().push(piece);
        }
        Self { facts, evidence, objects: RefCell::default() }
    }

    /// Evidence about the object, or about the pods and ReplicaSets of the workload; strongest first.
    pub(super) fn about(&self, object: &ObjectRef) -> &[&'a Evidence] {
        self.evidence.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    /// The objects at which edges of this one may begin: a workload's own and its pods', a pod's own and its workload's.
    pub(super) fn ends(&self, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        let pods = self.facts.index.pods_of(object).iter().map(|pod| object_ref(*pod));
        pods.chain([object.clone(), self.facts.index.workload_of(object)]).collect()
    }

    /// The workload that a piece of Evidence concerns: the one that it names, else that of the pod that it names, else its
    /// own object's.
    pub(super) fn concerned(&self, piece: &Evidence) -> Option<ObjectRef> {
        named::workload(&piece.fields, &piece.object).or_else(|| self.facts.workload_named(piece))
    }

    /// The object as the API has it; null where the Snapshot does not hold it, or holds its name only.
    pub(super) fn object(&self, object: &ObjectRef) -> Rc<Value> {
        if let Some(known) = self.objects.borrow().get(object) {
            return Rc::clone(known);
        }
        let found = Rc::new(find(&self.facts.index.snapshot.objects, object).unwrap_or(Value::Null));
        self.objects.borrow_mut().insert(object.clone(), Rc::clone(&found));
        found
    }

    /// The ends of the logs of the object's containers, or of its pods'.
    pub(super) fn logs(&self, object: &ObjectRef) -> impl Iterator<Item = &'a str> {
        let of = move |excerpt: &&LogExcerpt| {
            let pod = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
            pod == *object || self.facts.index.workload_of(&pod) == *object
        };
        self.facts.index.snapshot.logs.iter().filter(of).map(|excerpt| end(&excerpt.text))
    }
}

fn end(text: &str) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(LOG_BYTES));
    text.get(from..).unwrap_or(text)
}

fn find(objects: &Objects, wanted: &ObjectRef) -> Option<Value> {
    match wanted.kind.as_str() {
        "Pod" => among(&objects.pods, wanted),
        "Deployment" => among(&objects.deployments, wanted),
        "ReplicaSet" => among(&objects.replica_sets, wanted),
        "StatefulSet" => among(&objects.stateful_sets, wanted),
        "DaemonSet" => among(&objects.daemon_sets, wanted),
        "Job" => among(&objects.jobs, wanted),
        "CronJob" => among(&objects.cron_jobs, wanted),
        "Service" => among(&objects.services, wanted),
        "Node" => among(&objects.nodes, wanted),
        "HorizontalPodAutoscaler" => among(&objects.autoscalers, wanted),
        "PersistentVolumeClaim" => among(&objects.claims, wanted),
        "PersistentVolume" => among(&objects.volumes, wanted),
        "StorageClass" => among(&objects.storage_classes, wanted),
        "Ingress" => among(&objects.ingresses, wanted),
        "NetworkPolicy" => among(&objects.network_policies, wanted),
        "ResourceQuota" => among(&objects.quotas, wanted),
        "LimitRange" => among(&objects.limit_ranges, wanted),
        "PodDisruptionBudget" => among(&objects.disruption_budgets, wanted),
        "ServiceAccount" => among(&objects.service_accounts, wanted),
        "Namespace" => among(&objects.namespaces, wanted),
        _ => objects.others.iter().find(|other| is_named(other, wanted)).cloned(),
    }
}

fn among<
    T: Serialize + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>,
>(
    objects: &[T],
    wanted: &ObjectRef,
) -> Option<Value> {
    let named = |object: &&T| {
        let metadata = object.metadata();
        metadata.name.as_ref() == Some(&wanted.name)
            && metadata.namespace.as_deref().unwrap_or_default() == wanted.namespace
    };
    serde_json::to_value(objects.iter().find(named)?).ok()
}

fn is_named(object: &Value, wanted: &ObjectRef) -> bool {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    text("/kind") == wanted.kind
        && text("/metadata/name") == wanted.name
        && text("/metadata/namespace") == wanted.namespace
}
