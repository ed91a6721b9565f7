//! Where in the world a Signal points.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ObjectRef;

/// What an alert's labels say about where the trouble is. Every field but `cluster` may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Scope {
    /// Name of the cluster in the settings; the default cluster where the alert names none.
    pub cluster: String,
    /// Namespace of the affected objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The workload (Deployment, StatefulSet, DaemonSet, Job, CronJob, HorizontalPodAutoscaler, Service) named by a
    /// label, or derived from the pod's name. Its kind is a guess when it was derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<ObjectRef>,
    /// Name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Name of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Name of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl Scope {
    /// The scope of an object, a node or a pod among them, or of a whole namespace.
    #[must_use]
    pub fn about(cluster: &str, namespace: Option<&str>, object: Option<&ObjectRef>) -> Self {
        let own = object.map(|object| object.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let named =
            |kind: &str| object.filter(|object| object.kind == kind).map(|object| object.name.clone());
        let workload = object.filter(|object| !matches!(object.kind.as_str(), "Node" | "Pod"));
        Self {
            cluster: cluster.to_owned(),
            namespace: namespace.or(own).map(str::to_owned),
            workload: workload.cloned(),
            pod: named("Pod"),
            container: None,
            node: named("Node"),
        }
    }

    /// The key by which alerts about the same thing find each other: cluster, namespace and workload name (without its
    /// kind, which different alerts name differently), else the node, else the pod, else the namespace.
    #[must_use]
    pub fn correlation_key(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let subject = match (&self.workload, &self.pod, &self.node) {
            (Some(workload), _, _) => workload.name.as_str(),
            (None, Some(pod), _) => pod,
            (None, None, Some(node)) => return format!("{}/node/{node}", self.cluster),
            (None, None, None) => "*",
        };
        format!("{}/{namespace}/{subject}", self.cluster)
    }

    /// The most specific object that the scope names, for headings.
    #[must_use]
    pub fn subject(&self) -> Option<ObjectRef> {
        let namespace = self.namespace.clone().unwrap_or_default();
        let pod = || self.pod.as_ref().map(|pod| ObjectRef::new("Pod", namespace.clone(), pod));
        let node = || self.node.as_ref().map(|node| ObjectRef::cluster_wide("Node", node));
        self.workload.clone().or_else(pod).or_else(node)
    }
}
