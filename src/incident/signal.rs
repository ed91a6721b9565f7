//! One normalized observation that something may be wrong.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

/// Identity of an alert across deliveries: equal for every re-sent copy of the same alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a Signal came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalSource {
    /// Alertmanager webhook, version 4.
    Alertmanager,
    /// Grafana alerting webhook.
    Grafana,
    /// A person, through the API or the command line.
    Manual,
}

impl SignalSource {
    /// The name used in JSON and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Manual => "manual",
        }
    }
}

/// Whether the observation holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// The condition is true.
    Firing,
    /// The condition was true and no longer is.
    Resolved,
}

/// How bad the sender says it is, least to worst.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Informational.
    Info,
    /// Needs attention; also what an alert without a known severity gets.
    #[default]
    Warning,
    /// Users are affected or will be soon.
    Critical,
}

impl Severity {
    /// The name used in JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Reads the words that alerting rules use (`page`, `error`, `P1`, `none`, …); anything unknown is a warning.
    #[must_use]
    pub fn from_label(label: &str) -> Self {
        match label.to_ascii_lowercase().as_str() {
            "critical" | "page" | "error" | "fatal" | "emergency" | "high" | "p1" | "sev1" => Self::Critical,
            "info" | "informational" | "none" | "low" | "p4" | "p5" => Self::Info,
            _ => Self::Warning,
        }
    }
}

/// One alert, normalized. Labels and annotations are untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// Identity across deliveries.
    pub fingerprint: Fingerprint,
    /// Who sent it.
    pub source: SignalSource,
    /// Firing or resolved.
    pub state: SignalState,
    /// The alert's name (`alertname`).
    pub name: String,
    /// How bad the sender says it is.
    pub severity: Severity,
    /// Where it points.
    pub scope: Scope,
    /// One sentence for people: the summary annotation, else the name.
    pub summary: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// When the condition became true, by the sender's clock. With the fingerprint it names one firing episode.
    pub starts_at: Timestamp,
    /// When it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// The alert's own PromQL expression, where the sender's link carries it; asked again in verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Link to the sender's page about the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_url: Option<String>,
}
