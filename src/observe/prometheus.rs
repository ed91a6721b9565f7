//! A client for Prometheus's query API, or anything that speaks it (Thanos, Mimir, VictoriaMetrics).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::HttpSource;
use super::read_error::quote;
use super::{ObserveError, ReadError};
use crate::settings::Endpoint;

/// Largest answer that is read.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// A Prometheus to be asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prometheus {
    pub(super) source: HttpSource,
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was evaluated.
    pub at: Timestamp,
    /// Its value; may be NaN or infinite.
    pub value: f64,
}

/// The samples of an answer and what Prometheus warns of (partial data, usually).
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The samples.
    pub samples: Vec<Sample>,
    /// Warnings, shortened.
    pub warnings: Vec<String>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrometheusError {
    /// Prometheus refused the query or failed at it.
    #[error("Prometheus answered {kind}: {message}")]
    Rejected {
        /// Its `errorType`: `bad_data`, `execution`, `timeout`, …
        kind: String,
        /// Its own message, shortened.
        message: String,
    },
    /// The query is right and gives a string or a range, not samples.
    #[error("the query gives a {0}, not samples; use an expression that gives an instant vector or a number")]
    WrongType(String),
    /// It could not be asked, or its answer not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Prometheus {
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

    /// Evaluates `promql` at one instant; `None` is now by the server's clock.
    ///
    /// # Errors
    /// [`PrometheusError`]; its text is fit for people.
    pub async fn query(&self, promql: &str, at: Option<Timestamp>) -> Result<Vec<Sample>, PrometheusError> {
        Ok(self.ask(promql, at).await?.samples)
    }

    /// Like [`Self::query`], with the warnings.
    ///
    /// # Errors
    /// [`PrometheusError`]; its text is fit for people.
    pub async fn ask(&self, promql: &str, at: Option<Timestamp>) -> Result<Answered, PrometheusError> {
        let time = at.map(|at| at.to_string());
        let query: Vec<(&str, &str)> = std::iter::once(("query", promql))
            .chain(time.iter().map(|time| ("time", time.as_str())))
            .collect();
        let answer = self.source.get(&["api", "v1", "query"], &query).await?;
        read(answer.status, &answer.body)
    }
}

impl Prometheus {
    /// The alerts that rules have active now, as Prometheus lists them.
    pub(super) async fn alerts(&self) -> Result<Vec<Value>, PrometheusError> {
        let answer = self.source.get(&["api", "v1", "alerts"], &[]).await?;
        let (data, _) = opened::<Active>(answer.status, &answer.body)?;
        Ok(data.map(|active| active.alerts).unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct Active {
    #[serde(default)]
    alerts: Vec<Value>,
}

/// What every answer says about itself. The result of a query is read in a second pass, when its type is known.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    status: String,
    #[serde(default)]
    data: Option<T>,
    #[serde(default, rename = "errorType")]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct ResultType {
    #[serde(rename = "resultType")]
    name: String,
}

#[derive(Deserialize)]
struct Typed<T> {
    data: TypedResult<T>,
}

#[derive(Deserialize)]
struct TypedResult<T> {
    result: T,
}

#[derive(Deserialize)]
struct Element {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    /// Absent for native histograms, which are left out.
    #[serde(default)]
    value: Option<(f64, String)>,
}

fn read(status: u16, body: &[u8]) -> Result<Answered, PrometheusError> {
    let (data, warnings) = opened::<ResultType>(status, body)?;
    let samples = data.map_or_else(|| Ok(Vec::new()), |data| samples(&data.name, body))?;
    Ok(Answered { samples, warnings })
}

/// Reads an answer's data and warnings: Prometheus's own shape also for errors (400, 422, 503), and a plain status for a
/// proxy's.
pub(super) fn opened<T: DeserializeOwned>(
    status: u16,
    body: &[u8],
) -> Result<(Option<T>, Vec<String>), PrometheusError> {
    let envelope: Envelope<T> = match ReadError::read_json(body) {
        Ok(envelope) => envelope,
        Err(_) if status >= 300 => {
            return Err(ReadError::from_status(status, &String::from_utf8_lossy(body)).into());
        }
        Err(error) => return Err(error.into()),
    };
    if envelope.status != "success" {
        return Err(PrometheusError::Rejected {
            kind: quote(envelope.error_type.as_deref().unwrap_or("error")),
            message: quote(envelope.error.as_deref().unwrap_or("without a message")),
        });
    }
    let warnings = envelope.warnings.iter().take(3).map(|warning| quote(warning)).collect();
    Ok((envelope.data, warnings))
}

fn samples(result_type: &str, body: &[u8]) -> Result<Vec<Sample>, PrometheusError> {
    match result_type {
        "vector" => {
            let elements: Vec<Element> = result(body)?;
            Ok(elements.into_iter().filter_map(|element| sample(element.metric, element.value?)).collect())
        }
        "scalar" => Ok(sample(BTreeMap::new(), result(body)?).into_iter().collect()),
        other => Err(PrometheusError::WrongType(quote(other))),
    }
}

fn result<T: DeserializeOwned>(body: &[u8]) -> Result<T, ReadError> {
    Ok(ReadError::read_json::<Typed<T>>(body)?.data.result)
}

/// `None` where time or value are not numbers.
fn sample(labels: BTreeMap<String, String>, (at, value): (f64, String)) -> Option<Sample> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; an absurd time is refused by Timestamp")]
    let at = Timestamp::from_millisecond((at * 1000.0) as i64).ok()?;
    Some(Sample { labels, at, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{Answered, Sample, read};

    #[test]
    fn a_vector_is_read_with_its_warnings_and_without_histograms() {
        let body = br#"{"status":"success","warnings":["partial"],"data":{"resultType":"vector","result":[
            {"metric":{"pod":"a"},"value":[1700000000.5,"+Inf"]},{"metric":{},"histogram":[1700000000,{}]}]}}"#;
        let sample = Sample {
            labels: BTreeMap::from([("pod".to_owned(), "a".to_owned())]),
            at: Timestamp::from_millisecond(1_700_000_000_500).unwrap(),
            value: f64::INFINITY,
        };
        assert_eq!(
            read(200, body).unwrap(),
            Answered { samples: vec![sample], warnings: vec!["partial".to_owned()] }
        );
    }

    #[test]
    fn prometheus_own_words_are_kept_for_an_error() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"1:5: parse error"}"#;
        let error = read(400, body).unwrap_err();
        assert_eq!(error.to_string(), "Prometheus answered bad_data: 1:5: parse error");
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let cases: [(u16, &[u8], &str); 6] = [
            (200, b"<html>", "the answer is not what was expected (at ., line 1, column 1)"),
            (502, b"<html>Bad Gateway", "the server answered HTTP 502: <html>Bad Gateway"),
            (401, b"", "unauthorized (401)"),
            (
                200,
                b"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
                "gives a matrix",
            ),
            (
                200,
                b"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":7}}",
                "not what was",
            ),
            (200, b"\xff\xfe\x00", "the answer is not what was expected"),
        ];
        for (status, body, expected) in cases {
            let message = read(status, body).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} should contain {expected:?}");
        }
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        let body = br#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1e300,"1"]},
            {"value":[0,"x"]},{"value":[0,"NaN"]}]}}"#;
        let answered = read(200, body).unwrap();
        assert_eq!(answered.samples.len(), 1);
        assert!(answered.samples[0].value.is_nan());
    }
}
