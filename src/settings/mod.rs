//! Files and environment into one validated [`Settings`].
//!
//! Owns the configuration file's shape, its defaults and every message about it. The environment arrives as a map:
//! nothing else in the program reads it. A secret is never in the file itself, only the name of a file or variable that
//! holds it.

mod agents;
mod duration;
mod egress;
mod knowledge;
mod load;
mod problem;
mod raw;
mod secret;
mod validate;
mod wording;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use agents::{
    AgentSettings, AgentsSettings, Allowance, AssessSettings, McpSettings, McpTransport, ModelSettings,
    OTHERS, ProviderKind, ProviderSettings, Quotas, RunLimits, RunsSettings, TenantSettings,
};
pub use egress::EgressSettings;
use jiff::Timestamp;
pub use knowledge::{EmbeddingModel, KnowledgeSettings, PDF_WORKER, cache_home};
pub use load::{Environment, PROGRAM_VARIABLE};
pub use problem::{Problem, Problems};
use secrecy::SecretString;
use url::Url;

/// Everything that can be set, checked. Built by [`Settings::load`] or, for the demo and tests, from its parts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The HTTP interface.
    pub server: ServerSettings,
    /// Where the truth is kept.
    pub store: StoreSettings,
    /// How alerts become incidents.
    pub intake: IntakeSettings,
    /// How evidence is read.
    pub observe: ObserveSettings,
    /// How causes are found.
    pub diagnosis: DiagnosisSettings,
    /// What may be done without asking.
    pub automation: AutomationSettings,
    /// How a repair is proved.
    pub verify: VerifySettings,
    /// What is replaced in text that leaves.
    pub egress: EgressSettings,
    /// What people and the workflow search.
    pub knowledge: KnowledgeSettings,
    /// Which language models there are and which agent uses what.
    pub agents: AgentsSettings,
    /// The clusters, at least one; the first is the default for alerts without a `cluster` label.
    pub clusters: Vec<ClusterSettings>,
}

/// The HTTP interface.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where to listen. Anything but loopback needs `token`.
    pub listen: SocketAddr,
    /// The bearer token that clients must show for everything but health; `None` only on loopback.
    pub token: Option<SecretString>,
    /// Base URL under which people reach this server, for links; defaults to the listen address.
    pub external_url: Option<Url>,
}

/// Where the truth is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite:///path/file.db` or `postgres://user@host/database`. May hold a password.
    pub url: SecretString,
}

/// How alerts become incidents.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// A firing alert about the same workload joins an open incident whose last alert is not older than this.
    pub correlation_window: Duration,
    /// Largest accepted request body, bytes.
    pub max_body_bytes: usize,
}

/// How evidence is read.
#[derive(Debug, Clone)]
pub struct ObserveSettings {
    /// Deadline of each collector.
    pub collector_deadline: Duration,
    /// Largest log excerpt per container, bytes.
    pub max_log_bytes: usize,
    /// Most containers whose logs are read for one Snapshot.
    pub max_log_containers: usize,
    /// Most objects of one kind in a Snapshot.
    pub max_objects_per_kind: usize,
    /// Changes older than this before the alert are not called recent.
    pub change_window: Duration,
    /// Keeping the objects of the clusters current by watches, in `serve`.
    pub watch: WatchSettings,
}

/// How much of a cluster is kept current by watches, so that a diagnosis needs no lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// Whether to watch at all; without, each diagnosis lists what it needs.
    pub enabled: bool,
    /// The namespaces that are watched; empty: all. Others are listed when a diagnosis needs them.
    pub namespaces: Vec<String>,
    /// Most objects of one cluster. A kind that does not fit any more is listed when a diagnosis needs it.
    pub max_objects: usize,
    /// Most bytes of these objects, as JSON; in memory they take about three times as much.
    pub max_bytes: usize,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { enabled: true, namespaces: Vec::new(), max_objects: 100_000, max_bytes: 128 * 1024 * 1024 }
    }
}

impl Default for ObserveSettings {
    fn default() -> Self {
        Self {
            collector_deadline: Duration::from_secs(10),
            max_log_bytes: 64 * 1024,
            max_log_containers: 12,
            max_objects_per_kind: 2000,
            change_window: Duration::from_hours(1),
            watch: WatchSettings::default(),
        }
    }
}

/// How causes are found.
#[derive(Debug, Clone, Default)]
pub struct DiagnosisSettings {
    /// A folder of rule files beside the built-in rules. What is wrong in it never keeps the program from starting.
    pub rules: Option<PathBuf>,
}

/// What may be done without asking.
#[derive(Debug, Clone)]
pub struct AutomationSettings {
    /// 0 observe only, 1 ask for everything, 2 small repairs alone, 3 all that policy allows alone.
    pub level: u8,
    /// Namespaces in which nothing is changed; glob patterns (`kube-*`).
    pub protected_namespaces: Vec<String>,
    /// Times in which nothing is changed without approval.
    pub freeze_windows: Vec<FreezeWindow>,
    /// How long people have to answer.
    pub approval_ttl: Duration,
    /// A Rego file that replaces the built-in policy.
    pub policy: Option<PathBuf>,
}

/// A time in which nothing is changed without approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeWindow {
    /// Why, for people.
    pub reason: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub until: Timestamp,
}

/// How a repair is proved.
#[derive(Debug, Clone)]
pub struct VerifySettings {
    /// How long all checks must hold without a break.
    pub stability_window: Duration,
    /// How long after the repair they may take to hold that long.
    pub deadline: Duration,
    /// Time between two looks.
    pub poll_interval: Duration,
}

/// One cluster with its metrics and logs.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// Its name: what alerts carry in their `cluster` label.
    pub name: String,
    /// How its API server is reached.
    pub api: ClusterApi,
    /// `production`, `staging`, … : what policy sees.
    pub environment: String,
    /// Prometheus or anything that speaks its API.
    pub prometheus: Option<Endpoint>,
    /// Loki.
    pub loki: Option<Endpoint>,
}

/// How an API server is reached.
#[derive(Debug, Clone)]
pub enum ClusterApi {
    /// A kubeconfig file (`None`: `$KUBECONFIG` or `~/.kube/config`) and a context (`None`: the current one).
    Kubeconfig {
        /// Path of the file.
        path: Option<PathBuf>,
        /// Name of the context.
        context: Option<String>,
    },
    /// The service account of the pod that this program runs in.
    InCluster,
    /// A plain URL, for a local proxy or the simulator.
    Url(Url),
}

/// An HTTP service with what it needs to be let in.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL.
    pub url: Url,
    /// Sent as `Authorization: Bearer …`.
    pub bearer_token: Option<SecretString>,
    /// Further headers, for instance `X-Scope-OrgID`.
    pub headers: Vec<(String, SecretString)>,
}

#[cfg(test)]
mod tests;
