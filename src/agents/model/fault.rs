//! What a failed attempt means for what is done next.

use std::time::Duration;

use rig_core::http_client::Error as HttpError;
use rig_core::{ProviderError, ProviderResponseError};

use super::clean::Clean;
use super::learned::{Learned, Sent};
use super::overflow::is_overflow;
use super::transport::TransportError;
use crate::agents::budget::Exceeded;

/// Longest wait that a provider may ask for at all.
const MOST_WAIT: Duration = Duration::from_secs(3600);

/// A failed attempt. Texts are one clean sentence without its subject, which is the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The caller has lost interest.
    Cancelled,
    /// The caller's deadline is over.
    Deadline,
    /// The conversation is too long for this model.
    Overflow,
    /// It does not fit under a limit; it was not asked.
    Budget(Exceeded),
    /// The same question, said otherwise, may be taken: something was learnt.
    AskOtherwise,
    /// The key, or the account behind it, is not accepted: this will not pass soon.
    Refused(String),
    /// Too many questions, with how long the provider asks to wait.
    Busy(Option<Duration>),
    /// May pass.
    Passing(String),
    /// Will not pass with this question.
    Lasting(String),
}

impl Fault {
    /// The label of the outcome.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Overflow => "overflow",
            Self::Budget(_) => "budget",
            Self::AskOtherwise => "asked_otherwise",
            Self::Refused(_) => "refused",
            Self::Busy(_) => "busy",
            Self::Passing(_) => "failed",
            Self::Lasting(_) => "rejected",
        }
    }

    /// For people, after the name of the model.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Cancelled => "was cancelled".to_owned(),
            Self::Deadline => "ran out of time".to_owned(),
            Self::Overflow => "cannot read a conversation this long".to_owned(),
            Self::Budget(limit) => format!("was not asked: {limit}"),
            Self::AskOtherwise => "did not take the question as it was put".to_owned(),
            Self::Busy(_) => "is asked too often (status 429)".to_owned(),
            Self::Refused(reason) | Self::Passing(reason) | Self::Lasting(reason) => reason.clone(),
        }
    }
}

/// Reads rig's errors of one attempt.
pub(super) struct Reader<'a> {
    /// What the question held.
    pub(super) sent: Sent,
    /// What the model is known not to take; may learn.
    pub(super) learned: &'a Learned,
    /// Cleans what the provider says.
    pub(super) clean: &'a Clean,
}

