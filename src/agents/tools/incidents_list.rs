//! `incidents_list`: the incidents that kubewright knows, newest first.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::metrics_query::limit;
use super::schema::schema_of;
use super::{Access, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::Severity;
use crate::store::{IncidentFilter, IncidentSummary, StoreError};

/// Incidents on one page unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 20;
const MOST: usize = 50;

/// Longest text that titles are searched for, bytes.
const LONGEST_TEXT: usize = 200;

/// Lists incidents.
pub(super) struct IncidentsList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// true: only those not closed; false: only closed ones; all unless set.
    #[serde(default)]
    open: Option<bool>,
    /// Only in this namespace.
    #[serde(default)]
    namespace: Option<String>,
    /// Only with this severity.
    #[serde(default)]
    severity: Option<Level>,
    /// Only with this text in the title.
    #[serde(default)]
    text: Option<String>,
    /// How many, 1 to 50; 20 unless set.
    #[serde(default)]
    limit: Option<usize>,
    /// Goes on where the page before ended: the cursor that it gave.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Info,
    Warning,
    Critical,
}

impl Tool for IncidentsList {
    fn name(&self) -> &'static str {
        "incidents_list"
    }

    fn description(&self) -> &'static str {
        "Lists the incidents that kubewright works on or has closed in this cluster, newest first: identifier, phase or \
         outcome, severity, namespace, title and cause. Use it for what is going on now and what happened lately; the \
         identifier (or its beginning) then names the incident to the other tools."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { list(arguments(given)?, context).await })
    }
}

async fn list(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let limit = limit(given.limit, DEFAULT, MOST)?;
    if given.text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
        return Err(ToolError::Arguments(format!("text: at most {LONGEST_TEXT} bytes")));
    }
    let filter = IncidentFilter {
        phase: None,
        open: given.open,
        cluster: Some(context.observer.name().to_owned()),
        namespace: namespace(given.namespace, context)?,
        severity: given.severity.map(severity),
        text: given.text,
    };
    let page = context.store.incidents(&filter, given.cursor.as_deref(), limit).await.map_err(failed)?;
    let lines: Vec<String> = page.incidents.iter().map(line).collect();
    let mut text =
        if lines.is_empty() { "There are no such incidents.".to_owned() } else { lines.join("\n") };
    if let Some(cursor) = page.next_cursor {
        text.push_str(&format!("\nThere are more; go on with cursor {cursor}"));
    }
    Ok(ToolOutput::bounded(text, "set a smaller limit"))
}

/// The namespace to list. Whoever may see some namespaces only must name one of them.
fn namespace(named: Option<String>, context: &ToolContext) -> Result<Option<String>, ToolError> {
    match (named, &context.access) {
        (Some(named), access) => access.check(&named).map(|()| Some(named)),
        (None, Access::Everything) => Ok(None),
        (None, Access::Namespaces(permitted)) => match permitted.iter().collect::<Vec<_>>().as_slice() {
            [one] => Ok(Some((*one).clone())),
            _ => {
                let permitted: Vec<&str> = permitted.iter().map(String::as_str).collect();
                Err(ToolError::Arguments(format!("namespace: name one of {}", permitted.join(", "))))
            }
        },
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Info => Severity::Info,
        Level::Warning => Severity::Warning,
        Level::Critical => Severity::Critical,
    }
}

fn failed(error: StoreError) -> ToolError {
    if matches!(error, StoreError::Cursor) {
        return ToolError::Arguments("cursor: no page gave that; leave it out to begin".to_owned());
    }
    tracing::error!(%error, "incidents could not be listed for a tool");
    ToolError::Unavailable("the store did not answer; try again".to_owned())
}

fn line(incident: &IncidentSummary) -> String {
    let stands = match incident.outcome {
        Some(outcome) => format!("closed: {}", outcome.as_str()),
        None => incident.phase.to_string(),
    };
    let cause = incident.cause.as_ref().map_or_else(String::new, |cause| format!("; cause {cause}"));
    format!(
        "{} [{stands}] {} {} since {}: {}{cause}",
        incident.id,
        incident.severity.as_str(),
        incident.namespace.as_deref().unwrap_or("(no namespace)"),
        incident.opened_at,
        incident.title
    )
}
