//! What programs in containers need, do and log, and how requests pass through services.

use std::time::Duration;

use serde::Deserialize;

use super::load::{duration, optional_duration};

/// The log format of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines as they are.
    #[default]
    Plain,
    /// One JSON object a line with `time`, `level` and `msg`.
    Json,
    /// `time=… level=… msg=…`.
    Logfmt,
    /// Spring Boot's console layout.
    Spring,
    /// Python's logging module.
    Python,
}

/// What stands behind one image repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The repository, without a tag.
    pub image: String,
    /// Tags that exist in the registry; none given means any.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Time from start until it is ready.
    #[serde(default, deserialize_with = "duration")]
    pub ready_after: Duration,
    /// Memory it holds, such as `180Mi`.
    #[serde(default = "default_memory")]
    pub memory: String,
    /// CPU it uses without requests, such as `5m`.
    #[serde(default = "default_cpu")]
    pub cpu: String,
    /// Paths that its HTTP server answers; none given means any.
    #[serde(default)]
    pub serves: Vec<String>,
    /// Log format.
    #[serde(default)]
    pub format: Format,
    /// Lines at start; `level|logger|message`, or the message alone.
    #[serde(default)]
    pub starts: Vec<String>,
    /// Lines while it runs, in turn.
    #[serde(default)]
    pub says: Vec<String>,
    /// Pause between two such lines.
    #[serde(default = "default_pause", deserialize_with = "duration")]
    pub every: Duration,
    /// Whether it ends by itself with success, and after what time: for Jobs.
    #[serde(default, deserialize_with = "optional_duration")]
    pub completes_after: Option<Duration>,
    /// Databases that it logs in to.
    #[serde(default)]
    pub connects: Vec<Connection>,
    /// How it fails; the first that applies does.
    #[serde(default)]
    pub failures: Vec<Failure>,
}

/// A login that a program needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Name of the database.
    pub database: String,
    /// Environment variable that holds the password.
    pub password_env: String,
}

/// A database that checks passwords.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Name used by programs and faults.
    pub name: String,
    /// The Service, `namespace/name`.
    pub service: String,
    /// The user that logs in.
    pub user: String,
    /// The password it accepts at first.
    pub password: String,
}

/// One way in which a program fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// When it does.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub kind: FailureKind,
    /// Time from start until it happens.
    #[serde(default, deserialize_with = "duration")]
    pub after: Duration,
    /// Exit code, for `exit`.
    #[serde(default = "default_exit")]
    pub code: i32,
    /// Lines that it writes then, or in turn while it is unready.
    #[serde(default)]
    pub log: Vec<String>,
}

/// What a failure looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The process ends with an exit code.
    Exit,
    /// The kernel kills it for memory: exit code 137, reason `OOMKilled`.
    Oom,
    /// It runs but its readiness probe fails.
    Unready,
    /// It runs but answers neither probe.
    Hang,
}

/// Under which circumstances a failure happens; everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The image has one of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// This environment variable is absent.
    #[serde(default)]
    pub env_missing: Option<String>,
    /// The container's memory limit is below this quantity.
    #[serde(default)]
    pub memory_limit_below: Option<String>,
    /// This database refuses the login.
    #[serde(default)]
    pub login_refused: Option<String>,
    /// This Service, `namespace/name`, has no ready endpoint.
    #[serde(default)]
    pub unreachable: Option<String>,
}

/// How requests to one Service behave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The Service, `namespace/name`.
    pub service: String,
    /// Requests a second that come from outside of the cluster.
    #[serde(default)]
    pub requests: f64,
    /// Services that each request calls in turn, `namespace/name`.
    #[serde(default)]
    pub calls: Vec<String>,
    /// CPU that one request takes, such as `4m` for 4 milliseconds of a core.
    #[serde(default = "default_cpu")]
    pub cpu: String,
    /// Time that a request takes on an idle pod.
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    /// Share of requests that fail in health.
    #[serde(default)]
    pub errors: f64,
}

fn default_memory() -> String {
    "64Mi".to_owned()
}

fn default_cpu() -> String {
    "2m".to_owned()
}

fn default_pause() -> Duration {
    Duration::from_secs(5)
}

fn default_exit() -> i32 {
    1
}
