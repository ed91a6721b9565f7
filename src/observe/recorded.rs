//! What a recording says beside the Kubernetes objects. Everything here is optional: live reading brings little of it, a
//! folder that somebody collected may bring all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was noted beside the objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recorded {
    /// The resources that were asked for and answered in full, by their plural (`pods`, `configmaps`), and the parts below
    /// by their file's name (`connectivity`). One that is in here and has no objects has none; one that is not in here is
    /// not known. Empty in Snapshots from before this was noted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub asked: BTreeSet<String>,
    /// The namespaces that were read in full; empty: all of them, or not noted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
    /// System services by node and name, as `systemctl status` shows them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_services: BTreeMap<String, BTreeMap<String, NodeService>>,
    /// Attempts to connect to Services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connectivity: Vec<Connectivity>,
    /// Who calls whom, by the name of the app.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, Dependency>,
    /// Summaries of whole logs by the name of the app.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub log_summaries: BTreeMap<String, LogSummary>,
    /// What was answered instead of a log, by the name of the app.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub log_errors: BTreeMap<String, Vec<String>>,
    /// What runs on each node, pods of namespaces that were not read included.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_details: BTreeMap<String, NodeDetail>,
    /// Manifests that were applied; those with `live` false have no live object: refused, or deleted since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Manifest>,
    /// The measured values of alerts, by the fingerprint of their Signal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alert_values: BTreeMap<String, Vec<AlertValue>>,
}

impl Recorded {
    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the resource (`configmaps`) or part (`connectivity`) was asked for and answered in full, so that what is not
    /// there does not exist.
    #[must_use]
    pub fn knows(&self, resource: &str) -> bool {
        self.asked.contains(resource)
    }

    /// Whether the resource was read in full in that namespace.
    #[must_use]
    pub fn knows_in(&self, resource: &str, namespace: &str) -> bool {
        self.knows(resource) && (self.namespaces.is_empty() || self.namespaces.contains(namespace))
    }

    /// Leaves out what belongs to namespaces that do not pass; and, if `some_left`, what names apps without their namespace.
    pub(super) fn retain_namespaces(&mut self, some_left: bool, passes: &impl Fn(&str) -> bool) {
        self.namespaces.retain(|namespace| passes(namespace));
        self.connectivity.retain(|check| passes(&check.namespace));
        for detail in self.node_details.values_mut() {
            detail.non_terminated_pods.retain(|pod| passes(&pod.namespace));
        }
        self.manifests.retain(|manifest| {
            manifest.manifest.pointer("/metadata/namespace").and_then(Value::as_str).is_none_or(passes)
        });
        if some_left {
            self.dependencies.clear();
            self.log_summaries.clear();
            self.log_errors.clear();
        }
    }
}

/// A system service of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeService {
    /// Whether it runs; `None` where it could not be asked.
    pub active: Option<bool>,
    /// As the service manager says it: `active (running)`.
    pub state: Option<String>,
    /// Since when, as it was written.
    pub since: Option<String>,
    /// The whole answer. Untrusted text.
    pub text: Option<String>,
}

/// Attempts to connect to one port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connectivity {
    /// Namespace of the Service.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub service: String,
    /// The port that callers use, whatever the Service has now.
    #[serde(default)]
    pub port: Option<u16>,
    /// What came of all attempts together.
    #[serde(default)]
    pub result: ConnectivityResult,
    /// The attempts.
    #[serde(default)]
    pub checks: Vec<ConnectivityCheck>,
}

/// What came of attempts to connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectivityResult {
    /// All succeeded.
    Ok,
    /// All failed.
    Failed,
    /// Some did, some did not.
    Partial,
    /// No answer was recorded.
    #[default]
    #[serde(other)]
    Unknown,
}

/// One attempt to connect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectivityCheck {
    /// The node from which it was made; `None`: somewhere in the cluster.
    pub node: Option<String>,
    /// Whether it succeeded; `None` where no answer was recorded.
    pub ok: Option<bool>,
    /// What the tool said. Untrusted text.
    pub text: Option<String>,
}

/// Whom an app calls, by design.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Dependency {
    /// Apps that call it.
    pub called_by: Vec<String>,
    /// Apps that it calls.
    pub calls: Vec<String>,
    /// Whether requests of users enter here.
    pub entrypoint: bool,
    /// Whether it is a database.
    pub database: bool,
}

/// A log in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogSummary {
    /// Lines.
    pub total_lines: u64,
    /// Lines that look like errors.
    pub total_errors: u64,
    /// Their share, 0 to 1.
    pub error_ratio: f64,
    /// Where the lines are from, if not from the container: `kubectl`.
    pub source: Option<String>,
    /// Kinds of such lines.
    pub patterns: Vec<LogSummaryPattern>,
}

/// One kind of line that looks like an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSummaryPattern {
    /// How often it was seen.
    pub count: u64,
    /// Its share of all lines, 0 to 1.
    pub ratio: f64,
    /// One of them. Untrusted text.
    pub sample: String,
    /// What they have in common, where noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Where the line is from, if not from the container: `kubectl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What `kubectl describe node` shows of a node's load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeDetail {
    /// The node's heartbeat.
    pub lease: Option<NodeLease>,
    /// Pods that have not ended, of all namespaces.
    pub non_terminated_pods: Vec<NodePod>,
    /// Sums of what they request and may use.
    pub allocated: Allocated,
}

/// A node's heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeLease {
    /// Who holds it.
    pub holder_identity: Option<String>,
    /// When it was last renewed.
    pub renew_time: Option<Timestamp>,
}

/// A pod with its requests and limits as quantities (`100m`, `64Mi`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodePod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Requests by resource.
    pub requests: BTreeMap<String, String>,
    /// Limits by resource.
    pub limits: BTreeMap<String, String>,
}

/// Sums over a node's pods, as quantities.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Allocated {
    /// Requests by resource.
    pub requests: BTreeMap<String, String>,
    /// Limits by resource.
    pub limits: BTreeMap<String, String>,
    /// Requests as percentages of what the node offers.
    pub requests_percent: BTreeMap<String, f64>,
}

/// A manifest that was applied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The app that it belongs to, where noted.
    pub app: Option<String>,
    /// Whether it has a live object.
    pub live: bool,
    /// The object; Secrets without values.
    pub manifest: Value,
}

/// One measured value of an alert.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AlertValue {
    /// What was measured, where the alert has several values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// What is usual.
    pub normal: Option<f64>,
    /// What it is now.
    pub current: Option<f64>,
    /// The unit of both: `ms`, `req/s`, `%`.
    pub unit: Option<String>,
    /// The difference as a share of `normal`, percent.
    pub change_percent: Option<f64>,
    /// The highest value, where noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// What was said instead of, or beside, numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A remark of whoever recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
