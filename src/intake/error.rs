//! Why a payload, or one alert of it, cannot be taken. Safe to send back: it names places, never repeats content at length.

use serde::de::DeserializeOwned;

/// A payload that holds nothing that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Not JSON at all.
    #[error("the body is not JSON: {reason}; send {expected}")]
    NotJson {
        /// Where the parser stopped and why.
        reason: String,
        /// What should be sent.
        expected: &'static str,
    },
    /// JSON of another shape.
    #[error("{path}: {reason}; send {expected}")]
    Shape {
        /// Where, as in `alerts[0].startsAt`.
        path: String,
        /// What is wrong there.
        reason: String,
        /// What should be sent.
        expected: &'static str,
    },
    /// A value that cannot be used.
    #[error("{path}: {reason}")]
    Value {
        /// Which field.
        path: String,
        /// What is wrong and what to write.
        reason: String,
    },
    /// Every alert of the payload was rejected.
    #[error("none of the {} alerts can be taken; the first: {first}", .rejected.len())]
    AllRejected {
        /// The first of them, for people.
        first: String,
        /// All of them.
        rejected: Vec<Rejected>,
    },
}

/// One alert of a payload that cannot be taken; its neighbours can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Place in the payload's `alerts`, from 0.
    pub index: usize,
    /// What is wrong, with the path of the field.
    pub reason: String,
}

/// Reads JSON; an error names the path of the field.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], expected: &'static str) -> Result<T, IntakeError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader)
        .and_then(|value| {
            let end = reader.end();
            end.map(|()| value).map_err(|error| serde_path_to_error::Error::new(root(), error))
        })
        .map_err(|error| explain(&error, expected))
}

fn root() -> serde_path_to_error::Path {
    serde_path_to_error::Track::new().path()
}

fn explain(error: &serde_path_to_error::Error<serde_json::Error>, expected: &'static str) -> IntakeError {
    let reason = super::text::line(&error.inner().to_string(), 300);
    if error.inner().is_data() {
        let path = super::text::line(&error.path().to_string(), 200);
        let path = if path == "." { "body".to_owned() } else { path };
        return IntakeError::Shape { path, reason, expected };
    }
    IntakeError::NotJson { reason, expected }
}
