//! `rollout_history` and `rollout_diff`: what was deployed when, and what it changed.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::page::{cell, columns, page};
use super::target::{self, filled};
use super::until_cancelled;
use crate::agents::tools::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};
use crate::incident::{EvidenceSource, ObjectRef, Score};
use crate::observe::{FieldChange, WorkloadRevision, age};

/// Lists the revisions of a workload.
pub(super) struct History;

/// Compares two revisions of a workload.
pub(super) struct Diff;

/// Most fields that one observation quotes.
const MAX_FIELDS: usize = 12;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryArguments {
    /// Deployment, StatefulSet or DaemonSet; left out, Deployment.
    kind: Option<String>,
    /// Name of the workload.
    name: String,
    /// Namespace; left out, all that may be read are searched.
    namespace: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffArguments {
    /// Deployment, StatefulSet or DaemonSet; left out, Deployment.
    kind: Option<String>,
    /// Name of the workload.
    name: String,
    /// Namespace; left out, all that may be read are searched.
    namespace: Option<String>,
    /// The revision to compare from; left out, the one before `to`.
    from: Option<i64>,
    /// The revision to compare to; left out, the current one.
    to: Option<i64>,
}

impl Tool for History {
    fn name(&self) -> &'static str {
        "rollout_history"
    }

    fn description(&self) -> &'static str {
        "Lists the revisions of a Deployment, StatefulSet or DaemonSet that still exist: number, age, images, what the newest \
         changed. Use it to see whether something was deployed shortly before the trouble began; rollout_diff shows what \
         any two revisions differ in."
    }

    fn schema(&self) -> Value {
        schema_of::<HistoryArguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move {
            let asked: HistoryArguments = arguments(value)?;
            let (kind, namespace) = (asked.kind.as_deref(), asked.namespace.as_deref());
            let (workload, revisions) = read(context, kind, namespace, &asked.name).await?;
            Ok(history(&workload, &revisions, context))
        }))
    }
}

impl Tool for Diff {
    fn name(&self) -> &'static str {
        "rollout_diff"
    }

    fn description(&self) -> &'static str {
        "Shows field by field what two revisions of a workload's pod template differ in (image, environment, limits, probes, \
         mounts). Without from and to: what the current revision changed. Literal environment values, commands and \
         arguments are only said to have changed."
    }

    fn schema(&self) -> Value {
        schema_of::<DiffArguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move {
            let asked: DiffArguments = arguments(value)?;
            let (kind, namespace) = (asked.kind.as_deref(), asked.namespace.as_deref());
            let (workload, revisions) = read(context, kind, namespace, &asked.name).await?;
            diff(&workload, &revisions, asked.from, asked.to, context)
        }))
    }
}

/// The workload of that name with its revisions, newest first.
pub(super) async fn read(
    context: &ToolContext,
    kind: Option<&str>,
    namespace: Option<&str>,
    name: &str,
) -> Result<(ObjectRef, Vec<WorkloadRevision>), ToolError> {
    let kind = target::kind(context, filled(kind).unwrap_or("deployments.apps")).await?;
    if !matches!(kind.resource().as_str(), "deployments.apps" | "statefulsets.apps" | "daemonsets.apps") {
        let text =
            format!("{} have no revisions; only Deployments, StatefulSets and DaemonSets do", kind.plural);
        return Err(ToolError::Arguments(text));
    }
    let found = target::object(context, &kind, filled(namespace), name).await?;
    let revisions = context.observer.reader().revisions(&found.object).await.map_err(target::unread)?;
    Ok((found.object, revisions))
}

