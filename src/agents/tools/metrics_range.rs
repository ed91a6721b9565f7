//! `metrics_range`: PromQL over a time, told as what each series amounts to.

use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Summary, labels, number, observation, summaries};
use super::metrics_query::{failed, limit, nothing, prometheus};
use super::schema::schema_of;
use super::when::{duration, moment};
use super::{Observation, Tool, ToolContext, ToolError, ToolOutput, arguments, promql};
use crate::observe::Span;

/// Points that are asked for unless a step is given, and at most.
const POINTS: u64 = 60;
const MOST_POINTS: u64 = 500;

/// Shortest step: a usual scrape interval.
const SHORTEST_STEP: Duration = Duration::from_secs(15);

/// Longest time that is looked at.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Series shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 10;
const MOST: usize = 40;

/// Series that can be cited.
const CITED: usize = 10;

/// Asks the cluster's Prometheus how something developed.
pub(super) struct MetricsRange;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// A PromQL expression that gives an instant vector or a number, as in rate(http_requests_total[5m]).
    query: String,
    /// The beginning: "-1h" (the default), or RFC 3339.
    #[serde(default)]
    start: Option<String>,
    /// The end: "now" (the default), "-30m", or RFC 3339.
    #[serde(default)]
    end: Option<String>,
    /// Time between two points, as in "1m"; unless set, as gives 60 points.
    #[serde(default)]
    step: Option<String>,
    /// How many series to show, 1 to 40; 10 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for MetricsRange {
    fn name(&self) -> &'static str {
        "metrics_range"
    }

    fn description(&self) -> &'static str {
        "Evaluates a PromQL expression over a time in the cluster's Prometheus. Of each series it gives least, average, \
         most and last value and some points evenly spread, oldest first; series with the highest last value come first. \
         Use it to see when something began to rise or fall; use metrics_query for one moment."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { range(arguments(given)?, context).await })
    }
}

async fn range(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let limit = limit(given.limit, DEFAULT, MOST)?;
    let (start, end) = (given.start.as_deref().unwrap_or("-1h"), given.end.as_deref().unwrap_or("now"));
    let span = span(start, end, given.step.as_deref(), context.now)?;
    let expression = promql::permitted(&given.query, &context.access)?;
    let answer = prometheus(context)?.range(&expression, span).await.map_err(failed)?;
    let all = summaries(answer.series);
    if all.is_empty() {
        return Ok(nothing(&expression));
    }
    let warnings = answer.warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect::<String>();
    let lines: Vec<String> = all.iter().take(limit).map(Summary::line).collect();
    let text = format!(
        "{} series from {} to {}, a point every {} s, highest last value first:\n{}{warnings}",
        all.len(),
        span.from,
        span.until,
        span.step.as_secs(),
        lines.join("\n")
    );
    let more = "add matchers, aggregate with sum by (…), use topk(), or a shorter time";
    let mut output = ToolOutput::bounded(text, more);
    if all.len() > limit && output.cut.is_none() {
        output.cut = Some(format!("cut: {limit} of {} series shown; {more}", all.len()));
    }
    let cited = all.iter().take(limit.min(CITED)).map(|one| cited(one, &expression));
    Ok(output.with(cited))
}

fn cited(series: &Summary, expression: &str) -> Observation {
    let statement = format!(
        "{expression} went from {} at least to {} at most and is {} now for {}",
        number(series.least),
        number(series.most),
        number(series.last),
        labels(&series.labels)
    );
    let values = [("min", series.least), ("avg", series.mean), ("max", series.most), ("last", series.last)];
    observation(&series.labels, statement, expression, series.until, values)
}

/// The time that is meant, with a step that gives at most [`MOST_POINTS`] points.
pub(super) fn span(
    start: &str,
    end: &str,
    step: Option<&str>,
    now: jiff::Timestamp,
) -> Result<Span, ToolError> {
    let (from, until) = (moment("start", start, now)?, moment("end", end, now)?);
    let long = Duration::try_from(until.duration_since(from)).unwrap_or_default();
    if long.is_zero() {
        return Err(ToolError::Arguments(format!("start: {from} is not before end, {until}")));
    }
    if long > LONGEST {
        return Err(ToolError::Arguments(
            "start: at most 31 days are looked at; choose a later start".to_owned(),
        ));
    }
    let least = Duration::from_secs(long.as_secs().div_ceil(MOST_POINTS)).max(Duration::from_secs(1));
    let step = match step {
        Some(step) => duration(step).ok_or_else(|| {
            ToolError::Arguments(format!("step: {step:.20} is no length of time, as in \"1m\""))
        })?,
        None => SHORTEST_STEP.max(Duration::from_secs(long.as_secs() / POINTS)),
    };
    if step < least {
        return Err(ToolError::Arguments(format!(
            "step: it would give more than {MOST_POINTS} points; use at least {} s, or a shorter time",
            least.as_secs()
        )));
    }
    Ok(Span { from, until, step })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::span;

    #[test]
    fn a_step_follows_from_the_time_and_gives_a_bounded_number_of_points() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let step =
            |start: &str, step: Option<&str>| span(start, "now", step, now).map(|span| span.step.as_secs());
        assert_eq!(step("-1h", None).unwrap(), 60);
        assert_eq!(step("-5m", None).unwrap(), 15);
        assert_eq!(step("-7d", None).unwrap(), 10_080);
        assert_eq!(step("-1h", Some("30s")).unwrap(), 30);
        for (start, given, named) in [
            ("-1d", Some("1s"), "173 s"),
            ("-1h", Some("often"), "step"),
            ("now", None, "not before"),
            ("-90d", None, "31 days"),
            ("2030-01-01T00:00:00Z", None, "not before"),
        ] {
            let refusal = step(start, given).unwrap_err().to_string();
            assert!(refusal.contains(named), "{start} {given:?}: {refusal}");
        }
    }
}
