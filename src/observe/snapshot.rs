//! What is known of the world about one scope at one time, as plain data that can be stored and replayed.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    ResourceQuota, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config_address::ConfigAddress;
use super::recorded::Recorded;

use super::logs::{LogLevel, LogTrend};
use crate::incident::{Gap, ObjectRef, Scope, Signal};

/// The Kubernetes objects, logs, metric readings and changes about a scope at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Name of the cluster in the settings.
    pub cluster: String,
    /// When reading began.
    pub taken_at: Timestamp,
    /// What the alerts pointed at.
    pub scope: Scope,
    /// The workload (or pod or node) that `scope` turned out to mean, checked against live objects. `None`: nothing by
    /// that name exists, or it could not be read (then there is a gap).
    pub focus: Option<ObjectRef>,
    /// The alerts that the incident is about.
    pub signals: Vec<Signal>,
    /// Kubernetes objects.
    pub objects: Objects,
    /// What changed lately, newest first.
    pub changes: Vec<Change>,
    /// Log excerpts of containers that fail, and of their neighbours where it matters.
    pub logs: Vec<LogExcerpt>,
    /// Error patterns found in logs (excerpts or Loki), most frequent first.
    pub log_patterns: Vec<LogPattern>,
    /// Metric readings.
    pub readings: Vec<Reading>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What was noted beside the objects: which resources were asked for, and what only some collectors bring.
    #[serde(default, skip_serializing_if = "Recorded::is_empty")]
    pub recorded: Recorded,
}

/// Kubernetes objects by kind. `managedFields` are dropped; ConfigMaps and Secrets are only names and keys, and the
/// hosts and ports that a ConfigMap tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Objects {
    /// Pods of the scope's namespaces that belong to the focus, its neighbours and the nodes in trouble.
    pub pods: Vec<Pod>,
    /// Deployments.
    pub deployments: Vec<Deployment>,
    /// ReplicaSets, all revisions that still exist.
    pub replica_sets: Vec<ReplicaSet>,
    /// StatefulSets.
    pub stateful_sets: Vec<StatefulSet>,
    /// DaemonSets.
    pub daemon_sets: Vec<DaemonSet>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// CronJobs.
    pub cron_jobs: Vec<CronJob>,
    /// Services.
    pub services: Vec<Service>,
    /// EndpointSlices.
    pub endpoint_slices: Vec<EndpointSlice>,
    /// ConfigMaps, names and keys only.
    pub config_maps: Vec<KeyedObject>,
    /// Secrets, names and keys only.
    pub secrets: Vec<KeyedObject>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// HorizontalPodAutoscalers.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// PersistentVolumeClaims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// PersistentVolumes.
    pub volumes: Vec<PersistentVolume>,
    /// StorageClasses.
    pub storage_classes: Vec<StorageClass>,
    /// Ingresses.
    pub ingresses: Vec<Ingress>,
    /// NetworkPolicies.
    pub network_policies: Vec<NetworkPolicy>,
    /// ResourceQuotas.
    pub quotas: Vec<ResourceQuota>,
    /// LimitRanges.
    pub limit_ranges: Vec<LimitRange>,
    /// PodDisruptionBudgets.
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// ServiceAccounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// Events.
    pub events: Vec<Event>,
    /// Endpoints, the older kind beside EndpointSlices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoints>,
    /// Roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// RoleBindings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub role_bindings: Vec<RoleBinding>,
    /// ClusterRoles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_roles: Vec<ClusterRole>,
    /// ClusterRoleBindings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_role_bindings: Vec<ClusterRoleBinding>,
    /// ValidatingWebhookConfigurations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validating_webhooks: Vec<ValidatingWebhookConfiguration>,
    /// MutatingWebhookConfigurations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mutating_webhooks: Vec<MutatingWebhookConfiguration>,
    /// Namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// PriorityClasses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_classes: Vec<PriorityClass>,
    /// RuntimeClasses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runtime_classes: Vec<RuntimeClass>,
    /// IngressClasses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress_classes: Vec<IngressClass>,
    /// Objects of the Gateway API and of kinds that are not built in, as they came; at most a few thousand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Value>,
}

