//! Pods: the status column sums up the states of all containers, as the API server's own printer does.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{self, condition, count, items, text};
use super::{Column, View, column, wide};

const COLUMNS: &[Column] = &[
    column("Name"),
    column("Ready"),
    column("Status"),
    column("Restarts"),
    column("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

pub(super) const PODS: View = View { columns: COLUMNS, cells: row };

fn row(pod: &Value, now: Timestamp) -> Vec<Value> {
    let ready = items(pod, "/status/containerStatuses").iter().filter(|s| is_ready(s)).count();
    let total = items(pod, "/spec/containers").len();
    vec![
        cells::name(pod),
        json!(format!("{ready}/{total}")),
        json!(status(pod)),
        json!(restarts(pod, now)),
        cells::age(pod, now),
        cells::text_or_none(pod, "/status/podIP"),
        cells::text_or_none(pod, "/spec/nodeName"),
        cells::text_or_none(pod, "/status/nominatedNodeName"),
        json!(gates(pod)),
    ]
}

fn is_ready(status: &Value) -> bool {
    status.get("ready").and_then(Value::as_bool) == Some(true) && status.pointer("/state/running").is_some()
}

fn gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return cells::NONE.to_owned();
    }
    let passed = gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == "True").count();
    format!("{passed}/{}", gates.len())
}

fn restarts(pod: &Value, now: Timestamp) -> String {
    let statuses = items(pod, "/status/containerStatuses");
    let total: i64 = statuses.iter().map(|status| count(status, "/restartCount")).sum();
    let last = statuses
        .iter()
        .map(|status| text(status, "/lastState/terminated/finishedAt"))
        .max()
        .unwrap_or_default();
    if total == 0 || last.is_empty() {
        total.to_string()
    } else {
        format!("{total} ({} ago)", cells::since(last, now))
    }
}

/// What the status column says.
pub(super) fn status(pod: &Value) -> String {
    let reason = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase"),
        reason => reason,
    };
    let reason = scheduling_gated(pod).unwrap_or(reason).to_owned();
    let summed = init_reason(pod).unwrap_or_else(|| main_reason(pod, reason));
    if cells::text(pod, "/metadata/deletionTimestamp").is_empty() {
        return summed;
    }
    match text(pod, "/status/reason") {
        "NodeLost" => "Unknown".to_owned(),
        _ if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") => summed,
        _ => "Terminating".to_owned(),
    }
}

fn scheduling_gated(pod: &Value) -> Option<&'static str> {
    let gated = items(pod, "/status/conditions")
        .iter()
        .any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated");
    gated.then_some("SchedulingGated")
}

/// While init containers run or fail, theirs is the status.
fn init_reason(pod: &Value) -> Option<String> {
    let total = items(pod, "/spec/initContainers").len();
    for (at, status) in items(pod, "/status/initContainerStatuses").iter().enumerate() {
        if status.pointer("/state/terminated").is_some() && count(status, "/state/terminated/exitCode") == 0 {
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        let reason = if status.pointer("/state/terminated").is_some() {
            terminated(status)
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            waiting.to_owned()
        } else {
            format!("{at}/{total}")
        };
        return Some(format!("Init:{reason}"));
    }
    None
}

fn terminated(status: &Value) -> String {
    match (text(status, "/state/terminated/reason"), count(status, "/state/terminated/signal")) {
        ("", 0) => format!("ExitCode:{}", count(status, "/state/terminated/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn main_reason(pod: &Value, mut reason: String) -> String {
    let mut has_running = false;
    for status in items(pod, "/status/containerStatuses").iter().rev() {
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            reason = waiting.to_owned();
        } else if status.pointer("/state/terminated").is_some() {
            reason = terminated(status);
        } else if is_ready(status) {
            has_running = true;
        }
    }
    if reason == "Completed" && has_running {
        let ready = condition(pod, "Ready") == "True";
        return if ready { "Running" } else { "NotReady" }.to_owned();
    }
    reason
}
