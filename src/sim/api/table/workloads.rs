//! Workloads, autoscalers and budgets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{self, UNKNOWN, UNSET, age, condition, containers, count, items, name, selector, text};
use super::{Column, View, column, number, wide};

const TEMPLATE: &str = "/spec/template/spec/containers";

pub(super) const DEPLOYMENTS: View = View {
    columns: &[
        column("Name"),
        column("Ready"),
        column("Up-to-date"),
        column("Available"),
        column("Age"),
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(format!("{}/{}", count(object, "/status/readyReplicas"), count(object, "/spec/replicas"))),
            json!(count(object, "/status/updatedReplicas")),
            json!(count(object, "/status/availableReplicas")),
            age(object, now),
            containers(object, TEMPLATE, "name"),
            containers(object, TEMPLATE, "image"),
            selector(object, "/spec/selector"),
        ]
    },
};

pub(super) const REPLICA_SETS: View = View {
    columns: &[
        column("Name"),
        number("Desired"),
        number("Current"),
        number("Ready"),
        column("Age"),
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(count(object, "/spec/replicas")),
            json!(count(object, "/status/replicas")),
            json!(count(object, "/status/readyReplicas")),
            age(object, now),
            containers(object, TEMPLATE, "name"),
            containers(object, TEMPLATE, "image"),
            selector(object, "/spec/selector"),
        ]
    },
};

pub(super) const STATEFUL_SETS: View = View {
    columns: &[column("Name"), column("Ready"), column("Age"), wide("Containers"), wide("Images")],
    cells: |object, now| {
        vec![
            name(object),
            json!(format!("{}/{}", count(object, "/status/readyReplicas"), count(object, "/spec/replicas"))),
            age(object, now),
            containers(object, TEMPLATE, "name"),
            containers(object, TEMPLATE, "image"),
        ]
    },
};

pub(super) const DAEMON_SETS: View = View {
    columns: &[
        column("Name"),
        number("Desired"),
        number("Current"),
        number("Ready"),
        number("Up-to-date"),
        number("Available"),
        column("Node Selector"),
        column("Age"),
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(count(object, "/status/desiredNumberScheduled")),
            json!(count(object, "/status/currentNumberScheduled")),
            json!(count(object, "/status/numberReady")),
            json!(count(object, "/status/updatedNumberScheduled")),
            json!(count(object, "/status/numberAvailable")),
            cells::pairs(object.pointer("/spec/template/spec/nodeSelector")),
            age(object, now),
            containers(object, TEMPLATE, "name"),
            containers(object, TEMPLATE, "image"),
            selector(object, "/spec/selector"),
        ]
    },
};

pub(super) const JOBS: View = View {
    columns: &[
        column("Name"),
        column("Status"),
        column("Completions"),
        column("Duration"),
        column("Age"),
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    cells: |object, now| {
        vec![
            name(object),
            json!(job_status(object)),
            json!(completions(object)),
            json!(duration(object, now)),
            age(object, now),
            containers(object, TEMPLATE, "name"),
            containers(object, TEMPLATE, "image"),
            selector(object, "/spec/selector"),
        ]
    },
};

fn job_status(job: &Value) -> &'static str {
    let holds = |of: &str| condition(job, of) == "True";
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if !text(job, "/metadata/deletionTimestamp").is_empty() {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let succeeded = count(job, "/status/succeeded");
    match job.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if count(job, "/spec/parallelism") > 1 => {
            format!("{succeeded}/1 of {}", count(job, "/spec/parallelism"))
        }
        None => format!("{succeeded}/1"),
    }
}

fn duration(job: &Value, now: Timestamp) -> String {
    let ended = match text(job, "/status/completionTime") {
        "" => items(job, "/status/conditions")
            .iter()
            .find(|c| text(c, "/type") == "Failed" && text(c, "/status") == "True")
            .map_or("", |c| text(c, "/lastTransitionTime")),
        time => time,
    };
    cells::between(text(job, "/status/startTime"), ended, now).unwrap_or_default()
}

pub(super) const CRON_JOBS: View = View {
    columns: &[
        column("Name"),
        column("Schedule"),
        column("Timezone"),
        Column { name: "Suspend", of: "boolean", wide: false },
        number("Active"),
        column("Last Schedule"),
        column("Age"),
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    cells: |object, now| {
        let template = "/spec/jobTemplate/spec/template/spec/containers";
        let last = text(object, "/status/lastScheduleTime");
        let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false);
        vec![
            name(object),
            json!(text(object, "/spec/schedule")),
            cells::text_or_none(object, "/spec/timeZone"),
            json!(if suspended { "True" } else { "False" }),
            json!(items(object, "/status/active").len()),
            json!(if last.is_empty() { cells::NONE.to_owned() } else { cells::since(last, now) }),
            age(object, now),
            containers(object, template, "name"),
            containers(object, template, "image"),
            selector(object, "/spec/jobTemplate/spec/selector"),
        ]
    },
};

