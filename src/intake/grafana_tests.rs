//! Payloads as Grafana sends them.

use serde_json::json;

use super::*;
use crate::incident::SignalState;

#[test]
fn what_grafana_adds_is_kept_as_annotations() {
    let payload = json!({
        "receiver": "kubewright", "status": "firing", "orgId": 1, "title": "[FIRING:1] High latency", "state": "alerting",
        "message": "**Firing**", "version": "1",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": "High latency", "grafana_folder": "shop", "namespace": "shop", "deployment": "checkout"},
            "annotations": {"summary": "p99 is 3 s"},
            "startsAt": "2026-11-21T03:29:40+01:00", "endsAt": "0001-01-01T00:00:00Z",
            "values": {"A": 3.25, "B": null}, "valueString": "[ var='A' value=3.25 ]",
            "generatorURL": "https://grafana.example/alerting/grafana/abc/view?orgId=1",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example/silence", "dashboardURL": "", "panelURL": "https://grafana.example/d/1",
            "imageURL": "",
        }],
    });
    let received_at = "2026-11-21T03:30:00Z".parse().unwrap();
    let parsed = signals(payload.to_string().as_bytes(), received_at, "home").unwrap();
    assert_eq!(parsed.rejected, []);
    let signal = &parsed.signals[0];
    assert_eq!(signal.fingerprint.0, "grafana:c6eadffa33fcdf37");
    assert_eq!(signal.state, SignalState::Firing);
    assert_eq!(signal.starts_at, "2026-11-21T02:29:40Z".parse().unwrap());
    assert_eq!(signal.expression, None);
    let annotations: Vec<(&str, &str)> =
        signal.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        annotations,
        [
            ("panelURL", "https://grafana.example/d/1"),
            ("silenceURL", "https://grafana.example/silence"),
            ("summary", "p99 is 3 s"),
            ("valueString", "[ var='A' value=3.25 ]"),
            ("values", "{\"A\":3.25,\"B\":null}"),
        ]
    );
}
