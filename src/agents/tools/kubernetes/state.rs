//! What an object's state says by itself: the observation that a conclusion may cite. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{list, number, text, time};
use super::page::cell;
use super::target::Found;
use crate::agents::tools::Observation;
use crate::incident::{EvidenceSource, Score};

/// Most fields of one observation.
const MAX_FIELDS: usize = 12;

/// Nothing abnormal is seen.
const WELL: f64 = 0.05;

/// What is seen: a sentence, how strongly it says that something is wrong, and what shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) sentence: String,
    pub(super) strength: f64,
    pub(super) fields: BTreeMap<String, String>,
}

/// The object's state as an observation.
pub(super) fn observation(found: &Found, now: Timestamp) -> Observation {
    let state = state(&found.value);
    Observation {
        source: EvidenceSource::Object,
        object: found.object.clone(),
        statement: format!("{}: {}", found.object, state.sentence),
        strength: Score::new(state.strength),
        at: now,
        fields: state.fields.into_iter().take(MAX_FIELDS).collect(),
    }
}

/// Reads the state of an object by its kind.
pub(super) fn state(value: &Value) -> State {
    match text(value, "/kind") {
        "Pod" => pod(value),
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            replicas(value, "/spec/replicas", "/status/readyReplicas")
        }
        "DaemonSet" => replicas(value, "/status/desiredNumberScheduled", "/status/numberReady"),
        "Node" => node(value),
        "PersistentVolumeClaim" => claim(value),
        _ => by_conditions(value),
    }
}

