//! `kubernetes_list`: the objects of a kind as a table.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::page::{columns, page};
use super::target::{self, filled};
use super::until_cancelled;
use crate::agents::tools::{Tool, ToolContext, ToolError, ToolOutput, arguments, schema_of};
use crate::observe::{ResourceKind, Selection, Table};

/// Lists the objects of a kind.
pub(super) struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Kind, in any form that kubectl takes: pods, deploy, nodes, widgets.example.com.
    kind: String,
    /// Namespace; left out, all that may be read.
    namespace: Option<String>,
    /// Label selector: app=web,tier!=back.
    labels: Option<String>,
    /// Field selector: status.phase!=Running, spec.nodeName=worker-1.
    fields: Option<String>,
    /// Only rows that contain this text, in any column.
    contains: Option<String>,
    /// Shows more columns, such as node, address and images.
    #[serde(default)]
    wide: bool,
    /// Lines to skip, to read on where an answer was cut.
    #[serde(default)]
    skip_lines: usize,
}

/// What is to be listed and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) namespace: Option<String>,
    pub(super) selection: Selection,
    pub(super) wide: bool,
    /// A further column.
    pub(super) labels: bool,
    pub(super) no_headers: bool,
    /// Begins names with their kind, as kubectl does for several kinds.
    pub(super) prefixed: bool,
    /// Only these names.
    pub(super) names: Vec<String>,
}

impl Tool for List {
    fn name(&self) -> &'static str {
        "kubernetes_list"
    }

    fn description(&self) -> &'static str {
        "Lists the Kubernetes objects of one kind as the table that kubectl get prints (status, readiness, restarts, age). \
         Use it to see what there is and what looks wrong before you look closer with kubernetes_describe. Narrow long \
         lists with namespace, labels, fields or contains."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        value: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(until_cancelled(context, async move { list(arguments(value)?, context).await }))
    }
}

async fn list(arguments: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let kind = target::kind(context, &arguments.kind).await?;
    let asked = Asked {
        namespace: arguments.namespace,
        selection: Selection {
            labels: arguments.labels.unwrap_or_default(),
            fields: arguments.fields.unwrap_or_default(),
        },
        wide: arguments.wide,
        ..Asked::default()
    };
    let mut table = table(context, &kind, &asked).await?;
    if let Some(text) = filled(arguments.contains.as_deref()) {
        table.rows.retain(|row| row.name.contains(text) || row.cells.iter().any(|cell| cell.contains(text)));
    }
    let more = "call again with skip_lines={skip}, or narrow with namespace, labels, fields or contains";
    let mut output = page(&drawn(&kind, &table, &asked), arguments.skip_lines, more);
    if let Some(missing) = table.missing {
        let cut = output.cut.map(|cut| format!("{cut}; {missing}"));
        output.cut = Some(cut.unwrap_or(missing));
    }
    Ok(output)
}

/// Reads a table of what may be read.
pub(super) async fn table(
    context: &ToolContext,
    kind: &ResourceKind,
    asked: &Asked,
) -> Result<Table, ToolError> {
    let namespace = filled(asked.namespace.as_deref());
    let reader = context.observer.reader();
    let mut all = Table::default();
    for place in target::places(context, kind, namespace)? {
        let read = reader.table(kind, place.as_deref(), &asked.selection, asked.wide, context.now).await;
        let table = read.map_err(target::unread)?;
        all.columns = table.columns;
        all.rows.extend(table.rows);
        all.missing = all.missing.or(table.missing);
    }
    permitted(context, kind, &mut all).await?;
    if !asked.names.is_empty() {
        all.rows.retain(|row| asked.names.contains(&row.name));
    }
    if let (true, Some(namespace)) = (all.rows.is_empty() && kind.namespaced, namespace)
        && let Some(absent) = target::absent_namespace(context, namespace).await
    {
        return Err(absent);
    }
    Ok(all)
}

/// Leaves out rows of cluster-wide kinds that concern others: their objects tell whose they are.
async fn permitted(context: &ToolContext, kind: &ResourceKind, table: &mut Table) -> Result<(), ToolError> {
    if context.access.namespaces().is_none() || kind.namespaced {
        return Ok(());
    }
    let objects =
        context.observer.reader().list(kind, None, &Selection::default()).await.map_err(target::unread)?;
    let own: Vec<String> = objects
        .items
        .into_iter()
        .filter(|value| target::concerns(context, kind, value))
        .map(|value| target::found(kind, value).object.name)
        .collect();
    table.rows.retain(|row| own.contains(&row.name));
    Ok(())
}

/// Draws a table as kubectl does.
pub(super) fn drawn(kind: &ResourceKind, table: &Table, asked: &Asked) -> String {
    if table.rows.is_empty() {
        let place =
            asked.namespace.as_deref().map(|name| format!(" in {name} namespace")).unwrap_or_default();
        return format!("No resources found{}.", if kind.namespaced { place } else { String::new() });
    }
    let many = kind.namespaced && filled(asked.namespace.as_deref()).is_none();
    let mut header: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    if many {
        header.insert(0, "NAMESPACE");
    }
    if asked.labels {
        header.push("LABELS");
    }
    let group = if kind.group.is_empty() { String::new() } else { format!(".{}", kind.group) };
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            let mut cells = row.cells.clone();
            if let (true, Some(name)) = (asked.prefixed, cells.first_mut()) {
                *name = format!("{}{group}/{name}", kind.singular);
            }
            if many {
                cells.insert(0, row.namespace.clone());
            }
            if asked.labels {
                cells.push(row.labels.clone());
            }
            cells
        })
        .collect();
    let text = columns(&header, &rows);
    if asked.no_headers { text.lines().skip(1).collect::<Vec<_>>().join("\n") } else { text }
}
