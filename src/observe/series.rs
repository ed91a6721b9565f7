//! What Prometheus answers beside instants: ranges, the names of metrics and what they mean, and their series.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::prometheus::{Prometheus, PrometheusError, opened};
use super::read_error::quote;

/// Most series asked for at once where only their labels matter; servers older than 2.53 send all.
const MAX_SERIES: &str = "2000";

/// From when to when, and how far apart the points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
    /// Time between two points.
    pub step: Duration,
}

/// One series over time, oldest point first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When and how much; values may be NaN or infinite.
    pub points: Vec<(Timestamp, f64)>,
}

/// The series of a range query and what Prometheus warns of.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranged {
    /// The series.
    pub series: Vec<Series>,
    /// Warnings, shortened.
    pub warnings: Vec<String>,
}

/// What exporters say of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct MetricInfo {
    /// `counter`, `gauge`, `histogram`, …
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What it says. Untrusted text.
    #[serde(default)]
    pub help: String,
}

#[derive(Deserialize)]
struct Matrix {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<RawSeries>,
}

/// One series as both Prometheus and Loki write it.
#[derive(Deserialize)]
pub(super) struct RawSeries {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Prometheus {
    /// Evaluates `promql` at every step of `span`.
    ///
    /// # Errors
    /// [`PrometheusError`]; its text is fit for people.
    pub async fn range(&self, promql: &str, span: Span) -> Result<Ranged, PrometheusError> {
        let (start, end) = (span.from.to_string(), span.until.to_string());
        let step = span.step.as_secs_f64().to_string();
        let query =
            [("query", promql), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        let answer = self.source.get(&["api", "v1", "query_range"], &query).await?;
        ranged(answer.status, &answer.body)
    }

    /// The names of the metrics that have series picked by any of `selectors` (all where there is none) in this time.
    ///
    /// # Errors
    /// [`PrometheusError`].
    pub async fn metric_names(
        &self,
        selectors: &[String],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<String>, PrometheusError> {
        let (start, end) = (from.to_string(), until.to_string());
        let picked = selectors.iter().map(|selector| ("match[]", selector.as_str()));
        let query: Vec<_> = picked.chain([("start", start.as_str()), ("end", end.as_str())]).collect();
        let answer = self.source.get(&["api", "v1", "label", "__name__", "values"], &query).await?;
        Ok(opened(answer.status, &answer.body)?.0.unwrap_or_default())
    }

    /// What exporters say of their metrics, by name. Proxies in front of several servers often cannot answer this.
    ///
    /// # Errors
    /// [`PrometheusError`].
    pub async fn metric_infos(&self) -> Result<BTreeMap<String, MetricInfo>, PrometheusError> {
        let answer = self.source.get(&["api", "v1", "metadata"], &[("limit_per_metric", "1")]).await?;
        let all: Option<BTreeMap<String, Vec<MetricInfo>>> = opened(answer.status, &answer.body)?.0;
        let first = |(name, infos): (String, Vec<MetricInfo>)| {
            let info = infos.into_iter().next()?;
            Some((name, MetricInfo { kind: quote(&info.kind), help: quote(&info.help) }))
        };
        Ok(all.unwrap_or_default().into_iter().filter_map(first).collect())
    }

    /// The labels of the series that any of `selectors` picks in this time.
    ///
    /// # Errors
    /// [`PrometheusError`].
    pub async fn series(
        &self,
        selectors: &[String],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<BTreeMap<String, String>>, PrometheusError> {
        let (start, end) = (from.to_string(), until.to_string());
        let picked = selectors.iter().map(|selector| ("match[]", selector.as_str()));
        let rest = [("start", start.as_str()), ("end", end.as_str()), ("limit", MAX_SERIES)];
        let query: Vec<_> = picked.chain(rest).collect();
        let answer = self.source.get(&["api", "v1", "series"], &query).await?;
        Ok(opened(answer.status, &answer.body)?.0.unwrap_or_default())
    }
}

fn ranged(status: u16, body: &[u8]) -> Result<Ranged, PrometheusError> {
    let (data, warnings) = opened::<Matrix>(status, body)?;
    let Some(matrix) = data else { return Ok(Ranged { series: Vec::new(), warnings }) };
    if matrix.kind != "matrix" {
        return Err(PrometheusError::WrongType(quote(&matrix.kind)));
    }
    Ok(Ranged { series: matrix.result.into_iter().map(series).collect(), warnings })
}

/// Points whose time or value is no number are left out.
pub(super) fn series(raw: RawSeries) -> Series {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; an absurd time is refused by Timestamp")]
    let point = |(at, value): (f64, String)| {
        Some((Timestamp::from_millisecond((at * 1000.0) as i64).ok()?, value.parse().ok()?))
    };
    Series { labels: raw.metric, points: raw.values.into_iter().filter_map(point).collect() }
}

#[cfg(test)]
mod tests {
    use super::ranged;

    #[test]
    fn a_matrix_is_read_and_points_that_are_no_numbers_are_left_out() {
        let body = br#"{"status":"success","warnings":["partial"],"data":{"resultType":"matrix","result":[
            {"metric":{"pod":"a"},"values":[[1,"2"],[2,"+Inf"],[3,"x"],[1e300,"1"]]},{"metric":{},"histograms":[]}]}}"#;
        let answer = ranged(200, body).unwrap();
        assert_eq!(answer.warnings, ["partial"]);
        let values: Vec<Vec<f64>> =
            answer.series.iter().map(|one| one.points.iter().map(|(_, value)| *value).collect()).collect();
        assert_eq!(values, [vec![2.0, f64::INFINITY], vec![]]);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        for (status, body, expected) in [
            (200, &b"<html>"[..], "not what was expected"),
            (502, b"<html>Bad Gateway", "HTTP 502"),
            (
                400,
                br#"{"status":"error","errorType":"bad_data","error":"1:5: parse error"}"#,
                "1:5: parse error",
            ),
            (200, br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "gives a vector"),
            (
                200,
                br#"{"status":"success","data":{"resultType":"matrix","result":[{"values":7}]}}"#,
                "not what was",
            ),
            (200, b"\xff\xfe\x00", "not what was expected"),
        ] {
            let message = ranged(status, body).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} should contain {expected:?}");
        }
    }
}