/// The revisions as a table, with what the newest changed.
pub(super) fn history(
    workload: &ObjectRef,
    revisions: &[WorkloadRevision],
    context: &ToolContext,
) -> ToolOutput {
    let Some(current) = revisions.first() else {
        return page(&format!("{workload} has no revisions yet"), 0, "");
    };
    let rows: Vec<Vec<String>> =
        revisions.iter().enumerate().map(|(at, one)| row(one, at == 0, context)).collect();
    let mut text =
        format!("{workload}\n{}", columns(&["REVISION", "AGE", "IMAGES", "CHANGE-CAUSE", "HELD BY"], &rows));
    let mut observations = Vec::new();
    if let Some(before) = revisions.get(1) {
        let changes = current.changes_since(before);
        text = format!("{text}\n\nrevision {} changed:\n{}", current.number, told(&changes));
        observations.push(observation(workload, before, current, &changes, context));
    }
    page(&text, 0, "compare two revisions with rollout_diff").with(observations)
}

fn row(revision: &WorkloadRevision, current: bool, context: &ToolContext) -> Vec<String> {
    let images: Vec<String> = revision.images.iter().map(|(name, image)| format!("{name}={image}")).collect();
    vec![
        format!("{}{}", revision.number, if current { " (current)" } else { "" }),
        revision.created_at.map_or_else(|| "<unknown>".to_owned(), |at| age(at, context.now)),
        images.join(","),
        revision.cause.clone().unwrap_or_else(|| "<none>".to_owned()),
        revision.name.clone(),
    ]
}

fn diff(
    workload: &ObjectRef,
    revisions: &[WorkloadRevision],
    from: Option<i64>,
    to: Option<i64>,
    context: &ToolContext,
) -> Result<ToolOutput, ToolError> {
    let to = match to {
        Some(number) => numbered(workload, revisions, number)?,
        None => revisions
            .first()
            .ok_or_else(|| ToolError::NotFound(format!("{workload} has no revisions yet")))?,
    };
    let from = match from {
        Some(number) => numbered(workload, revisions, number)?,
        None => revisions.iter().find(|one| one.number < to.number).ok_or_else(|| {
            ToolError::NotFound(format!("no revision of {workload} before {} is kept", to.number))
        })?,
    };
    let changes = to.changes_since(from);
    let text = format!("{workload}: from revision {} to {}\n{}", from.number, to.number, told(&changes));
    Ok(page(&text, 0, "the fields come in order of their path")
        .with([observation(workload, from, to, &changes, context)]))
}

/// The revision of that number.
pub(super) fn numbered<'a>(
    workload: &ObjectRef,
    revisions: &'a [WorkloadRevision],
    number: i64,
) -> Result<&'a WorkloadRevision, ToolError> {
    revisions.iter().find(|one| one.number == number).ok_or_else(|| {
        let kept: Vec<String> = revisions.iter().map(|one| one.number.to_string()).collect();
        ToolError::NotFound(format!("{workload} has no revision {number}; kept are {}", kept.join(", ")))
    })
}

fn told(changes: &[FieldChange]) -> String {
    if changes.is_empty() {
        return "(nothing in the pod template)".to_owned();
    }
    changes.iter().map(|change| format!("  {}: {}", change.path, step(change))).collect::<Vec<_>>().join("\n")
}

fn step(change: &FieldChange) -> String {
    let side = |value: &Option<String>| value.as_deref().map_or_else(|| "(absent)".to_owned(), cell);
    format!("{} -> {}", side(&change.before), side(&change.after))
}

fn observation(
    workload: &ObjectRef,
    from: &WorkloadRevision,
    to: &WorkloadRevision,
    changes: &[FieldChange],
    context: &ToolContext,
) -> Observation {
    let paths: Vec<&str> = changes.iter().take(MAX_FIELDS).map(|change| change.path.as_str()).collect();
    let what = if paths.is_empty() { "nothing".to_owned() } else { paths.join(", ") };
    Observation {
        source: EvidenceSource::Change,
        object: workload.clone(),
        statement: format!("{workload}: from revision {} to {} changed {what}", from.number, to.number),
        strength: Score::new(if changes.is_empty() { 0.05 } else { 0.4 }),
        at: to.created_at.unwrap_or(context.now),
        fields: changes
            .iter()
            .take(MAX_FIELDS)
            .map(|change| (change.path.clone(), step(change)))
            .collect::<BTreeMap<_, _>>(),
    }
}
