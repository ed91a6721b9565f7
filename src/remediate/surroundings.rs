//! What an Action has to know besides its target: revisions for a roll-back, the node for a pod.

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::Value;

use super::error::ClusterError;
use super::fields;
use super::pace::Pace;
use super::target::{self, Target};
use crate::incident::{Action, ObjectRef};

/// Most ReplicaSets looked at; Kubernetes keeps ten revisions unless told otherwise.
const MOST_REVISIONS: u32 = 500;

/// Objects beside the target.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// ReplicaSets that the Deployment owns, for a roll-back.
    pub(super) revisions: Vec<Value>,
    /// The pod's node, for deleting a pod; `None` where it could not be read.
    pub(super) node: Option<Value>,
}

/// Reads what `action` needs beside `live`.
pub(super) async fn read(
    client: &kube::Client,
    action: &Action,
    live: &Value,
    pace: Pace,
) -> Result<Surroundings, ClusterError> {
    match action {
        Action::RollBack { workload, .. } => {
            Ok(Surroundings { revisions: revisions(client, workload, live, pace).await?, node: None })
        }
        Action::DeletePod { .. } => {
            Ok(Surroundings { node: node(client, live, pace).await?, ..Surroundings::default() })
        }
        _ => Ok(Surroundings::default()),
    }
}

async fn revisions(
    client: &kube::Client,
    workload: &ObjectRef,
    live: &Value,
    pace: Pace,
) -> Result<Vec<Value>, ClusterError> {
    let resource = ApiResource::erase::<ReplicaSet>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &workload.namespace, &resource);
    let what = ObjectRef::new("ReplicaSet", &workload.namespace, "*");
    let params = ListParams::default().limit(MOST_REVISIONS).labels(&selector(live));
    let listed = match tokio::time::timeout(pace.call, api.list(&params)).await {
        Ok(answer) => answer.map_err(|error| ClusterError::new("list", &what, error))?,
        Err(_) => return Err(ClusterError::late("list", &what, pace.call)),
    };
    let owned = |set: &Value| {
        fields::list(set, "/metadata/ownerReferences")
            .iter()
            .any(|owner| fields::text(owner, "/uid") == Some(target::uid(live)))
    };
    let sets = listed.items.iter().filter_map(|set| serde_json::to_value(set).ok());
    Ok(sets.filter(owned).collect())
}

/// The Deployment's `matchLabels` as a label selector; expressions are left out, owners are compared afterwards anyway.
fn selector(live: &Value) -> String {
    let labels = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs =
        labels.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    pairs.collect::<Vec<_>>().join(",")
}

/// A node that is gone or that we may not read is no proof that it is dead; the pod is then evicted as usual.
async fn node(client: &kube::Client, pod: &Value, pace: Pace) -> Result<Option<Value>, ClusterError> {
    let Some(name) = fields::text(pod, "/spec/nodeName") else { return Ok(None) };
    let node = ObjectRef::cluster_wide("Node", name);
    match Target::new(client, &node, pace)?.read().await {
        Ok(live) => Ok(Some(live)),
        Err(ClusterError::Gone { .. } | ClusterError::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