impl Objects {
    /// How many objects there are, of all kinds.
    #[must_use]
    pub fn count(&self) -> usize {
        [
            self.pods.len(),
            self.deployments.len(),
            self.replica_sets.len(),
            self.stateful_sets.len(),
            self.daemon_sets.len(),
            self.jobs.len(),
            self.cron_jobs.len(),
            self.services.len(),
            self.endpoint_slices.len(),
            self.config_maps.len(),
            self.secrets.len(),
            self.nodes.len(),
            self.autoscalers.len(),
            self.claims.len(),
            self.volumes.len(),
            self.storage_classes.len(),
            self.ingresses.len(),
            self.network_policies.len(),
            self.quotas.len(),
            self.limit_ranges.len(),
            self.disruption_budgets.len(),
            self.service_accounts.len(),
            self.events.len(),
            self.endpoints.len(),
            self.roles.len(),
            self.role_bindings.len(),
            self.cluster_roles.len(),
            self.cluster_role_bindings.len(),
            self.validating_webhooks.len(),
            self.mutating_webhooks.len(),
            self.namespaces.len(),
            self.priority_classes.len(),
            self.runtime_classes.len(),
            self.ingress_classes.len(),
            self.others.len(),
        ]
        .iter()
        .sum()
    }
}

/// A ConfigMap or Secret without its values; of a ConfigMap the hosts and ports in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedObject {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.resourceVersion`, where it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Keys of `data` and `binaryData`, sorted.
    pub keys: Vec<String>,
    /// `metadata.creationTimestamp`.
    pub created_at: Option<Timestamp>,
    /// When somebody last wrote it: the newest time in `managedFields`, or the earliest time that its resource version allows
    /// where these are not known.
    pub changed_at: Option<Timestamp>,
    /// Hosts and ports in the values of a ConfigMap. Always empty for a Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<ConfigAddress>,
    /// Keys of a ConfigMap whose values are not those that were last applied. Always empty for a Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_keys: Vec<String>,
}

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A workload got a new revision of its pod template.
    Rollout,
    /// A ConfigMap or Secret was written after it was created.
    Configuration,
}

/// One difference between two revisions of a pod template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Where, as in `containers[app].image`, `containers[app].env[DB_URL]`, `containers[app].resources.limits.memory`.
    pub path: String,
    /// Before; `None` where it was added. Values of `env` are shown only as `configMapKeyRef cm/key`,
    /// `secretKeyRef secret/key` or `(literal)`: literals may be secrets.
    pub before: Option<String>,
    /// After; `None` where it was removed.
    pub after: Option<String>,
}

/// A recent change to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The kind of change.
    pub kind: ChangeKind,
    /// The object that changed.
    pub object: ObjectRef,
    /// When.
    pub at: Timestamp,
    /// The revision that it made, for a rollout.
    pub revision: Option<i64>,
    /// The revision before, which could be gone back to.
    pub previous_revision: Option<i64>,
    /// What is different.
    pub fields: Vec<FieldChange>,
}

/// A piece of one container's log. Untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExcerpt {
    /// Namespace.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// Whether it is the log of the run before the current one.
    pub previous: bool,
    /// The last lines.
    pub text: String,
    /// Whether older lines were cut off by the size limit.
    pub truncated: bool,
}

/// A repeated kind of error line. Untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPattern {
    /// Namespace.
    pub namespace: String,
    /// The workload or pod that logs it.
    pub source: ObjectRef,
    /// The message with numbers, ids, addresses and what else varies masked; without time, level and logger.
    pub template: String,
    /// One line as it was.
    pub sample: String,
    /// How often it was seen.
    pub count: u64,
    /// Language of the stack trace that goes with it, where one was recognised: `java`, `python`, `go`, `node`.
    pub stack_trace: Option<String>,
    /// The recognised stack trace, shortened.
    pub trace_excerpt: Option<String>,
    /// When it was first seen in what was read.
    pub first_seen: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
    /// How serious its lines say they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Lines before the onset of trouble and from then on, where an onset was known when the log was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around_onset: Option<(u64, u64)>,
    /// What the onset changed, where the log reaches far enough back to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<LogTrend>,
}

/// What a metric reading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// Container restarts in the last 15 minutes, a count.
    Restarts,
    /// Working-set memory divided by its limit, a ratio (its highest value in the last 15 minutes).
    MemoryOfLimit,
    /// Share of CPU periods in which the container was throttled, a ratio over 5 minutes.
    CpuThrottling,
    /// Share of requests answered 5xx, a ratio over 5 minutes.
    ErrorRate,
    /// 99th percentile of request duration over 5 minutes, seconds.
    LatencyP99,
    /// Current replicas divided by the autoscaler's maximum, a ratio.
    HpaUtilisation,
}

/// One number read from the metrics store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What it says.
    pub kind: ReadingKind,
    /// The object that it is about: a Pod, a Service, a workload, an autoscaler.
    pub object: ObjectRef,
    /// The container, where it is about one.
    pub container: Option<String>,
    /// The value now, in the unit of its kind.
    pub value: f64,
    /// The same an hour ago, where it could be read.
    pub before: Option<f64>,
    /// The PromQL that gave it, so that a person can ask again.
    pub query: String,
}
