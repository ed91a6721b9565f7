//! Probes that fail now.

mod verdict;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container, Event, Probe};

use super::Subject;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;

/// A probe that has not failed for this long has recovered: twice the time in which the kubelet repeats such an event.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// Strength of a failure that is over.
const HARMLESS: f64 = 0.2;

const KINDS: [(&str, Code); 3] = [
    ("Readiness", codes::READINESS_FAILING),
    ("Liveness", codes::LIVENESS_FAILING),
    ("Startup", codes::STARTUP_FAILING),
];

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    KINDS.iter().flat_map(|(kind, code)| check(subject, kind, *code)).collect()
}

/// That a probe fails, and what is wrong with the probe where that can be told.
fn check(subject: &Subject<'_>, kind: &str, code: Code) -> Vec<Finding> {
    let Some(event) = newest(subject, kind) else { return Vec::new() };
    let failing = failing(subject, kind, code, event);
    let verdict = probed(subject, kind, event).filter(|_| failing.strength > HARMLESS).and_then(
        |(container, probe)| {
            let message = event.message.as_deref().unwrap_or_default();
            let (verdict, why) = verdict::of(subject, kind, container, probe, message)?;
            let statement = format!("The {} probe of {}: {why}", kind.to_lowercase(), subject.name);
            let finding = subject.finding(verdict, statement).at(failing.at);
            Some(finding.field("container", &container.name).field("probe", describe(probe)))
        },
    );
    std::iter::once(failing).chain(verdict).collect()
}

fn newest<'a>(subject: &Subject<'a>, kind: &str) -> Option<&'a Event> {
    let unhealthy = subject.index.events(&subject.name).filter(|event| {
        let told = event.message.as_deref().unwrap_or_default();
        event.reason.as_deref() == Some("Unhealthy") && told.starts_with(kind) && is_recent(subject, event)
    });
    unhealthy.max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))
}

fn failing(subject: &Subject<'_>, kind: &str, code: Code, event: &Event) -> Finding {
    let restarting = subject.statuses().any(|(status, _)| status.restart_count > 0);
    // A failing readiness probe of a pod that is Ready again, or a liveness probe that killed nothing, is over.
    let over = subject.is_ready() && !(code != codes::READINESS_FAILING && restarting);
    let harmless = over || (!restarting && is_starting(subject, probed(subject, kind, event)));
    let message = event.message.as_deref().unwrap_or_default();
    let finding = subject.finding(code, format!("{}: {message}", subject.name));
    let finding = if harmless { finding.strength(HARMLESS) } else { finding };
    let finding =
        finding.at(event.first_timestamp.as_ref().map(|time| time.0)).field_if("times", event.count);
    match probed(subject, kind, event) {
        Some((container, probe)) => {
            finding.field("container", &container.name).field("probe", describe(probe))
        }
        None => finding,
    }
}

/// Programs may take this long to start before a probe that fails says anything.
const START: SignedDuration = SignedDuration::from_secs(90);

/// Whether the container has been running for less time than a program may take to start: what its probes are patient for.
fn is_starting(subject: &Subject<'_>, probed: Option<(&Container, &Probe)>) -> bool {
    let Some((container, probe)) = probed else { return false };
    let status = subject.statuses().map(|(status, _)| status).find(|status| status.name == container.name);
    let running = status.and_then(|status| status.state.as_ref()?.running.as_ref()?.started_at.as_ref());
    let failures =
        i64::from(probe.failure_threshold.unwrap_or(3)) * i64::from(probe.period_seconds.unwrap_or(10));
    let patience = SignedDuration::from_secs(i64::from(probe.initial_delay_seconds.unwrap_or(0)) + failures);
    running.is_some_and(|since| subject.taken_at.duration_since(since.0) < patience.max(START))
}

fn is_recent(subject: &Subject<'_>, event: &Event) -> bool {
    let last = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(|time| time.0);
    last.is_none_or(|last| subject.taken_at.duration_since(last) <= RECENT)
}

/// The container that the event names in its field path, else the only one that has such a probe.
fn probed<'a>(subject: &Subject<'a>, kind: &str, event: &Event) -> Option<(&'a Container, &'a Probe)> {
    let containers = &subject.pod.spec.as_ref()?.containers;
    let probe = |container: &'a Container| {
        let probe = match kind {
            "Readiness" => container.readiness_probe.as_ref(),
            "Liveness" => container.liveness_probe.as_ref(),
            _ => container.startup_probe.as_ref(),
        };
        probe.map(|probe| (container, probe))
    };
    let path = event.involved_object.field_path.as_deref().unwrap_or_default();
    let named = containers.iter().filter(|container| path.ends_with(&format!("{{{}}}", container.name)));
    named.filter_map(probe).next().or_else(|| containers.iter().find_map(probe))
}

fn describe(probe: &Probe) -> String {
    let port = |port: &k8s_openapi::apimachinery::pkg::util::intstr::IntOrString| match port {
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(number) => number.to_string(),
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::String(name) => name.clone(),
    };
    let what = if let Some(http) = &probe.http_get {
        format!("GET {} on port {}", http.path.as_deref().unwrap_or("/"), port(&http.port))
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("TCP port {}", port(&tcp.port))
    } else if let Some(grpc) = &probe.grpc {
        format!("gRPC port {}", grpc.port)
    } else {
        "a command".to_owned()
    };
    // The API's defaults: 0 s initial delay, every 10 s, 3 failures, 1 s.
    let numbers = (
        probe.initial_delay_seconds.unwrap_or(0),
        probe.period_seconds.unwrap_or(10),
        probe.failure_threshold.unwrap_or(3),
        probe.timeout_seconds.unwrap_or(1),
    );
    format!(
        "{what} after {} s, every {} s, {} failures, timeout {} s",
        numbers.0, numbers.1, numbers.2, numbers.3
    )
}
