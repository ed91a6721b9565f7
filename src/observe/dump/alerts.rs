//! Alerts as Alertmanager lists them, to Signals; their measured values stay beside them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::Recorded;
use super::super::recorded::AlertValue;
use crate::incident::{Fingerprint, ObjectRef, Scope, Severity, Signal, SignalSource, SignalState};

/// Most alerts that are taken in.
const MOST: usize = 2_000;

/// Signals of alerts as Prometheus lists them: those that fire, about the namespace or about none.
pub(in super::super) fn firing(
    alerts: Vec<Value>,
    cluster: &str,
    namespace: &str,
    now: Timestamp,
) -> Vec<Signal> {
    let read = alerts.into_iter().take(MOST).filter_map(|alert| Told::deserialize(alert).ok());
    let wanted = read.filter(|told| {
        let about = told.labels.get("namespace").filter(|name| !name.is_empty());
        told.state == "firing" && about.is_none_or(|name| name == namespace)
    });
    let alerts = wanted.map(|told| Alert {
        labels: told.labels,
        annotations: told.annotations,
        starts_at: told.active_at,
        ends_at: None,
        status: None,
        fingerprint: None,
        generator_url: None,
        values: Vec::new(),
    });
    alerts.map(|alert| signal(alert, cluster, now).0).collect()
}

/// An alert as Prometheus tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    state: String,
    active_at: Option<Timestamp>,
}

/// Labels that name a workload, with its kind.
const WORKLOADS: [(&str, &str); 7] = [
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("cronjob", "CronJob"),
    ("job_name", "Job"),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("service", "Service"),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    fingerprint: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
    #[serde(default)]
    values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    state: String,
}

/// The Signals of the alerts, and how many could not be read.
pub(super) fn signals(
    text: &str,
    cluster: &str,
    taken_at: Timestamp,
    recorded: &mut Recorded,
) -> Result<(Vec<Signal>, usize), String> {
    let alerts: Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON from line {} on", error.line()))?;
    let Value::Array(alerts) = alerts else { return Err("it is no list".to_owned()) };
    let count = alerts.len();
    let read = alerts.into_iter().take(MOST).filter_map(|alert| Alert::deserialize(alert).ok());
    let mut signals = Vec::new();
    for alert in read {
        let (signal, values) = signal(alert, cluster, taken_at);
        if !values.is_empty() {
            recorded.alert_values.entry(signal.fingerprint.0.clone()).or_default().extend(values);
        }
        signals.push(signal);
    }
    recorded.asked.insert("alerts".to_owned());
    let skipped = count - signals.len();
    Ok((signals, skipped))
}

fn signal(alert: Alert, cluster: &str, taken_at: Timestamp) -> (Signal, Vec<AlertValue>) {
    let Alert { labels, annotations, starts_at, ends_at, status, fingerprint, generator_url, values } = alert;
    let label = |name: &str| labels.get(name).filter(|value| !value.is_empty()).cloned();
    let name = label("alertname").unwrap_or_else(|| "alert".to_owned());
    // Alertmanager writes into `endsAt` when an alert that nobody repeats would end: its state decides.
    let resolved = status.is_some_and(|status| status.state == "resolved" || status.state == "suppressed");
    let said = ["summary", "description", "message"].iter().find_map(|key| annotations.get(*key).cloned());
    let signal = Signal {
        fingerprint: Fingerprint(fingerprint.unwrap_or_else(|| spelt(&labels))),
        source: SignalSource::Alertmanager,
        state: if resolved { SignalState::Resolved } else { SignalState::Firing },
        summary: said.unwrap_or_else(|| name.clone()),
        severity: label("severity").map_or(Severity::Warning, |severity| Severity::from_label(&severity)),
        scope: scope(&label, cluster),
        name,
        annotations,
        starts_at: starts_at.unwrap_or(taken_at),
        ends_at: ends_at.filter(|_| resolved),
        expression: None,
        generator_url,
        labels,
    };
    (signal, values.into_iter().filter_map(|value| AlertValue::deserialize(value).ok()).collect())
}

/// All labels in one text: equal for equal alerts.
fn spelt(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

fn scope(label: &impl Fn(&str) -> Option<String>, cluster: &str) -> Scope {
    let namespace = label("namespace");
    let workload = WORKLOADS.iter().find_map(|(name, kind)| {
        Some(ObjectRef::new(*kind, namespace.clone().unwrap_or_default(), label(name)?))
    });
    Scope {
        cluster: cluster.to_owned(),
        workload: workload.filter(|_| namespace.is_some()),
        pod: label("pod"),
        container: label("container"),
        node: label("node"),
        namespace,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::firing;

    #[test]
    fn alerts_that_fire_about_the_namespace_or_about_none_are_taken() {
        let alert = |name: &str, state: &str, namespace: Option<&str>| {
            let mut alert = json!({"labels": {"alertname": name}, "annotations": {"summary": "it is slow"},
                "state": state, "activeAt": "2026-01-05T11:00:00.5Z", "value": "1e+00"});
            if let Some(namespace) = namespace {
                alert["labels"]["namespace"] = json!(namespace);
            }
            alert
        };
        let alerts = vec![
            alert("Own", "firing", Some("shop")),
            alert("Other", "firing", Some("pay")),
            alert("NodeFull", "firing", None),
            alert("Soon", "pending", Some("shop")),
            json!("garbage"),
        ];
        let found = firing(alerts, "east", "shop", Timestamp::UNIX_EPOCH);
        let names: Vec<_> = found.iter().map(|signal| signal.name.as_str()).collect();
        assert_eq!(names, ["Own", "NodeFull"]);
        assert_eq!(found[0].starts_at, "2026-01-05T11:00:00.5Z".parse::<Timestamp>().unwrap());
        assert_eq!(found[0].summary, "it is slow");
    }
}
