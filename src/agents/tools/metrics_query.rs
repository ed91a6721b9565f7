//! `metrics_query`: PromQL at one moment.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{descending, labels, number, observation};
use super::schema::schema_of;
use super::when::moment;
use super::{Tool, ToolContext, ToolError, ToolOutput, arguments, promql};
use crate::observe::{Prometheus, PrometheusError, Sample};

/// Samples shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 30;
const MOST: usize = 100;

/// Samples that can be cited, the highest first.
const CITED: usize = 20;

/// Asks the cluster's Prometheus about one moment.
pub(super) struct MetricsQuery;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// A PromQL expression that gives an instant vector or a number.
    query: String,
    /// The moment: "now" (the default), "-30m", or RFC 3339.
    #[serde(default)]
    time: Option<String>,
    /// How many samples to show, 1 to 100; 30 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for MetricsQuery {
    fn name(&self) -> &'static str {
        "metrics_query"
    }

    fn description(&self) -> &'static str {
        "Evaluates a PromQL expression at one moment in the cluster's Prometheus and gives the samples, highest first. \
         Use it for how something stands now or stood then; use metrics_range for how it developed, and metrics_list to \
         find names of metrics and labels."
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
    let at = given.time.as_deref().map(|time| moment("time", time, context.now)).transpose()?;
    let expression = promql::permitted(&given.query, &context.access)?;
    let answer = prometheus(context)?.ask(&expression, at).await.map_err(failed)?;
    let mut samples = answer.samples;
    if samples.is_empty() {
        return Ok(nothing(&expression));
    }
    samples.sort_by(|one, other| descending(one.value, other.value));
    let total = samples.len();
    samples.truncate(limit);
    let shown: Vec<String> =
        samples.iter().map(|one| format!("{}  {}", number(one.value), labels(&one.labels))).collect();
    let at = samples.first().map(|one| one.at.to_string()).unwrap_or_default();
    let warnings = answer.warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect::<String>();
    let text = format!("{total} samples at {at}, highest first:\n{}{warnings}", shown.join("\n"));
    let more = "add matchers, aggregate with sum by (…), or use topk()";
    let mut output = ToolOutput::bounded(text, more);
    if total > limit && output.cut.is_none() {
        output.cut = Some(format!("cut: the {limit} highest of {total} samples shown; {more}"));
    }
    let cited = samples.iter().take(CITED).map(|one| cited(one, &expression));
    Ok(output.with(cited))
}

fn cited(sample: &Sample, expression: &str) -> super::Observation {
    let statement = format!("{expression} is {} for {}", number(sample.value), labels(&sample.labels));
    observation(&sample.labels, statement, expression, sample.at, [("value", sample.value)])
}

/// An empty answer is one too, and the commonest mistake.
pub(super) fn nothing(expression: &str) -> ToolOutput {
    ToolOutput {
        text: format!(
            "No series: either nothing matches {expression} at this time, or a comparison holds for none. Look for the \
             names of metrics and the values of labels with metrics_list."
        ),
        ..ToolOutput::default()
    }
}

/// A number of things within its bounds.
pub(super) fn limit(given: Option<usize>, default: usize, most: usize) -> Result<usize, ToolError> {
    let limit = given.unwrap_or(default);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ToolError::Arguments(format!("limit: {limit} is not between 1 and {most}")))
}

/// The cluster's Prometheus.
pub(super) fn prometheus(context: &ToolContext) -> Result<&Prometheus, ToolError> {
    context.observer.prometheus().ok_or_else(|| {
        ToolError::Unavailable(format!(
            "cluster {} has no Prometheus in the settings; look at the objects' status, events and logs with the \
             kubernetes tools instead",
            context.observer.name()
        ))
    })
}

/// What Prometheus refuses is for the model to correct; the rest is not its fault.
pub(super) fn failed(error: PrometheusError) -> ToolError {
    match error {
        PrometheusError::Read(error) => ToolError::Unavailable(format!("Prometheus: {error}")),
        other => ToolError::Arguments(format!("query: {other}")),
    }
}
