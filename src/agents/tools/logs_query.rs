//! `logs_query`: LogQL, where the cluster has a Loki.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Summary, labels, object, summaries};
use super::metrics_query::limit;
use super::metrics_range::span;
use super::schema::schema_of;
use super::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, logql};
use crate::incident::{EvidenceSource, Score};
use crate::observe::{LogAnswer, LogLine, Loki, ReadError, Series};

/// Lines shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 50;
const MOST: usize = 200;

/// Longest line that is shown, characters.
const LONGEST_LINE: usize = 500;

/// Lines that can be cited, the newest.
const CITED: usize = 20;

/// Signal strength of a line: it was chosen for its words.
const STRENGTH: f64 = 0.4;

/// Asks the cluster's Loki.
pub(super) struct LogsQuery;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// LogQL, as in {namespace="shop", pod=~"checkout-.*"} |~ "(?i)error".
    query: String,
    /// The beginning: "-1h" (the default), or RFC 3339.
    #[serde(default)]
    start: Option<String>,
    /// The end: "now" (the default), "-30m", or RFC 3339.
    #[serde(default)]
    end: Option<String>,
    /// How many lines, the newest, 1 to 200; 50 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for LogsQuery {
    fn name(&self) -> &'static str {
        "logs_query"
    }

    fn description(&self) -> &'static str {
        "Searches logs of many pods, also of pods that are gone, with LogQL in the cluster's Loki; gives the newest lines \
         that match, oldest first, or series for a metric query such as sum by (pod) (count_over_time(…[5m])). Not every \
         cluster has a Loki; kubernetes_logs reads one container's log without it."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { query(arguments(given)?, context).await })
    }
}

async fn query(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let limit = limit(given.limit, DEFAULT, MOST)?;
    let loki = loki(context)?;
    let (start, end) = (given.start.as_deref().unwrap_or("-1h"), given.end.as_deref().unwrap_or("now"));
    let span = span(start, end, None, context.now)?;
    logql::check(&given.query, &context.access)?;
    match loki.query(given.query.trim(), span, limit).await.map_err(failed)? {
        LogAnswer::Lines(lines) => Ok(told(&lines, limit)),
        LogAnswer::Series(series) => Ok(counted(series, limit)),
    }
}

fn loki(context: &ToolContext) -> Result<&Loki, ToolError> {
    context.observer.loki().ok_or_else(|| {
        ToolError::Unavailable(format!(
            "cluster {} has no Loki in the settings; use kubernetes_logs, which reads the logs of one pod's containers \
             (previous: true for the run before a restart)",
            context.observer.name()
        ))
    })
}

fn failed(error: ReadError) -> ToolError {
    match error {
        ReadError::Status { code: 400, message } => {
            ToolError::Arguments(format!("query: Loki says: {message}"))
        }
        ReadError::Request(reason) => ToolError::Arguments(format!("query: {reason}")),
        other => ToolError::Unavailable(format!("Loki: {other}")),
    }
}

fn told(lines: &[LogLine], limit: usize) -> ToolOutput {
    if lines.is_empty() {
        let text =
            "No line matches. Look at a longer time, or at the labels and words of the query.".to_owned();
        return ToolOutput { text, ..ToolOutput::default() };
    }
    let shown: Vec<String> =
        lines.iter().map(|line| format!("{} {}: {}", line.at, source(line), shortened(&line.text))).collect();
    let more = "narrow the labels, the words or the time (end at the first time shown for older lines)";
    let mut output = ToolOutput::bounded(format!("{} lines:\n{}", lines.len(), shown.join("\n")), more);
    if lines.len() >= limit && output.cut.is_none() {
        output.cut = Some(format!("cut: the newest {} lines shown; {more}", lines.len()));
    }
    output.with(lines.iter().rev().take(CITED).map(cited))
}

fn cited(line: &LogLine) -> Observation {
    let text = shortened(&line.text);
    Observation {
        source: EvidenceSource::Log,
        object: object(&line.labels),
        statement: format!("{} logged: {text}", source(line)),
        strength: Score::new(STRENGTH),
        at: line.at,
        fields: BTreeMap::from([("line".to_owned(), text)]),
    }
}

fn counted(series: Vec<Series>, limit: usize) -> ToolOutput {
    let all = summaries(series);
    let lines: Vec<String> = all.iter().take(limit).map(Summary::line).collect();
    let text = format!("{} series, highest last value first:\n{}", all.len(), lines.join("\n"));
    let more = "aggregate with sum by (…) or narrow the labels";
    let mut output = ToolOutput::bounded(text, more);
    if all.len() > limit && output.cut.is_none() {
        output.cut = Some(format!("cut: {limit} of {} series shown; {more}", all.len()));
    }
    output
}

/// `pod/container` where the labels tell, else all labels.
fn source(line: &LogLine) -> String {
    let label = |name: &str| line.labels.get(name);
    match (label("pod"), label("container")) {
        (Some(pod), Some(container)) => format!("{pod}/{container}"),
        (Some(pod), None) => pod.clone(),
        _ => labels(&line.labels),
    }
}

/// One line of bounded length.
fn shortened(text: &str) -> String {
    let line: String =
        text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_LINE).collect();
    if text.trim_end().chars().nth(LONGEST_LINE).is_some() { line + "…" } else { line }
}
