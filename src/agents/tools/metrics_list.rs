//! `metrics_list`: which metrics there are, and what one of them is labelled with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::metrics_query::{failed, limit, prometheus};
use super::schema::schema_of;
use super::{Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::observe::MetricInfo;

/// Series that were there in this time count.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);

/// Names shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 50;
const MOST: usize = 200;

/// Values of one label that are shown.
const VALUES: usize = 8;

/// Largest compiled pattern, bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// What metrics mean is left out when it does not come within this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lists the metrics of the cluster's Prometheus.
pub(super) struct MetricsList;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Part of the name, or a regular expression for it, whatever the case; all metrics unless set.
    #[serde(default)]
    pattern: Option<String>,
    /// The whole name of one metric: gives its labels with some values.
    #[serde(default)]
    metric: Option<String>,
    /// How many names to show, 1 to 200; 50 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for MetricsList {
    fn name(&self) -> &'static str {
        "metrics_list"
    }

    fn description(&self) -> &'static str {
        "Finds metrics in the cluster's Prometheus: with `pattern` the names that fit with their type and meaning, with \
         `metric` the labels of that one metric and some of their values. Use it before metrics_query and metrics_range \
         when a name or label is not certain."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let given: Arguments = arguments(given)?;
            match &given.metric {
                Some(metric) => labels(metric, context).await,
                None => names(&given, context).await,
            }
        })
    }
}

async fn names(given: &Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let limit = limit(given.limit, DEFAULT, MOST)?;
    let pattern = pattern(given.pattern.as_deref().unwrap_or_default())?;
    let prometheus = prometheus(context)?;
    let (from, until) = lately(context.now);
    let selectors = selectors("", context)?;
    let infos = async { tokio::time::timeout(PATIENCE, prometheus.metric_infos()).await };
    let (names, infos) = tokio::join!(prometheus.metric_names(&selectors, from, until), infos);
    let mut names = names.map_err(failed)?;
    names.retain(|name| pattern.is_match(name));
    let infos = infos.ok().and_then(Result::ok).unwrap_or_default();
    if names.is_empty() {
        return Err(ToolError::NotFound("no metric has such a name; try a shorter part of it".to_owned()));
    }
    let lines: Vec<String> = names.iter().take(limit).map(|name| line(name, &infos)).collect();
    let more = "give a longer pattern";
    let mut output = ToolOutput::bounded(format!("{} metrics:\n{}", names.len(), lines.join("\n")), more);
    if names.len() > limit && output.cut.is_none() {
        output.cut = Some(format!("cut: {limit} of {} names shown; {more}", names.len()));
    }
    Ok(output)
}

/// Histograms and summaries are described under the name without the suffix.
fn line(name: &str, infos: &BTreeMap<String, MetricInfo>) -> String {
    let base = ["_bucket", "_count", "_sum", "_total"].iter().find_map(|suffix| name.strip_suffix(suffix));
    match infos.get(name).or_else(|| infos.get(base?)) {
        Some(MetricInfo { kind, help }) => format!("{name} ({kind}): {help}"),
        None => name.to_owned(),
    }
}

async fn labels(metric: &str, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if metric.is_empty() || metric.len() > 200 || !metric.chars().all(is_name) {
        return Err(ToolError::Arguments(
            "metric: give one name without matchers; look for it with pattern".to_owned(),
        ));
    }
    let (from, until) = lately(context.now);
    let series =
        prometheus(context)?.series(&selectors(metric, context)?, from, until).await.map_err(failed)?;
    if series.is_empty() {
        return Err(ToolError::NotFound(format!(
            "no series of {metric} in the last hour that may be read here; look for names with pattern"
        )));
    }
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in series.iter().flatten().filter(|(name, _)| *name != "__name__") {
        values.entry(name).or_default().insert(value);
    }
    let lines: Vec<String> = values.iter().map(|(name, values)| label(name, values)).collect();
    let text = format!("{metric}: {} series in the last hour, labels:\n{}", series.len(), lines.join("\n"));
    Ok(ToolOutput::bounded(text, "ask for values with metrics_query, as in count by (label) (metric)"))
}

fn label(name: &str, values: &BTreeSet<&str>) -> String {
    let shown: Vec<String> =
        values.iter().take(VALUES).map(|value| value.chars().take(100).collect()).collect();
    let more = values.len().saturating_sub(VALUES);
    let more = if more > 0 { format!(" … and {more} more") } else { String::new() };
    format!("{name}: {}{more}", shown.join(", "))
}

/// The series that may be seen: of every permitted namespace. `metric` is a name, or empty.
fn selectors(metric: &str, context: &ToolContext) -> Result<Vec<String>, ToolError> {
    match context.access.namespaces() {
        None if metric.is_empty() => Ok(Vec::new()),
        None => Ok(vec![metric.to_owned()]),
        Some(permitted) if permitted.is_empty() => {
            Err(ToolError::Denied("no namespace may be read in this conversation".to_owned()))
        }
        // `{:?}` would escape more than PromQL knows; no such name is a namespace.
        Some(permitted) => {
            let plain = permitted
                .iter()
                .filter(|namespace| namespace.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            Ok(plain.map(|namespace| format!("{metric}{{namespace=\"{namespace}\"}}")).collect())
        }
    }
}

fn lately(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.checked_sub(LOOK_BACK).unwrap_or(now), now)
}

/// As a regular expression where it is one, else as plain text.
fn pattern(text: &str) -> Result<Regex, ToolError> {
    let build = |text: &str| {
        RegexBuilder::new(text)
            .case_insensitive(true)
            .size_limit(LARGEST_PATTERN)
            .dfa_size_limit(LARGEST_PATTERN)
            .build()
    };
    if text.len() > 200 {
        return Err(ToolError::Arguments("pattern: at most 200 bytes".to_owned()));
    }
    build(text)
        .or_else(|_| build(&regex::escape(text)))
        .map_err(|_| ToolError::Arguments("pattern: it is too large; give part of the name".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_pattern_is_a_regular_expression_or_plain_text_whatever_the_case() {
        assert!(pattern("RESTARTS").unwrap().is_match("kube_pod_container_status_restarts_total"));
        assert!(pattern("^kube_.*_total$").unwrap().is_match("kube_x_total"));
        assert!(!pattern("(unclosed").unwrap().is_match("unclosed"));
        assert!(pattern(&"x".repeat(201)).is_err());
    }
}
