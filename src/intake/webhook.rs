//! What the Alertmanager and Grafana webhooks have in common: a list of alerts with labels, annotations and times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::read;
use super::expression::expression;
use super::fingerprint::fingerprint;
use super::limits::keep;
use super::scope::scope;
use super::text::line;
use super::{IntakeError, Rejected};
use crate::incident::{Severity, Signal, SignalSource, SignalState};

/// Most alerts taken from one payload.
const MAX_ALERTS: usize = 10_000;

/// Longest summary and name, bytes.
const MAX_LINE: usize = 500;

/// Longest link that is kept, bytes; a longer one would not open anyway.
const MAX_URL: usize = 8192;

/// Before this year a time means "not set": Go writes the year 1 for it.
const FIRST_YEAR: i16 = 1971;

/// The alerts of one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Those that can be taken, in the payload's order.
    pub signals: Vec<Signal>,
    /// Those that cannot.
    pub rejected: Vec<Rejected>,
}

/// Who sent the payload and when, and what it leaves unsaid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) source: SignalSource,
    /// What should be sent, for error messages.
    pub(super) expected: &'static str,
    pub(super) received_at: Timestamp,
    pub(super) default_cluster: &'a str,
    /// Fields of an alert that are kept as annotations.
    pub(super) extras: &'a [&'a str],
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    status: Option<String>,
    alerts: Vec<Value>,
}

/// Reads a payload. Alerts that cannot be read do not keep the others from being taken.
pub(super) fn parse(body: &[u8], sender: &Sender<'_>) -> Result<Parsed, IntakeError> {
    let payload: Payload = read(body, sender.expected)?;
    let count = payload.alerts.len();
    let mut parsed = Parsed { signals: Vec::new(), rejected: Vec::new() };
    for (index, alert) in payload.alerts.into_iter().take(MAX_ALERTS).enumerate() {
        match signal(&alert, payload.status.as_deref(), sender) {
            Ok(signal) => parsed.signals.push(signal),
            Err(reason) => {
                parsed.rejected.push(Rejected { index, reason: format!("alerts[{index}]{reason}") });
            }
        }
    }
    if count > MAX_ALERTS {
        let reason = format!("{} alerts beyond the first {MAX_ALERTS} were left out", count - MAX_ALERTS);
        parsed.rejected.push(Rejected { index: MAX_ALERTS, reason });
    }
    match parsed.rejected.first() {
        Some(first) if parsed.signals.is_empty() => {
            Err(IntakeError::AllRejected { first: first.reason.clone(), rejected: parsed.rejected })
        }
        _ => Ok(parsed),
    }
}

/// One alert. An error begins with the path below the alert.
fn signal(alert: &Value, group_status: Option<&str>, sender: &Sender<'_>) -> Result<Signal, String> {
    let Some(alert) = alert.as_object() else {
        return Err(format!(" is {}, not an object", kind(alert)));
    };
    let labels = pairs(alert, "labels")?;
    let mut annotations = pairs(alert, "annotations")?;
    let name = labels.get("alertname").map(|name| line(name, MAX_LINE)).unwrap_or_default();
    if name.is_empty() {
        return Err(".labels.alertname is missing; every alert needs a name".to_owned());
    }
    for extra in sender.extras {
        if let Some(text) = alert.get(*extra).and_then(extra_text) {
            annotations.entry((*extra).to_owned()).or_insert(text);
        }
    }
    let starts_at = time(alert, "startsAt")?;
    let generator_url = text(alert, "generatorURL").filter(|url| !url.is_empty() && url.len() <= MAX_URL);
    let kept = keep(&labels, &annotations);
    Ok(Signal {
        fingerprint: fingerprint(sender.source, text(alert, "fingerprint"), &labels),
        source: sender.source,
        state: state(text(alert, "status").or(group_status))?,
        severity: severity(&labels),
        scope: scope(&name, &labels, sender.default_cluster),
        summary: summary(&name, &annotations),
        name,
        labels: kept.labels,
        annotations: kept.annotations,
        starts_at: starts_at.unwrap_or(sender.received_at),
        ends_at: time(alert, "endsAt")?,
        expression: generator_url.and_then(expression),
        generator_url: generator_url.map(|url| line(url, MAX_URL)),
    })
}

/// A map of texts. Numbers and truth values are taken as they are written; `null` is as good as absent.
fn pairs(alert: &Map<String, Value>, field: &str) -> Result<BTreeMap<String, String>, String> {
    let fields = match alert.get(field) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(format!(".{field} is {}, not an object of texts", kind(other))),
    };
    let mut pairs = BTreeMap::new();
    for (name, value) in fields {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null => continue,
            other => return Err(format!(".{field}.{} is {}, not a text", line(name, 100), kind(other))),
        };
        pairs.insert(name.clone(), value);
    }
    Ok(pairs)
}

fn text<'a>(alert: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    alert.get(field)?.as_str()
}

fn extra_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        other => Some(other.to_string()),
    }
}

/// A time; `None` when it is not set.
fn time(alert: &Map<String, Value>, field: &str) -> Result<Option<Timestamp>, String> {
    let text = match alert.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => return Err(format!(".{field} is {}, not a time", kind(other))),
    };
    let hint = || format!(".{field} is not a time; write it like 2026-11-21T03:29:47Z");
    let time: Timestamp = text.parse().map_err(|_| hint())?;
    let set = time.to_zoned(jiff::tz::TimeZone::UTC).year() >= FIRST_YEAR;
    Ok(set.then_some(time))
}

/// An alert without any status is taken to fire.
fn state(status: Option<&str>) -> Result<SignalState, String> {
    match status.map(str::to_ascii_lowercase).as_deref() {
        None | Some("firing" | "alerting") => Ok(SignalState::Firing),
        Some("resolved" | "ok" | "normal") => Ok(SignalState::Resolved),
        Some(_) => Err(".status is neither \"firing\" nor \"resolved\"".to_owned()),
    }
}

fn severity(labels: &BTreeMap<String, String>) -> Severity {
    let label = labels.get("severity").or_else(|| labels.get("priority"));
    label.map(|text| Severity::from_label(text.trim())).unwrap_or_default()
}

fn summary(name: &str, annotations: &BTreeMap<String, String>) -> String {
    ["summary", "message", "description", "title"]
        .iter()
        .filter_map(|field| annotations.get(*field))
        .map(|text| line(text, MAX_LINE))
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| name.to_owned())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
