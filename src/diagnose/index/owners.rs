//! Which workload a pod belongs to.
//!
//! At most two owner steps are followed (pod, ReplicaSet, Deployment), so that owners in a circle do no harm.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;

/// The kinds whose pods are looked up by workload.
const WORKLOADS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "CronJob"];

impl<'a> Index<'a> {
    pub(super) fn own_replica_sets(&mut self) {
        for set in &self.snapshot.objects.replica_sets {
            let owner = self.owner_of_replica_set(&object_ref(set));
            self.replica_sets_of.entry(owner).or_default().push(set);
        }
    }

    /// ReplicaSets of a Deployment, in the order of the Snapshot.
    #[must_use]
    pub fn replica_sets_of(&self, deployment: &ObjectRef) -> &[&'a ReplicaSet] {
        self.replica_sets_of.get(deployment).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn own_pods(&mut self) {
        for pod in &self.snapshot.objects.pods {
            let workload = self.find_workload(pod);
            self.pods_of.entry(workload.clone()).or_default().push(pod);
            self.workload_of_pod.insert(object_ref(pod), workload);
        }
    }

    /// The workload that made the pod: a Deployment rather than its ReplicaSet; the pod itself where nothing owns it.
    #[must_use]
    pub fn workload(&self, pod: &Pod) -> ObjectRef {
        self.workload_of(&object_ref(pod))
    }

    /// The workload that the object stands for: of a pod or ReplicaSet its owner, of anything else itself.
    #[must_use]
    pub fn workload_of(&self, object: &ObjectRef) -> ObjectRef {
        match object.kind.as_str() {
            "Pod" => self.workload_of_pod.get(object).unwrap_or(object).clone(),
            "ReplicaSet" => self.owner_of_replica_set(object),
            _ => object.clone(),
        }
    }

    /// Pods of a workload, in the order of the Snapshot.
    #[must_use]
    pub fn pods_of(&self, workload: &ObjectRef) -> &[&'a Pod] {
        self.pods_of.get(workload).map(Vec::as_slice).unwrap_or_default()
    }

    /// Workloads that have pods, in order.
    pub fn workloads_with_pods(&self) -> impl Iterator<Item = (&ObjectRef, &[&'a Pod])> {
        self.pods_of.iter().map(|(workload, pods)| (workload, pods.as_slice()))
    }

    fn find_workload(&self, pod: &Pod) -> ObjectRef {
        let Some(owner) = controller(&pod.metadata) else { return object_ref(pod) };
        let owner = ObjectRef::new(&owner.kind, namespace_of(&pod.metadata), &owner.name);
        if owner.kind == "ReplicaSet" { self.owner_of_replica_set(&owner) } else { owner }
    }

    fn owner_of_replica_set(&self, replica_set: &ObjectRef) -> ObjectRef {
        if let Some(found) = self.replica_set(replica_set) {
            let owner = controller(&found.metadata);
            let named = owner.map(|owner| ObjectRef::new(&owner.kind, &replica_set.namespace, &owner.name));
            return named.unwrap_or_else(|| replica_set.clone());
        }
        // A ReplicaSet that could not be read still carries its Deployment's name before the last dash.
        let guess = replica_set.name.rsplit_once('-').map(|(name, _)| name);
        let guess = guess.map(|name| ObjectRef::new("Deployment", &replica_set.namespace, name));
        guess.filter(|guess| self.deployment(guess).is_some()).unwrap_or_else(|| replica_set.clone())
    }
}

/// The owner that controls the object: the one so marked, else the first that is a workload.
pub(super) fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let marked = owners.iter().find(|owner| owner.controller == Some(true));
    marked.or_else(|| owners.iter().find(|owner| WORKLOADS.contains(&owner.kind.as_str())))
}

/// The owner that controls an object, as a name.
impl Index<'_> {
    /// The direct owner of an object with this metadata.
    #[must_use]
    pub fn owner(&self, metadata: &ObjectMeta) -> Option<ObjectRef> {
        controller(metadata).map(|owner| ObjectRef::new(&owner.kind, namespace_of(metadata), &owner.name))
    }
}