impl Reader<'_> {
    pub(super) fn fault(&self, error: &ProviderError) -> Fault {
        if let Some(response) = error.provider_response() {
            return self.answer(response, error.is_retryable());
        }
        match error {
            ProviderError::Http(error) => self.transport(error),
            ProviderError::Truncated => Fault::Passing(BROKE_OFF.to_owned()),
            ProviderError::Json(_) | ProviderError::Response(_) | ProviderError::Provider(_) => {
                Fault::Passing(GARBAGE.to_owned())
            }
            other => Fault::Lasting(format!("cannot be asked this: {}", self.clean.line(&other.to_string()))),
        }
    }

    fn answer(&self, response: &ProviderResponseError, retryable: bool) -> Fault {
        let status = response.status.map(|status| status.as_u16());
        let code = response.machine_code().unwrap_or_default();
        let text = format!("{code} {}", response.body);
        let wait = response.headers.as_ref().and_then(retry_after);
        let said = explanation(&response.body, self.clean);
        let shown = match (status, said.as_str()) {
            (Some(status), "") => format!(" (status {status})"),
            (Some(status), said) => format!(" (status {status}: {said})"),
            (None, "") => String::new(),
            (None, said) => format!(" ({said})"),
        };
        match status {
            _ if response.refusal => Fault::Lasting(format!("withheld its answer{shown}")),
            _ if is_overflow(status, &text) => {
                self.learned.overflowed(&text);
                Fault::Overflow
            }
            _ if code == "insufficient_quota" => Fault::Refused(format!("has no quota left{shown}")),
            Some(401 | 403) => Fault::Refused(format!("does not accept the key{shown}")),
            Some(402) => Fault::Refused(format!("has no quota left{shown}")),
            Some(429) => Fault::Busy(wait),
            Some(503 | 529) if wait.is_some() => Fault::Busy(wait),
            Some(300..=399) => Fault::Lasting(format!("redirects elsewhere, which is not followed{shown}")),
            Some(status) if self.learned.believe(status, &text, &self.sent) => Fault::AskOtherwise,
            Some(_) if retryable => Fault::Passing(format!("failed{shown}")),
            Some(status) if status >= 400 => Fault::Lasting(format!("refused the question{shown}")),
            // An error inside an answer that began well.
            _ => Fault::Passing(format!("failed in the middle of its answer{shown}")),
        }
    }

    fn transport(&self, error: &HttpError) -> Fault {
        match error {
            HttpError::Instance(inner) => match inner.downcast_ref::<TransportError>() {
                Some(TransportError::Unreachable) => Fault::Passing("cannot be reached".to_owned()),
                Some(TransportError::Silent) => Fault::Passing("did not answer in time".to_owned()),
                Some(TransportError::Broken) => Fault::Passing(BROKE_OFF.to_owned()),
                Some(error) => Fault::Lasting(format!("failed: {error}")),
                None => Fault::Passing("could not be asked".to_owned()),
            },
            // A server that cannot stream answers whole.
            HttpError::InvalidContentType(_) if self.sent.streamed => {
                self.learned.whole_only.learn();
                Fault::AskOtherwise
            }
            HttpError::StreamEnded => Fault::Passing(BROKE_OFF.to_owned()),
            _ => Fault::Lasting(GARBAGE.to_owned()),
        }
    }
}

const BROKE_OFF: &str = "broke off in the middle of its answer";
const GARBAGE: &str = "answered something that cannot be understood";

/// What the provider says of itself.
fn explanation(body: &str, clean: &Clean) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let said = ["/error/message", "/error", "/message", "/detail"]
        .iter()
        .find_map(|place| body.pointer(place).and_then(serde_json::Value::as_str));
    said.map(|said| clean.line(said)).unwrap_or_default()
}

/// How long the provider asks to wait, in seconds or as a date.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default()
        }
    };
    Some(wait.min(MOST_WAIT))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::{HeaderMap, StatusCode};
    use rig_core::ProviderError;

    use super::{Fault, Learned, Reader, Sent, retry_after};
    use crate::agents::model::clean::Clean;

    fn read(status: u16, body: &str) -> Fault {
        let error = ProviderError::from_http_response(StatusCode::from_u16(status).unwrap(), body);
        let clean = Clean::new(Arc::new(|text: &str| text.replace("hunter2", "<s>")), None);
        Reader { sent: Sent::default(), learned: &Learned::default(), clean: &clean }.fault(&error)
    }

    #[test]
    fn answers_are_told_apart() {
        let quota = r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#;
        let key = r#"{"error":{"message":"Incorrect API key provided: hunter2"}}"#;
        for (status, body, expected) in [
            (
                429,
                quota,
                Fault::Refused("has no quota left (status 429: You exceeded your current quota)".to_owned()),
            ),
            (
                401,
                key,
                Fault::Refused(
                    "does not accept the key (status 401: Incorrect API key provided: <s>)".to_owned(),
                ),
            ),
            (429, "slow down", Fault::Busy(None)),
            (503, "", Fault::Passing("failed (status 503)".to_owned())),
            (529, "", Fault::Passing("failed (status 529)".to_owned())),
            (302, "", Fault::Lasting("redirects elsewhere, which is not followed (status 302)".to_owned())),
            (
                404,
                r#"{"error":"no such model"}"#,
                Fault::Lasting("refused the question (status 404: no such model)".to_owned()),
            ),
            (400, "prompt is too long", Fault::Overflow),
        ] {
            assert_eq!(read(status, body), expected);
        }
    }

    #[test]
    fn a_wait_is_read_in_seconds_or_as_a_date_and_has_an_end() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("1e9"), Some(Duration::from_secs(3600)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("soon"), None);
    }
}
