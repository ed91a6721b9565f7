//! Asking Loki a question of somebody else's: lines, or numbers over time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::loki::{Loki, success};
use super::read_error::quote;
use super::series::{RawSeries, Series, series};
use super::{ReadError, Span};

/// A line of a log. Untrusted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The labels of its stream.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub text: String,
}

/// What a LogQL query gives.
#[derive(Debug, Clone, PartialEq)]
pub enum LogAnswer {
    /// Lines, oldest first.
    Lines(Vec<LogLine>),
    /// Numbers over time, of a metric query.
    Series(Vec<Series>),
}

#[derive(Deserialize)]
struct Envelope {
    data: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "resultType")]
    name: String,
}

#[derive(Deserialize)]
struct Typed<T> {
    data: TypedResult<T>,
}

#[derive(Deserialize)]
struct TypedResult<T> {
    result: Vec<T>,
}

#[derive(Deserialize)]
struct RawStream {
    #[serde(default)]
    stream: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Entry>,
}

/// Nanoseconds since the epoch as text, the line, and sometimes metadata.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Plain(String, String),
    Structured(String, String, serde::de::IgnoredAny),
}

impl Loki {
    /// Asks `logql` about the time of `span`: the newest `limit` lines, or the numbers at each step.
    ///
    /// # Errors
    /// [`ReadError`]; its text is fit for people and holds Loki's own words about a query that is wrong.
    pub async fn query(&self, logql: &str, span: Span, limit: usize) -> Result<LogAnswer, ReadError> {
        let (start, end) = (span.from.as_nanosecond().to_string(), span.until.as_nanosecond().to_string());
        let (limit, step) = (limit.to_string(), span.step.as_secs_f64().to_string());
        let parameters = [
            ("query", logql),
            ("limit", &limit),
            ("start", &start),
            ("end", &end),
            ("step", &step),
            ("direction", "backward"),
        ];
        let answer = self.source.get(&["loki", "api", "v1", "query_range"], &parameters).await?;
        read(success(&answer)?)
    }
}

fn read(body: &[u8]) -> Result<LogAnswer, ReadError> {
    let kind: Envelope = ReadError::read_json(body)?;
    match kind.data.name.as_str() {
        "streams" => {
            let streams: Typed<RawStream> = ReadError::read_json(body)?;
            let mut lines: Vec<LogLine> = streams.data.result.into_iter().flat_map(lines).collect();
            lines.sort_by_key(|line| line.at);
            Ok(LogAnswer::Lines(lines))
        }
        "matrix" => {
            let matrix: Typed<RawSeries> = ReadError::read_json(body)?;
            Ok(LogAnswer::Series(matrix.data.result.into_iter().map(series).collect()))
        }
        other => Err(ReadError::Request(format!("the query gives a {}, not lines or series", quote(other)))),
    }
}

fn lines(raw: RawStream) -> Vec<LogLine> {
    let line = |entry: Entry| {
        let (Entry::Plain(at, text) | Entry::Structured(at, text, _)) = entry;
        let at = Timestamp::from_nanosecond(at.parse().ok()?).ok()?;
        Some(LogLine { at, labels: raw.stream.clone(), text })
    };
    raw.values.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{LogAnswer, read};

    #[test]
    fn lines_of_all_streams_come_oldest_first() {
        let body = br#"{"data":{"resultType":"streams","result":[
            {"stream":{"pod":"a"},"values":[["3000000000","third"],["x","no time"]]},
            {"stream":{"pod":"b"},"values":[["1000000000","first",{"trace":"x"}]]}]}}"#;
        let LogAnswer::Lines(lines) = read(body).unwrap() else { panic!("lines") };
        let told: Vec<_> =
            lines.iter().map(|line| (line.labels["pod"].as_str(), line.text.as_str())).collect();
        assert_eq!(told, [("b", "first"), ("a", "third")]);
    }

    #[test]
    fn numbers_are_read_as_series_and_garbage_is_an_error() {
        let body =
            br#"{"data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[[1,"2"]]}]}}"#;
        let LogAnswer::Series(series) = read(body).unwrap() else { panic!("series") };
        assert_eq!(series[0].points[0].1, 2.0);
        for garbage in [
            &b""[..],
            b"{}",
            br#"{"data":{"resultType":"streams","result":7}}"#,
            b"\xff",
            br#"{"data":{"resultType":"vector","result":[]}}"#,
        ] {
            assert!(read(garbage).is_err(), "{garbage:?}");
        }
    }
}
