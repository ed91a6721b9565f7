//! What makes pods: Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs.

use serde_json::Value;

use super::super::fields::{list, number, pairs, selector, shown, text};
use super::super::list::{Asked, drawn, table};
use super::super::target::{self, Found};
use super::other::conditions;
use super::sheet::Sheet;
use super::{container, pod};
use crate::agents::tools::ToolContext;
use crate::observe::Selection;

/// Most pods that are shown.
const MAX_PODS: usize = 20;

pub(super) async fn describe(sheet: &mut Sheet, found: &Found, context: &ToolContext) {
    let value = &found.value;
    numbers(sheet, value);
    for (name, path) in [
        ("Strategy", "/spec/strategy/type"),
        ("Update strategy", "/spec/updateStrategy/type"),
        ("Schedule", "/spec/schedule"),
        ("Concurrency policy", "/spec/concurrencyPolicy"),
        ("Last schedule", "/status/lastScheduleTime"),
        ("Last success", "/status/lastSuccessfulTime"),
        ("Service name", "/spec/serviceName"),
    ] {
        sheet.field(name, text(value, path));
    }
    for (name, path) in [("Paused", "/spec/paused"), ("Suspended", "/spec/suspend")] {
        sheet.field(name, &value.pointer(path).filter(|flag| **flag == true).map(shown).unwrap_or_default());
    }
    let labels = selector(value, "/spec/selector");
    sheet.field("Selector", labels.as_deref().unwrap_or_default());
    conditions(sheet, value);
    template(sheet, value, context);
    if let Some(labels) = labels {
        pods(sheet, found, &labels, context).await;
    }
}

fn numbers(sheet: &mut Sheet, value: &Value) {
    let parts = [
        ("desired", "/spec/replicas"),
        ("desired", "/status/desiredNumberScheduled"),
        ("current", "/status/replicas"),
        ("current", "/status/currentNumberScheduled"),
        ("updated", "/status/updatedReplicas"),
        ("ready", "/status/readyReplicas"),
        ("ready", "/status/numberReady"),
        ("available", "/status/availableReplicas"),
        ("unavailable", "/status/unavailableReplicas"),
        ("active", "/status/active"),
        ("succeeded", "/status/succeeded"),
        ("failed", "/status/failed"),
        ("completions wanted", "/spec/completions"),
        ("back-off limit", "/spec/backoffLimit"),
    ];
    let told: Vec<String> =
        parts.iter().filter_map(|(name, path)| Some(format!("{} {name}", number(value, path)?))).collect();
    sheet.field("Replicas", &told.join(", "));
}

fn template(sheet: &mut Sheet, value: &Value, context: &ToolContext) {
    let template =
        value.pointer("/spec/template").or_else(|| value.pointer("/spec/jobTemplate/spec/template"));
    let Some(template) = template else { return };
    sheet.section("Pod template");
    sheet.indented(1, "Labels", &pairs(template, "/metadata/labels"));
    sheet.indented(1, "Annotations", &pairs(template, "/metadata/annotations"));
    sheet.indented(1, "Service account", text(template, "/spec/serviceAccountName"));
    for (name, path) in [("Init containers", "/spec/initContainers"), ("Containers", "/spec/containers")] {
        let containers = list(template, path);
        if !containers.is_empty() {
            sheet.section(name);
        }
        containers.iter().for_each(|one| container::describe(sheet, one, None, context.now));
    }
    pod::volumes(sheet, list(template, "/spec/volumes"));
}

async fn pods(sheet: &mut Sheet, found: &Found, labels: &str, context: &ToolContext) {
    sheet.section("Pods");
    let asked = Asked {
        namespace: Some(found.object.namespace.clone()),
        selection: Selection::labelled(labels),
        wide: true,
        ..Asked::default()
    };
    let read = async { table(context, &target::kind(context, "pods").await?, &asked).await };
    match read.await {
        Ok(mut rows) => {
            let rest = rows.rows.len().saturating_sub(MAX_PODS);
            rows.rows.truncate(MAX_PODS);
            sheet.block(&drawn(&found.kind, &rows, &asked));
            if rest > 0 {
                sheet.block(&format!("({rest} more: kubernetes_list with labels {labels})"));
            }
        }
        Err(error) => sheet.block(&format!("({error})")),
    }
}
