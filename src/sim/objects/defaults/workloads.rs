//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

use serde_json::{Map, Value, json};

use super::{fill, pods, spec};
use crate::sim::kinds::Kind;
use crate::sim::objects::meta;

/// A workload, new or changed; other kinds stay as they are.
pub(super) fn workload(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "Deployment" => deployment(spec(object)),
        "ReplicaSet" | "ReplicationController" => {
            fill(spec(object), "replicas", json!(1));
            template(spec(object));
        }
        "StatefulSet" => stateful_set(spec(object)),
        "DaemonSet" => daemon_set(spec(object)),
        "Job" => job(spec(object)),
        "CronJob" => cron_job(spec(object)),
        _ => {}
    }
}

fn template(spec: &mut Map<String, Value>) {
    let template = meta::child_mut(spec, "template");
    if let Some(Value::Object(metadata)) = template.get_mut("metadata")
        && metadata.get("creationTimestamp").is_some_and(Value::is_null)
    {
        metadata.remove("creationTimestamp");
    }
    pods::pod_spec(meta::child_mut(template, "spec"));
}

fn deployment(spec: &mut Map<String, Value>) {
    fill(spec, "replicas", json!(1));
    fill(spec, "revisionHistoryLimit", json!(10));
    fill(spec, "progressDeadlineSeconds", json!(600));
    let strategy = meta::child_mut(spec, "strategy");
    fill(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        let rolling = meta::child_mut(strategy, "rollingUpdate");
        fill(rolling, "maxUnavailable", json!("25%"));
        fill(rolling, "maxSurge", json!("25%"));
    }
    template(spec);
}

fn stateful_set(spec: &mut Map<String, Value>) {
    fill(spec, "replicas", json!(1));
    fill(spec, "podManagementPolicy", json!("OrderedReady"));
    fill(spec, "revisionHistoryLimit", json!(10));
    fill(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    let strategy = meta::child_mut(spec, "updateStrategy");
    fill(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        fill(meta::child_mut(strategy, "rollingUpdate"), "partition", json!(0));
    }
    template(spec);
}

fn daemon_set(spec: &mut Map<String, Value>) {
    fill(spec, "revisionHistoryLimit", json!(10));
    let strategy = meta::child_mut(spec, "updateStrategy");
    fill(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        let rolling = meta::child_mut(strategy, "rollingUpdate");
        fill(rolling, "maxUnavailable", json!(1));
        fill(rolling, "maxSurge", json!(0));
    }
    template(spec);
}

fn job(spec: &mut Map<String, Value>) {
    if spec.get("completions").is_none_or(Value::is_null)
        && spec.get("parallelism").is_none_or(Value::is_null)
    {
        fill(spec, "completions", json!(1));
    }
    fill(spec, "parallelism", json!(1));
    fill(spec, "backoffLimit", json!(6));
    fill(spec, "completionMode", json!("NonIndexed"));
    fill(spec, "suspend", json!(false));
    fill(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
    template(spec);
}

fn cron_job(spec: &mut Map<String, Value>) {
    fill(spec, "concurrencyPolicy", json!("Allow"));
    fill(spec, "suspend", json!(false));
    fill(spec, "successfulJobsHistoryLimit", json!(3));
    fill(spec, "failedJobsHistoryLimit", json!(1));
    let job_spec = meta::child_mut(meta::child_mut(spec, "jobTemplate"), "spec");
    template(job_spec);
}

/// Gives a new Job a selector of its own, by its uid.
pub(super) fn own_pods_of_job(object: &mut Value) {
    let (uid, name) = (meta::uid(object).to_owned(), meta::name(object).to_owned());
    let spec = spec(object);
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    fill(spec, "selector", selector);
    let template = meta::child_mut(spec, "template");
    let labels = meta::child_mut(meta::child_mut(template, "metadata"), "labels");
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        fill(labels, key, json!(value));
    }
}
