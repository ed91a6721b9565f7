//! `kubernetes_describe`: one object as an account for readers, with its events.

mod container;
mod other;
mod pod;
mod sheet;
mod workload;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{pairs, text, time};
use super::page::page;
use super::target::{self, Found, filled};
use super::{events, state, until_cancelled};
use crate::agents::tools::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};
use crate::observe::age;
use sheet::Sheet;

/// Describes one object.
pub(super) struct Describe;

/// Most events that are shown.
const MAX_EVENTS: usize = 20;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Kind, in any form that kubectl takes: Pod, deploy, nodes, widgets.example.com.
    kind: String,
    /// Name of the object.
    name: String,
    /// Namespace; left out, all that may be read are searched.
    namespace: Option<String>,
    /// Lines to skip, to read on where an answer was cut.
    #[serde(default)]
    skip_lines: usize,
}

impl Tool for Describe {
    fn name(&self) -> &'static str {
        "kubernetes_describe"
    }

    fn description(&self) -> &'static str {
        "Describes one Kubernetes object as kubectl describe does: conditions, containers with state, last state, exit codes, \
         limits and probes, what belongs to it, and its newest events. The first thing to read about an object in trouble."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move {
            let asked: Arguments = arguments(value)?;
            let kind = target::kind(context, &asked.kind).await?;
            let namespace = filled(asked.namespace.as_deref());
            let found = target::object(context, &kind, namespace, &asked.name).await?;
            let (text, observations) = described(context, &found).await;
            let more = "call again with skip_lines={skip}, or read a part with kubernetes_get and path";
            Ok(page(&text, asked.skip_lines, more).with(observations))
        }))
    }
}

/// An object's account and what of it can be cited. What cannot be read beside the object itself is said in its place.
pub(super) async fn described(context: &ToolContext, found: &Found) -> (String, Vec<Observation>) {
    let mut sheet = Sheet::default();
    head(&mut sheet, found, context);
    match found.object.kind.as_str() {
        "Pod" => pod::describe(&mut sheet, &found.value, context.now),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" => {
            workload::describe(&mut sheet, found, context).await;
        }
        "Node" => other::node(&mut sheet, found, context).await,
        "Service" => other::service(&mut sheet, found, context).await,
        _ => other::any(&mut sheet, &found.value),
    }
    let mut observations = vec![state::observation(found, context.now)];
    observations.extend(told_events(&mut sheet, found, context).await);
    (sheet.into_text(), observations)
}

fn head(sheet: &mut Sheet, found: &Found, context: &ToolContext) {
    let value = &found.value;
    sheet.field("Name", &found.object.name);
    sheet.field("Namespace", &found.object.namespace);
    sheet.field("Kind", &format!("{} ({})", found.object.kind, found.kind.api_version()));
    if let Some(created) = time(value, "/metadata/creationTimestamp") {
        sheet.field("Created", &format!("{created} ({} ago)", age(created, context.now)));
    }
    if let Some(deleted) = time(value, "/metadata/deletionTimestamp") {
        sheet.field("Being deleted since", &deleted.to_string());
    }
    sheet.field("Labels", &pairs(value, "/metadata/labels"));
    sheet.field("Annotations", &pairs(value, "/metadata/annotations"));
    let owners = super::fields::list(value, "/metadata/ownerReferences").iter();
    let owners: Vec<String> =
        owners.map(|owner| format!("{}/{}", text(owner, "/kind"), text(owner, "/name"))).collect();
    sheet.field("Owned by", &owners.join(", "));
    sheet.field("State", &state::state(value).sentence);
}

async fn told_events(sheet: &mut Sheet, found: &Found, context: &ToolContext) -> Vec<Observation> {
    let wanted = events::Wanted { about: Some(found.object.clone()), ..events::Wanted::default() };
    match events::read(context, &wanted).await {
        Ok((mut events, _)) => {
            let rest = events.len().saturating_sub(MAX_EVENTS);
            events.truncate(MAX_EVENTS);
            sheet.section("Events");
            sheet.block(&events::drawn(&events, context.now));
            if rest > 0 {
                sheet.block(&format!("({rest} older events: kubernetes_events shows them)"));
            }
            events::observations(&events, context.now)
        }
        Err(error) => {
            sheet.section("Events");
            sheet.block(&format!("({error})"));
            Vec::new()
        }
    }
}
