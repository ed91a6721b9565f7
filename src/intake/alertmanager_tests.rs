//! Payloads as Alertmanager sends them, and as nobody should.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::incident::{Fingerprint, ObjectRef, Severity, Signal, SignalState};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn received() -> Timestamp {
    at("2026-11-21T03:30:00Z")
}

fn parse(payload: &Value) -> Result<Parsed, IntakeError> {
    signals(payload.to_string().as_bytes(), received(), "home")
}

fn alert() -> Value {
    json!({
        "status": "firing",
        "labels": {
            "alertname": "KubePodCrashLooping", "cluster": "prod-eu", "container": "app", "namespace": "shop",
            "pod": "checkout-7d9f8b6c5-abcde", "severity": "critical",
        },
        "annotations": {"summary": "is in waiting state", "description": "Pod shop/checkout waits."},
        "startsAt": "2026-11-21T03:29:47.124676575Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=kube_pod+%3E+1",
        "fingerprint": "4695f2c5a8746e35",
    })
}

fn payload(alerts: &[Value]) -> Value {
    json!({
        "receiver": "hook", "status": "firing", "alerts": alerts, "groupLabels": {}, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://am:9093", "version": "4", "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    })
}

fn one(alert: Value) -> Signal {
    let parsed = parse(&payload(&[alert])).unwrap();
    assert_eq!(parsed.rejected, []);
    parsed.signals.into_iter().next().unwrap()
}

#[test]
fn an_alert_becomes_a_signal_with_everything_it_says() {
    let signal = one(alert());
    assert_eq!(signal.fingerprint, Fingerprint("alertmanager:4695f2c5a8746e35".to_owned()));
    assert_eq!(signal.state, SignalState::Firing);
    assert_eq!((signal.name.as_str(), signal.severity), ("KubePodCrashLooping", Severity::Critical));
    assert_eq!(signal.scope.workload, Some(ObjectRef::new("Deployment", "shop", "checkout")));
    assert_eq!(signal.scope.cluster, "prod-eu");
    assert_eq!(signal.summary, "is in waiting state");
    assert_eq!(signal.starts_at, at("2026-11-21T03:29:47.124676575Z"));
    assert_eq!(signal.ends_at, None);
    assert_eq!(signal.expression.as_deref(), Some("kube_pod > 1"));
    assert_eq!(signal.labels.len(), 6);
}

#[test]
fn the_state_of_the_alert_wins_over_that_of_its_group() {
    let mut resolved = alert();
    resolved["status"] = json!("resolved");
    resolved["endsAt"] = json!("2026-11-21T03:29:59Z");
    let signal = one(resolved);
    assert_eq!(signal.state, SignalState::Resolved);
    assert_eq!(signal.ends_at, Some(at("2026-11-21T03:29:59Z")));

    let mut silent = alert();
    silent.as_object_mut().unwrap().remove("status");
    let mut group = payload(&[silent]);
    group["status"] = json!("resolved");
    assert_eq!(parse(&group).unwrap().signals[0].state, SignalState::Resolved);
}

#[test]
fn only_labels_with_a_name_are_required() {
    let signal = one(json!({"labels": {"alertname": "Watchdog"}}));
    assert_eq!(signal.state, SignalState::Firing);
    assert_eq!(signal.starts_at, received());
    assert_eq!(signal.summary, "Watchdog");
    assert_eq!(signal.scope.cluster, "home");
    assert!(signal.fingerprint.0.starts_with("alertmanager:labels-"));
}

#[test]
fn an_alert_that_cannot_be_read_does_not_keep_its_neighbours_out() {
    let broken = [
        json!({"labels": {"severity": "page"}}),
        json!("text"),
        json!({"labels": {"alertname": ["x"]}}),
        json!({"labels": "text"}),
        json!({"labels": {"alertname": "A"}, "startsAt": "yesterday"}),
        json!({"labels": {"alertname": "A"}, "status": "maybe"}),
    ];
    let mut alerts = broken.to_vec();
    alerts.push(alert());
    let parsed = parse(&payload(&alerts)).unwrap();
    assert_eq!(parsed.signals, [one(alert())]);
    let reasons: Vec<&str> = parsed.rejected.iter().map(|rejected| rejected.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "alerts[0].labels.alertname is missing; every alert needs a name",
            "alerts[1] is a text, not an object",
            "alerts[2].labels.alertname is a list, not a text",
            "alerts[3].labels is a text, not an object of texts",
            "alerts[4].startsAt is not a time; write it like 2026-11-21T03:29:47Z",
            "alerts[5].status is neither \"firing\" nor \"resolved\"",
        ]
    );
}

#[test]
fn a_payload_of_another_shape_is_told_where_it_differs() {
    let message = |body: &str| signals(body.as_bytes(), received(), "home").unwrap_err().to_string();
    assert!(message("{").starts_with("the body is not JSON: EOF while parsing"), "{}", message("{"));
    assert!(message("{\"alerts\": 3}").starts_with("alerts: invalid type: integer `3`"));
    assert!(message("{}").contains("missing field `alerts`"));
    assert!(
        message("[]").ends_with("send an Alertmanager webhook (version 4), an object with a list `alerts`")
    );
    assert!(message("{\"alerts\": []} trailing").starts_with("the body is not JSON: trailing characters"));
    assert!(message("{\"alerts\": [{}]}").starts_with("none of the 1 alerts can be taken"));
    assert_eq!(parse(&payload(&[])).unwrap(), Parsed { signals: vec![], rejected: vec![] });
}

#[test]
fn an_alert_with_a_hundred_thousand_labels_is_cut_and_kept() {
    let mut huge = alert();
    for number in 0..100_000 {
        huge["labels"][format!("a{number}")] = json!("x");
    }
    huge["annotations"]["description"] = json!("y".repeat(1_000_000));
    let signal = one(huge);
    assert_eq!(signal.labels.len(), 64);
    assert_eq!(signal.scope, one(alert()).scope);
    assert_eq!(signal.annotations["description"].len(), 4096);
    assert_eq!(
        signal.annotations["kubewright/truncated"],
        "99942 of 100006 labels left out, 1 annotation values longer than 4096 bytes"
    );
}

#[test]
fn more_alerts_than_fit_are_reported_and_the_first_are_kept() {
    let parsed = parse(&payload(&vec![json!({"labels": {"alertname": "A"}}); 10_001])).unwrap();
    assert_eq!(parsed.signals.len(), 10_000);
    assert_eq!(parsed.rejected.len(), 1);
}

#[test]
fn control_characters_do_not_survive() {
    let mut hostile = alert();
    hostile["annotations"]["summary"] = json!("\u{1b}[2Jboo\u{0}\nnext");
    hostile["labels"]["alertname"] = json!("A\u{7}B");
    let signal = one(hostile);
    assert_eq!(signal.summary, "\u{fffd}[2Jboo\u{fffd} next");
    assert_eq!(signal.name, "A\u{fffd}B");
    assert_eq!(signal.labels["alertname"], "A\u{fffd}B");
}

proptest! {
    #[test]
    fn no_bytes_make_it_fall_over(body in proptest::collection::vec(any::<u8>(), 0..500)) {
        let _ = signals(&body, received(), "home");
    }

    #[test]
    fn no_values_make_it_fall_over(name in "\\PC*", value in ".*", time in ".*", url in ".*") {
        let labels = json!({"alertname": name, "namespace": value, "pod": value, "instance": value, name.clone(): value});
        let alert = json!({"labels": labels, "annotations": {"summary": value}, "generatorURL": url});
        let timed = json!({"labels": {"alertname": "A"}, "startsAt": time, "fingerprint": value, "status": value});
        let _ = parse(&payload(&[alert, timed]));
    }
}
