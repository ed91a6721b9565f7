//! Reports as people write them.

use super::*;

fn reported(body: &str) -> Result<Signal, IntakeError> {
    signal(parse(body.as_bytes())?, "2026-11-21T03:30:00Z".parse().unwrap(), "home")
}

#[test]
fn a_report_needs_no_more_than_a_title() {
    let signal = reported(r#"{"title": " Checkout is slow\n", "unknown": 1}"#).unwrap();
    assert_eq!(signal.summary, "Checkout is slow");
    assert_eq!(signal.severity, Severity::Warning);
    assert_eq!(signal.scope.correlation_key(), "home//*");
}

#[test]
fn a_workload_is_taken_in_both_spellings() {
    let text =
        r#"{"title": "slow", "namespace": "shop", "workload": "deploy/checkout", "severity": "critical"}"#;
    let parts = r#"{"title": "slow", "namespace": "shop", "workload": {"kind": "Deployment", "name": "checkout"},
                    "severity": "critical"}"#;
    let signal = reported(text).unwrap();
    assert_eq!(signal.scope.workload, Some(ObjectRef::new("Deployment", "shop", "checkout")));
    assert_eq!(signal.severity, Severity::Critical);
    assert_eq!(signal, reported(parts).unwrap());
}

#[test]
fn the_same_report_twice_is_the_same_alert_and_another_is_not() {
    let fingerprint = |body| reported(body).unwrap().fingerprint;
    let one = fingerprint(r#"{"title": "slow", "namespace": "shop"}"#);
    assert_eq!(one, fingerprint(r#"{"namespace": "shop", "title": "slow"}"#));
    assert_ne!(one, fingerprint(r#"{"title": "slow", "namespace": "web"}"#));
    assert_ne!(one, fingerprint(r#"{"title": "down", "namespace": "shop"}"#));
}

#[test]
fn a_report_that_cannot_be_used_says_why() {
    let message = |body: &str| reported(body).unwrap_err().to_string();
    assert_eq!(message(r#"{"title": " "}"#), "title: is empty; say in one line what is wrong");
    assert!(message(r#"{"title": 3}"#).starts_with("title: invalid type: integer `3`"));
    assert!(message("{}").contains("missing field `title`"));
    for workload in ["checkout", "pod/x", "deployment/", "deployment/../x", "deployment/a/b"] {
        let body = format!(r#"{{"title": "t", "workload": "{workload}"}}"#);
        assert!(message(&body).starts_with("workload: write it like deployment/checkout"), "{workload}");
    }
}
