//! Webhook bodies as senders write them.

use serde_json::{Value, json};

/// An alert as Alertmanager sends it.
pub(super) fn alert(name: &str, pod: &str, status: &str) -> Value {
    json!({
        "status": status,
        "labels": {
            "alertname": name, "cluster": "prod-eu", "namespace": "shop", "pod": pod, "container": "app",
            "severity": "critical"
        },
        "annotations": {
            "summary": "is in waiting state (reason: CrashLoopBackOff)",
            "runbook_url": "https://runbooks.example/crash"
        },
        "startsAt": "2026-11-21T03:29:47.124676575Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0"
    })
}

/// A delivery of Alertmanager.
pub(super) fn delivery(alerts: &[Value]) -> Value {
    json!({ "version": "4", "status": "firing", "receiver": "hook", "alerts": alerts, "groupKey": "{}:{}" })
}

/// The usual delivery: one pod of the shop's checkout crashes.
pub(super) fn crash() -> Value {
    delivery(&[alert("KubePodCrashLooping", "checkout-7d9f8b6c5-abcde", "firing")])
}