pub(super) const AUTOSCALERS: View = View {
    columns: &[
        column("Name"),
        column("Reference"),
        column("Targets"),
        column("MinPods"),
        column("MaxPods"),
        column("Replicas"),
        column("Age"),
    ],
    cells: |object, now| {
        let least = object.pointer("/spec/minReplicas").and_then(Value::as_i64);
        vec![
            name(object),
            json!(format!(
                "{}/{}",
                text(object, "/spec/scaleTargetRef/kind"),
                text(object, "/spec/scaleTargetRef/name")
            )),
            json!(targets(object)),
            json!(least.map_or_else(|| UNSET.to_owned(), |least| least.to_string())),
            json!(count(object, "/spec/maxReplicas")),
            json!(count(object, "/status/currentReplicas")),
            age(object, now),
        ]
    },
};

fn targets(autoscaler: &Value) -> String {
    let metrics = items(autoscaler, "/spec/metrics");
    // The version 1 form of the same object.
    if let Some(wanted) = autoscaler.pointer("/spec/targetCPUUtilizationPercentage").and_then(Value::as_i64) {
        let current = autoscaler.pointer("/status/currentCPUUtilizationPercentage").and_then(Value::as_i64);
        return format!("cpu: {}/{wanted}%", current.map_or_else(|| UNKNOWN.to_owned(), |n| format!("{n}%")));
    }
    if metrics.is_empty() {
        return cells::NONE.to_owned();
    }
    let current = items(autoscaler, "/status/currentMetrics");
    let shown: Vec<String> =
        metrics.iter().take(2).enumerate().map(|(at, metric)| target(metric, current.get(at))).collect();
    let more = metrics.len().saturating_sub(2);
    if more > 0 { format!("{} + {more} more...", shown.join(", ")) } else { shown.join(", ") }
}

fn target(metric: &Value, current: Option<&Value>) -> String {
    let Some(resource) = metric.get("resource") else {
        let wanted = ["pods", "object", "external"].into_iter().find_map(|of| {
            let target = metric.get(of)?.get("target")?;
            target.get("averageValue").or_else(|| target.get("value"))?.as_str()
        });
        return format!("{UNKNOWN}/{}", wanted.unwrap_or("<auto>"));
    };
    let now = current.and_then(|current| current.pointer("/resource/current"));
    let label = text(resource, "/name");
    if let Some(average) = resource.pointer("/target/averageValue").and_then(Value::as_str) {
        let now = now.and_then(|now| now.get("averageValue")?.as_str()).unwrap_or(UNKNOWN);
        return format!("{label}: {now}/{average}");
    }
    let now = now.and_then(|now| now.get("averageUtilization")?.as_i64());
    let now = now.map_or_else(|| UNKNOWN.to_owned(), |percentage| format!("{percentage}%"));
    let wanted = resource.pointer("/target/averageUtilization").and_then(Value::as_i64);
    format!(
        "{label}: {now}/{}",
        wanted.map_or_else(|| "<auto>".to_owned(), |percentage| format!("{percentage}%"))
    )
}

pub(super) const BUDGETS: View = View {
    columns: &[
        column("Name"),
        column("Min Available"),
        column("Max Unavailable"),
        number("Allowed Disruptions"),
        column("Age"),
    ],
    cells: |object, now| {
        let bound = |path: &str| match object.pointer(path) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "N/A".to_owned(),
        };
        vec![
            name(object),
            json!(bound("/spec/minAvailable")),
            json!(bound("/spec/maxUnavailable")),
            json!(count(object, "/status/disruptionsAllowed")),
            age(object, now),
        ]
    },
};

pub(super) const REVISIONS: View = View {
    columns: &[column("Name"), column("Controller"), column("Revision"), column("Age")],
    cells: |object, now| {
        let owner = items(object, "/metadata/ownerReferences")
            .iter()
            .find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
        let controller = owner.map_or_else(
            || cells::NONE.to_owned(),
            |owner| format!("{}.apps/{}", text(owner, "/kind").to_lowercase(), text(owner, "/name")),
        );
        vec![name(object), json!(controller), json!(count(object, "/revision")), age(object, now)]
    },
};
