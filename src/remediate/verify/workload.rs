//! A workload and its pods as they are now, for the Checks.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::core::Resource;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Look;
use crate::incident::ObjectRef;
use crate::remediate::error::ClusterError;
use crate::remediate::fields;
use crate::remediate::target::{self, Target};

/// Most objects of one kind that are read for one workload.
const MOST: u32 = 1000;

/// A workload with the pods that it owns.
pub(super) struct Watched {
    /// The workload.
    pub(super) live: Value,
    /// Its pods, without those that are being deleted or have ended for good.
    pub(super) pods: Vec<Pod>,
    /// UID or revision hash by which the newest pods are known; `None`: all pods are of one kind.
    newest: Option<Newest>,
}

enum Newest {
    /// Owned by the ReplicaSet with this UID.
    Owner(String),
    /// With this `controller-revision-hash`.
    Hash(String),
}

impl Watched {
    /// The pods of the newest revision.
    pub(super) fn newest_pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|&pod| match &self.newest {
            None => true,
            Some(Newest::Owner(uid)) => is_owned_by(pod, uid),
            Some(Newest::Hash(hash)) => {
                let labels = pod.metadata.labels.as_ref();
                labels.and_then(|labels| labels.get("controller-revision-hash")) == Some(hash)
            }
        })
    }
}

/// Whether the workload's controller has seen its newest spec.
pub(super) fn is_observed(live: &Value) -> bool {
    let generation = fields::number(live, "/metadata/generation");
    generation.is_none() || fields::number(live, "/status/observedGeneration") >= generation
}

impl Look<'_> {
    /// The object as it is.
    pub(super) async fn read_object(&self, object: &ObjectRef) -> Result<Value, ClusterError> {
        Target::new(self.client, object, self.pace)?.read().await
    }

    /// A workload and the pods that it owns, directly or through its ReplicaSets.
    pub(super) async fn watched(&self, workload: &ObjectRef) -> Result<Watched, ClusterError> {
        let live = self.read_object(workload).await?;
        let uid = target::uid(&live).to_owned();
        let selector = selector(&live);
        let mut pods: Vec<Pod> = self.list(workload, "Pod", &selector).await?;
        pods.retain(is_current);
        let newest = if workload.kind == "Deployment" {
            let mut sets: Vec<ReplicaSet> = self.list(workload, "ReplicaSet", &selector).await?;
            sets.retain(|set| is_owned_by(set, &uid));
            pods.retain(|pod| {
                sets.iter().filter_map(|set| set.metadata.uid.as_ref()).any(|set| is_owned_by(pod, set))
            });
            sets.iter()
                .max_by_key(|set| revision(set))
                .and_then(|set| set.metadata.uid.clone())
                .map(Newest::Owner)
        } else {
            pods.retain(|pod| is_owned_by(pod, &uid));
            fields::text(&live, "/status/updateRevision").map(|hash| Newest::Hash(hash.to_owned()))
        };
        Ok(Watched { live, pods, newest })
    }

    async fn list<K>(&self, near: &ObjectRef, kind: &str, selector: &str) -> Result<Vec<K>, ClusterError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &near.namespace);
        let what = ObjectRef::new(kind, &near.namespace, "*");
        let params = ListParams::default().labels(selector).limit(MOST);
        match tokio::time::timeout(self.pace.call, api.list(&params)).await {
            Ok(answer) => Ok(answer.map_err(|error| ClusterError::new("list", &what, error))?.items),
            Err(_) => Err(ClusterError::late("list", &what, self.pace.call)),
        }
    }
}

fn is_owned_by<K: Resource>(object: &K, uid: &str) -> bool {
    object.meta().owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

fn is_current(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn revision(set: &ReplicaSet) -> i64 {
    let annotations = set.metadata.annotations.as_ref();
    let text = annotations.and_then(|all| all.get("deployment.kubernetes.io/revision"));
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// `matchLabels` as a label selector; expressions are left out, since owners are compared anyway.
fn selector(live: &Value) -> String {
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs =
        labels.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    pairs.collect::<Vec<_>>().join(",")
}
