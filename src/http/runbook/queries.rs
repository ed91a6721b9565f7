//! The PromQL with which a person can ask again.

use crate::incident::{Check, Incident};
use crate::observe::{Reading, ReadingKind};

/// Queries with what each one says; each once.
pub(super) fn queries(incident: &Incident, readings: &[Reading]) -> Vec<(String, String)> {
    let alerts = incident.signals.iter().filter_map(|signal| {
        Some((format!("the expression of alert {}", signal.name), signal.expression.clone()?))
    });
    let checks = incident.plan.iter().flat_map(|plan| &plan.checks).filter_map(|check| match check {
        Check::AlertExpressionClear { alert, expression } => {
            Some((format!("returns nothing once {alert} is over"), expression.clone()))
        }
        _ => None,
    });
    let read = readings.iter().map(|reading| {
        let what = format!("{} of {}: was {}", name(reading.kind), reading.object, round(reading.value));
        (what, reading.query.clone())
    });
    let mut queries: Vec<(String, String)> = alerts.chain(checks).chain(read).collect();
    if queries.is_empty() {
        queries.extend(incident.namespace.as_deref().map(general).into_iter().flatten());
    }
    let mut seen = std::collections::BTreeSet::new();
    queries.retain(|(_, query)| seen.insert(query.clone()));
    queries
}

const fn name(kind: ReadingKind) -> &'static str {
    match kind {
        ReadingKind::Restarts => "restarts in 15 minutes",
        ReadingKind::MemoryOfLimit => "memory as a share of its limit",
        ReadingKind::CpuThrottling => "share of CPU periods throttled",
        ReadingKind::ErrorRate => "share of requests answered 5xx",
        ReadingKind::LatencyP99 => "99th percentile of request duration in seconds",
        ReadingKind::HpaUtilisation => "replicas as a share of the autoscaler's maximum",
    }
}

fn round(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What can be asked about any namespace that kube-state-metrics and cAdvisor watch.
fn general(namespace: &str) -> [(String, String); 2] {
    let selector = format!("{{namespace={}}}", quote(namespace));
    [
        (
            "restarts in 15 minutes".to_owned(),
            format!("increase(kube_pod_container_status_restarts_total{selector}[15m])"),
        ),
        ("pods that are not ready".to_owned(), format!("kube_pod_status_ready{selector} == 0")),
    ]
}

/// A PromQL string.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::{general, round};

    #[test]
    fn a_namespace_cannot_leave_its_string() {
        let [(_, query), _] = general("shop\"} or up{x=\"");
        let expected =
            r#"increase(kube_pod_container_status_restarts_total{namespace="shop\"} or up{x=\""}[15m])"#;
        assert_eq!(query, expected);
    }

    #[test]
    fn numbers_are_shown_without_idle_zeros() {
        assert_eq!([round(3.0), round(0.98765), round(0.5)], ["3", "0.988", "0.5"]);
    }
}
