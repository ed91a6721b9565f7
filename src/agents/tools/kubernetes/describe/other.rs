//! Nodes, Services, and kinds without a form of their own.

use serde_json::Value;

use super::super::fields::{list, pairs, text};
use super::super::get::yaml;
use super::super::list::{Asked, drawn, table};
use super::super::page::cell;
use super::super::target::{self, Found};
use super::sheet::Sheet;
use crate::agents::tools::{ToolContext, ToolError};
use crate::observe::Selection;

/// Conditions with reason and message.
pub(super) fn conditions(sheet: &mut Sheet, value: &Value) {
    let conditions = list(value, "/status/conditions");
    if !conditions.is_empty() {
        sheet.section("Conditions");
    }
    for condition in conditions {
        let part = |path: &str| cell(text(condition, path));
        let line = format!(
            "{} {} {} {}",
            part("/status"),
            part("/reason"),
            part("/lastTransitionTime"),
            part("/message")
        );
        sheet.indented(1, text(condition, "/type"), &line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// A node with the pods on it that may be read.
pub(super) async fn node(sheet: &mut Sheet, found: &Found, context: &ToolContext) {
    let value = &found.value;
    let taints = list(value, "/spec/taints")
        .iter()
        .map(|taint| format!("{}={}:{}", text(taint, "/key"), text(taint, "/value"), text(taint, "/effect")));
    sheet.field("Taints", &taints.collect::<Vec<_>>().join(", "));
    let cordoned = value.pointer("/spec/unschedulable").is_some_and(|cordoned| cordoned == true);
    sheet.field("Unschedulable", if cordoned { "true" } else { "" });
    conditions(sheet, value);
    sheet.field("Capacity", &pairs(value, "/status/capacity"));
    sheet.field("Allocatable", &pairs(value, "/status/allocatable"));
    sheet.field("Info", &pairs(value, "/status/nodeInfo"));
    let on_node = Selection { labels: String::new(), fields: format!("spec.nodeName={}", found.object.name) };
    sheet.section("Pods");
    rows(sheet, context, "pods", Asked { selection: on_node, ..Asked::default() }).await;
}

/// A Service with its endpoints.
pub(super) async fn service(sheet: &mut Sheet, found: &Found, context: &ToolContext) {
    let value = &found.value;
    sheet.field("Type", text(value, "/spec/type"));
    sheet.field("Cluster IP", text(value, "/spec/clusterIP"));
    sheet.field("External name", text(value, "/spec/externalName"));
    sheet.field("Selector", &pairs(value, "/spec/selector"));
    let ports = list(value, "/spec/ports").iter().map(|port| {
        let number = |path: &str| port.pointer(path).map(super::super::fields::shown).unwrap_or_default();
        format!("{} {} -> {}", text(port, "/name"), number("/port"), number("/targetPort"))
    });
    sheet.field("Ports", &ports.collect::<Vec<_>>().join(", "));
    sheet.section("Endpoints");
    let own = Selection::labelled(&format!("kubernetes.io/service-name={}", found.object.name));
    let asked = Asked { namespace: Some(found.object.namespace.clone()), selection: own, ..Asked::default() };
    rows(sheet, context, "endpointslices.discovery.k8s.io", asked).await;
}

async fn rows(sheet: &mut Sheet, context: &ToolContext, kind: &str, asked: Asked) {
    let read = async {
        let kind = target::kind(context, kind).await?;
        let table = table(context, &kind, &asked).await?;
        Ok::<_, ToolError>(drawn(&kind, &table, &asked))
    };
    match read.await {
        Ok(text) => sheet.block(&text),
        Err(error) => sheet.block(&format!("({error})")),
    }
}

/// Any other kind: its conditions, then all but its metadata as YAML.
pub(super) fn any(sheet: &mut Sheet, value: &Value) {
    conditions(sheet, value);
    let mut rest = value.clone();
    if let Some(map) = rest.as_object_mut() {
        for known in ["metadata", "kind", "apiVersion"] {
            map.remove(known);
        }
    }
    if let Some(status) = rest.pointer_mut("/status").and_then(Value::as_object_mut) {
        status.remove("conditions");
    }
    sheet.line(0, yaml(&rest).trim_end());
}
