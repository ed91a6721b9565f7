//! Incidents reported by people, through the API or the command line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IntakeError;
use super::error::read;
use super::fingerprint::fingerprint;
use super::limits::keep;
use super::scope::{canonical_kind, scope};
use super::text::line;
use crate::incident::{ObjectRef, Severity, Signal, SignalSource, SignalState};

/// Longest title, bytes; a longer one is cut.
const MAX_TITLE: usize = 500;

/// What a person reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ManualIncident {
    /// What is wrong, in one line.
    pub title: String,
    /// Namespace of the affected objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The affected workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<ManualWorkload>,
    /// Name of the cluster in the settings; the default cluster when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// `info`, `warning` (when left out) or `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Labels, read as those of an alert: `pod`, `node`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A workload as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ManualWorkload {
    /// `deployment/checkout`, as `kubectl` takes it.
    Text(String),
    /// Kind and name apart.
    Parts {
        /// The kind: `Deployment`, `sts`, …
        kind: String,
        /// The name.
        name: String,
    },
}

/// Reads the body of a request.
///
/// # Errors
/// [`IntakeError`] names the field.
pub fn parse(body: &[u8]) -> Result<ManualIncident, IntakeError> {
    read(body, "an object with at least a `title`")
}

/// The Signal of a report. The same report made twice is the same alert: while its incident is open it joins it.
///
/// # Errors
/// [`IntakeError::Value`] when the title is empty or the workload cannot be understood.
pub fn signal(
    report: ManualIncident,
    received_at: Timestamp,
    default_cluster: &str,
) -> Result<Signal, IntakeError> {
    let title = line(&report.title, MAX_TITLE);
    if title.is_empty() {
        return Err(value("title", "is empty; say in one line what is wrong"));
    }
    let mut labels = report.labels;
    let given = [("namespace", report.namespace), ("cluster", report.cluster), ("severity", report.severity)];
    labels.extend(given.into_iter().filter_map(|(name, given)| Some((name.to_owned(), given?))));
    let workload = report.workload.map(named).transpose()?;
    let mut scope = scope("", &labels, default_cluster);
    if let Some((kind, name)) = workload {
        labels.insert("workload".to_owned(), name.clone());
        labels.insert("workload_type".to_owned(), kind.to_owned());
        scope.workload = Some(ObjectRef::new(kind, scope.namespace.clone().unwrap_or_default(), name));
    }
    let severity = labels.get("severity").map(|text| Severity::from_label(text)).unwrap_or_default();
    let mut identity = labels.clone();
    identity.insert("title".to_owned(), title.clone());
    let annotations = report.description.map(|text| ("description".to_owned(), text)).into_iter().collect();
    let kept = keep(&labels, &annotations);
    Ok(Signal {
        fingerprint: fingerprint(SignalSource::Manual, None, &identity),
        source: SignalSource::Manual,
        state: SignalState::Firing,
        name: "ManualReport".to_owned(),
        severity,
        scope,
        summary: title,
        labels: kept.labels,
        annotations: kept.annotations,
        starts_at: received_at,
        ends_at: None,
        expression: None,
        generator_url: None,
    })
}

fn named(workload: ManualWorkload) -> Result<(&'static str, String), IntakeError> {
    const HINT: &str = "write it like deployment/checkout; kinds are deployment, statefulset, daemonset, job, cronjob, \
                        hpa, service";
    let (kind, name) = match workload {
        ManualWorkload::Parts { kind, name } => (kind, name),
        ManualWorkload::Text(text) => match text.split_once('/') {
            Some((kind, name)) => (kind.to_owned(), name.to_owned()),
            None => return Err(value("workload", HINT)),
        },
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let usable = !name.is_empty() && name.len() <= 253 && name.bytes().all(plain);
    match canonical_kind(&kind) {
        Some(kind) if usable => Ok((kind, name)),
        _ => Err(value("workload", HINT)),
    }
}

fn value(path: &str, reason: &str) -> IntakeError {
    IntakeError::Value { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
#[path = "manual_tests.rs"]
mod tests;