fn pod(value: &Value) -> State {
    let mut fields = BTreeMap::from([("status.phase".to_owned(), text(value, "/status/phase").to_owned())]);
    let mut trouble = Vec::new();
    let statuses =
        list(value, "/status/initContainerStatuses").iter().chain(list(value, "/status/containerStatuses"));
    for status in statuses {
        let name = text(status, "/name");
        for (path, label) in [("/state", "state"), ("/lastState", "lastState")] {
            if let Some(told) = run(status, path) {
                fields.insert(format!("{name}.{label}"), told.clone());
                trouble.push(format!(
                    "container {name} {}{told}",
                    if label == "lastState" { "before " } else { "" }
                ));
            }
        }
        if let Some(restarts) = number(status, "/restartCount").filter(|restarts| *restarts > 0) {
            fields.insert(format!("{name}.restartCount"), restarts.to_string());
        }
    }
    let phase = text(value, "/status/phase");
    let reason = text(value, "/status/reason");
    let ready = list(value, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True");
    let done = phase == "Succeeded";
    let strength = match (trouble.is_empty(), ready || done) {
        (false, false) => 0.7,
        (false, true) => 0.4,
        (true, false) => 0.4,
        (true, true) => WELL,
    };
    let ready = if done {
        ""
    } else if ready {
        ", ready"
    } else {
        ", not ready"
    };
    let reason = if reason.is_empty() { String::new() } else { format!(" ({})", cell(reason)) };
    let trouble = if trouble.is_empty() { String::new() } else { format!("; {}", trouble.join("; ")) };
    State { sentence: format!("phase {phase}{reason}{ready}{trouble}"), strength, fields }
}

/// What is wrong with a container's run at `path`; `None` for one that runs or ended well.
fn run(status: &Value, path: &str) -> Option<String> {
    let waiting = text(status, &format!("{path}/waiting/reason"));
    if !waiting.is_empty() && !matches!(waiting, "ContainerCreating" | "PodInitializing") {
        return Some(format!("waits: {}", cell(waiting)));
    }
    let ended = status.pointer(&format!("{path}/terminated"))?;
    let code = number(ended, "/exitCode").unwrap_or_default();
    (code != 0).then(|| format!("ended: {}, exit code {code}", cell(text(ended, "/reason"))))
}

fn replicas(value: &Value, wanted: &str, ready: &str) -> State {
    let (wanted, ready) =
        (number(value, wanted).unwrap_or_default(), number(value, ready).unwrap_or_default());
    let mut fields = BTreeMap::from([
        ("replicas".to_owned(), wanted.to_string()),
        ("readyReplicas".to_owned(), ready.to_string()),
    ]);
    let stuck = failing_conditions(value, &mut fields);
    let strength = if ready < wanted { 0.5 } else { WELL };
    State { sentence: format!("{ready} of {wanted} replicas ready{stuck}"), strength, fields }
}

fn node(value: &Value) -> State {
    let mut fields = BTreeMap::new();
    let conditions = list(value, "/status/conditions");
    let bad = conditions.iter().filter(|condition| {
        let wanted = if text(condition, "/type") == "Ready" { "True" } else { "False" };
        text(condition, "/status") != wanted
    });
    let bad: Vec<String> = bad
        .map(|condition| {
            let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
            fields.insert(format!("conditions[{kind}]"), status.to_owned());
            format!("{kind} is {status}")
        })
        .collect();
    let cordoned = value.pointer("/spec/unschedulable").is_some_and(|cordoned| cordoned == true);
    let cordoned = if cordoned { ", unschedulable" } else { "" };
    let strength = if bad.is_empty() { WELL } else { 0.8 };
    let sentence = if bad.is_empty() { "ready".to_owned() } else { bad.join(", ") };
    State { sentence: format!("{sentence}{cordoned}"), strength, fields }
}

fn claim(value: &Value) -> State {
    let phase = text(value, "/status/phase");
    let fields = BTreeMap::from([("status.phase".to_owned(), phase.to_owned())]);
    State { sentence: format!("phase {phase}"), strength: if phase == "Bound" { WELL } else { 0.5 }, fields }
}

fn by_conditions(value: &Value) -> State {
    let mut fields = BTreeMap::new();
    let failing = failing_conditions(value, &mut fields);
    let created = time(value, "/metadata/creationTimestamp");
    let since = created.map(|at| format!("exists since {at}")).unwrap_or_else(|| "exists".to_owned());
    let strength = if failing.is_empty() { WELL } else { 0.4 };
    State { sentence: format!("{since}{failing}"), strength, fields }
}

/// Conditions that say that something is wrong, by the types that mean the same everywhere.
fn failing_conditions(value: &Value, fields: &mut BTreeMap<String, String>) -> String {
    let is_bad = |condition: &&Value| {
        let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
        let good = matches!(kind, "Ready" | "Available" | "Progressing" | "AbleToScale" | "ScalingActive");
        let bad = matches!(kind, "Failed" | "ReplicaFailure" | "Degraded" | "Stalled");
        (good && status == "False") || (bad && status == "True")
    };
    let mut told = String::new();
    for condition in list(value, "/status/conditions").iter().filter(is_bad) {
        let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
        let why = cell(text(condition, "/reason"));
        fields.insert(format!("conditions[{}]", cell(kind)), format!("{} {why}", cell(status)));
        told = format!("{told}, {} is {} ({why})", cell(kind), cell(status));
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::state;

    #[test]
    fn trouble_is_told_and_weighs_more_than_health() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let sick = json!({"kind": "Pod", "status": {"phase": "Running", "containerStatuses": [{"name": "web",
            "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 2}}}]}});
        let cases = [
            (
                sick,
                "phase Running, not ready; container web waits: CrashLoopBackOff; container web before ended: Error, exit code 2",
                0.7,
            ),
            (
                json!({"kind": "Pod", "status": {"phase": "Running", "conditions": ready}}),
                "phase Running, ready",
                0.05,
            ),
            (
                json!({"kind": "Deployment", "spec": {"replicas": 2}, "status": {"readyReplicas": 1, "conditions": [
                {"type": "Available", "status": "False", "reason": "Min\nimum"}]}}),
                "1 of 2 replicas ready, Available is False (Min imum)",
                0.5,
            ),
            (
                json!({"kind": "Node", "status": {"conditions": [{"type": "Ready", "status": "Unknown"},
                {"type": "DiskPressure", "status": "False"}]}}),
                "Ready is Unknown",
                0.8,
            ),
            (json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}), "phase Pending", 0.5),
            (json!({"kind": "Widget"}), "exists", 0.05),
            (json!(null), "exists", 0.05),
        ];
        for (value, sentence, strength) in cases {
            let state = state(&value);
            assert_eq!((state.sentence.as_str(), state.strength), (sentence, strength));
        }
    }
}
