//! A client for Loki's query API.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::http::{Answer, HttpSource};
use super::{ObserveError, ReadError};
use crate::settings::Endpoint;

/// Largest answer that is read.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Most lines of one answer.
const MAX_LINES: usize = 1000;

/// Lines that look like trouble.
const FILTER: &str =
    "(?i)(error|exception|fatal|panic|traceback|fail|refused|timeout|timed out|denied|unavailable)";

/// A Loki to be asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Loki {
    pub(super) source: HttpSource,
}

/// Lines of one pod, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    /// The `pod` label, if the stream has one.
    pub(super) pod: Option<String>,
    /// Time and text.
    pub(super) lines: Vec<(Timestamp, String)>,
}

/// What to search in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogSearch {
    pub(super) namespace: String,
    /// A regular expression that the pod's whole name matches.
    pub(super) pods: Option<String>,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl LogSearch {
    /// The LogQL.
    fn query(&self) -> String {
        let pods = self.pods.as_ref().map(|pods| format!(",pod=~{}", quoted(pods))).unwrap_or_default();
        format!("{{namespace={}{pods}}} |~ {}", quoted(&self.namespace), quoted(FILTER))
    }
}

/// A LogQL or PromQL string literal: both follow Go's.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            c if c.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[derive(Deserialize)]
struct Envelope {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<RawStream>,
}

#[derive(Deserialize)]
struct RawStream {
    #[serde(default)]
    stream: std::collections::BTreeMap<String, String>,
    /// Nanoseconds since the epoch as text, the line, and sometimes metadata.
    #[serde(default)]
    values: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Plain(String, String),
    Structured(String, String, serde::de::IgnoredAny),
}

impl Loki {
    /// Prepares a client; nothing is sent yet. `timeout` covers a whole query.
    ///
    /// # Errors
    /// [`ObserveError`] when a header is invalid or the client cannot be built.
    pub fn new(endpoint: &Endpoint, timeout: Duration) -> Result<Self, ObserveError> {
        Ok(Self { source: HttpSource::new(endpoint, timeout, MAX_BODY)? })
    }

    /// The base URL without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        self.source.shown_url()
    }

    /// Asks for the label names, to see whether it answers.
    pub(super) async fn labels(&self) -> Result<(), ReadError> {
        let answer = self.source.get(&["loki", "api", "v1", "labels"], &[]).await?;
        ReadError::read_json::<serde::de::IgnoredAny>(success(&answer)?).map(|_| ())
    }

    /// The newest lines that look like trouble.
    pub(super) async fn trouble(&self, search: &LogSearch) -> Result<Vec<Stream>, ReadError> {
        let nanos = |at: Timestamp| at.as_nanosecond().to_string();
        let (query, limit) = (search.query(), MAX_LINES.to_string());
        let (start, end) = (nanos(search.from), nanos(search.until));
        let parameters = [
            ("query", query.as_str()),
            ("limit", &limit),
            ("start", &start),
            ("end", &end),
            ("direction", "backward"),
        ];
        let answer = self.source.get(&["loki", "api", "v1", "query_range"], &parameters).await?;
        streams(success(&answer)?)
    }
}

pub(super) fn success(answer: &Answer) -> Result<&[u8], ReadError> {
    if (200..300).contains(&answer.status) {
        return Ok(&answer.body);
    }
    // Loki writes its errors as plain text.
    Err(ReadError::from_status(answer.status, &String::from_utf8_lossy(&answer.body)))
}

fn streams(body: &[u8]) -> Result<Vec<Stream>, ReadError> {
    let envelope: Envelope = ReadError::read_json(body)?;
    let streams = envelope.data.result.into_iter().map(|raw| {
        let pod =
            ["pod", "pod_name", "k8s_pod_name"].iter().find_map(|label| raw.stream.get(*label)).cloned();
        let mut lines: Vec<(Timestamp, String)> = raw.values.into_iter().filter_map(line).collect();
        lines.sort_by_key(|(at, _)| *at);
        Stream { pod, lines }
    });
    Ok(streams.collect())
}

fn line(entry: Entry) -> Option<(Timestamp, String)> {
    let (Entry::Plain(at, text) | Entry::Structured(at, text, _)) = entry;
    Some((Timestamp::from_nanosecond(at.parse().ok()?).ok()?, text))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{LogSearch, Stream, quoted, streams};

    #[test]
    fn untrusted_names_cannot_leave_their_string() {
        assert_eq!(quoted("a\"} |= `x` \\ \n\u{1}"), r#""a\"} |= `x` \\ \n\u0001""#);
        let search = LogSearch {
            namespace: "shop\"}".to_owned(),
            pods: Some(r"checkout\.v2-.+".to_owned()),
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            search.query(),
            r#"{namespace="shop\"}",pod=~"checkout\\.v2-.+"} |~ "(?i)(error|exception|fatal|panic|traceback|fail|refused|timeout|timed out|denied|unavailable)""#
        );
    }

    #[test]
    fn lines_come_oldest_first_whether_or_not_they_carry_metadata() {
        let body = br#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"a"},
            "values":[["2000000000","later"],["1000000000","sooner",{"trace":"x"}],["x","no time"]]}]}}"#;
        let at = |second| Timestamp::from_second(second).unwrap();
        let expected = Stream {
            pod: Some("a".to_owned()),
            lines: vec![(at(1), "sooner".to_owned()), (at(2), "later".to_owned())],
        };
        assert_eq!(streams(body).unwrap(), [expected]);
        assert!(streams(b"{\"data\":7}").is_err() && streams(b"").is_err());
    }
}
