//! One object of a cluster, read and written by name. Every call has a deadline and a typed error.

use std::future::Future;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, Status};
use serde_json::{Value, json};

use super::error::ClusterError;
use super::pace::Pace;
use super::{FIELD_MANAGER, fields};
use crate::incident::ObjectRef;

/// Whether a call only asks what would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `dryRun=All`.
    DryRun,
    /// For real.
    Real,
}

/// An object and the way to it.
pub(super) struct Target<'a> {
    object: &'a ObjectRef,
    api: Api<DynamicObject>,
    pace: Pace,
}

impl<'a> Target<'a> {
    /// No call is made yet; fails only for kinds that kubewright does not change.
    pub(super) fn new(
        client: &kube::Client,
        object: &'a ObjectRef,
        pace: Pace,
    ) -> Result<Self, ClusterError> {
        let unsupported = || ClusterError::Unsupported { target: object.clone() };
        let resource = resource(&object.kind).ok_or_else(unsupported)?;
        let api = match (object.kind.as_str(), object.namespace.as_str()) {
            ("Node", _) => Api::all_with(client.clone(), &resource),
            (_, "") => return Err(unsupported()),
            (_, namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        };
        Ok(Self { object, api, pace })
    }

    /// The object as it is.
    pub(super) async fn read(&self) -> Result<Value, ClusterError> {
        let object = self.within("get", self.api.get(&self.object.name)).await?;
        self.to_json("get", &object)
    }

    /// Replaces the object. `desired` carries the `resourceVersion` that it was made from, so that a change by somebody
    /// else in between gives a conflict and is never overwritten.
    pub(super) async fn replace(&self, desired: Value, mode: Mode) -> Result<Value, ClusterError> {
        let object: DynamicObject = serde_json::from_value(desired)
            .map_err(|error| ClusterError::new("update", self.object, kube::Error::SerdeError(error)))?;
        let params =
            PostParams { dry_run: mode == Mode::DryRun, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let written = self.within("update", self.api.replace(&self.object.name, &params, &object)).await?;
        self.to_json("update", &written)
    }

    /// Evicts the pod, honouring disruption budgets, if it still has this UID.
    pub(super) async fn evict(&self, uid: &str, mode: Mode) -> Result<(), ClusterError> {
        // Not `Api::evict`: kube names the options of the body so that the API server ignores them.
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": self.object.name, "namespace": self.object.namespace },
            "deleteOptions": { "preconditions": { "uid": uid } },
        });
        let params =
            PostParams { dry_run: mode == Mode::DryRun, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let call = self.api.create_subresource::<_, Status>("eviction", &self.object.name, &params, &body);
        self.within("evict", call).await.map(|_| ())
    }

    /// Deletes the pod from the API at once, if it still has this UID: only right when its node is dead.
    pub(super) async fn force_delete(&self, uid: &str, mode: Mode) -> Result<(), ClusterError> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams {
            dry_run: mode == Mode::DryRun,
            grace_period_seconds: Some(0),
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        self.within("delete", self.api.delete(&self.object.name, &params)).await.map(|_| ())
    }

    async fn within<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(self.pace.call, call).await {
            Ok(answer) => answer.map_err(|error| ClusterError::new(verb, self.object, error)),
            Err(_) => Err(ClusterError::late(verb, self.object, self.pace.call)),
        }
    }

    fn to_json(&self, verb: &'static str, object: &DynamicObject) -> Result<Value, ClusterError> {
        serde_json::to_value(object)
            .map_err(|error| ClusterError::new(verb, self.object, kube::Error::SerdeError(error)))
    }
}

/// UID of an object as read.
pub(super) fn uid(object: &Value) -> &str {
    fields::text(object, "/metadata/uid").unwrap_or_default()
}

/// `metadata.generation`, for the kinds whose generation speaks of their spec alone. A Pod's moves when it is deleted,
/// and Nodes and autoscalers have none in many versions.
pub(super) fn generation(object: &ObjectRef, live: &Value) -> Option<i64> {
    let meaningful =
        matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    fields::number(live, "/metadata/generation").filter(|_| meaningful)
}

fn resource(kind: &str) -> Option<ApiResource> {
    Some(match kind {
        "Deployment" => ApiResource::erase::<Deployment>(&()),
        "StatefulSet" => ApiResource::erase::<StatefulSet>(&()),
        "DaemonSet" => ApiResource::erase::<DaemonSet>(&()),
        "ReplicaSet" => ApiResource::erase::<ReplicaSet>(&()),
        "HorizontalPodAutoscaler" => ApiResource::erase::<HorizontalPodAutoscaler>(&()),
        "Pod" => ApiResource::erase::<Pod>(&()),
        "Node" => ApiResource::erase::<Node>(&()),
        _ => return None,
    })
}
