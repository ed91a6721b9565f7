//! Why a read from outside gave nothing, in a sentence that says what to do.
//!
//! Owns the classification of client errors (HTTP status, connection, size, shape). It never quotes a body that may hold
//! a secret: a parse error tells the place, not the text.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;

/// Longest quotation of a server's own words.
const MAX_QUOTE: usize = 300;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why one read gave nothing. The `Display` text is for people and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The Kubernetes API denies the request: RBAC.
    #[error("forbidden: grant \"{verb} {resource}\" {}", Place(namespace.as_deref()))]
    Forbidden {
        /// The verb to grant: `list`, `get`.
        verb: &'static str,
        /// The resource to grant it on: `pods`, `deployments.apps`, `pods/log`.
        resource: String,
        /// The namespace to grant it in; `None` for cluster-wide resources.
        namespace: Option<String>,
    },
    /// The credentials are not accepted.
    #[error(
        "unauthorized (401): the credentials are not accepted; renew the token or certificate in the settings"
    )]
    Unauthorized,
    /// Any other HTTP status that is not success.
    #[error("the server answered HTTP {code}{}", Said(message))]
    Status {
        /// The status code.
        code: u16,
        /// What the server says, shortened.
        message: String,
    },
    /// The deadline passed.
    #[error(
        "no answer within {:.1} s: look whether the server is overloaded, or raise observe.collector_deadline",
        after.as_secs_f64()
    )]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// No connection, or it broke.
    #[error("{}", failure.advice())]
    Unreachable {
        /// What went wrong.
        failure: ConnectionFailure,
        /// The client's error.
        #[source]
        source: BoxError,
    },
    /// The answer is larger than what is read.
    #[error("the answer is larger than {limit} bytes and was not read to the end; narrow what is asked")]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// The answer is not JSON, or not of the expected shape.
    #[error(
        "the answer is not what was expected (at {path}, line {line}, column {column}); check that the URL leads to \
         the right service"
    )]
    NotUnderstood {
        /// The field, as in `items[3].status`; `.` for the answer as a whole.
        path: String,
        /// Line of the first offence, from 1.
        line: usize,
        /// Column of the first offence, from 1.
        column: usize,
    },
    /// The server says nothing of what it serves, or refuses to.
    #[error(
        "the server names no kind that can be read{}; check that the URL leads to a Kubernetes API server",
        Said(why)
    )]
    NoKinds {
        /// What it said instead, if anything.
        why: String,
    },
    /// The list changed too much while it was read page by page.
    #[error("the list expired while it was read; what was read until then is kept")]
    Expired,
    /// There is more than the settings allow to read.
    #[error("there are more than {limit} objects; the rest was not read (observe.max_objects_per_kind)")]
    Capped {
        /// The most objects that are read.
        limit: usize,
    },
    /// The request could not be built from what was given.
    #[error("the request cannot be made: {0}")]
    Request(String),
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFailure {
    /// Nothing listens there.
    Refused,
    /// The host name has no address.
    Name,
    /// Connecting or reading took too long.
    TimedOut,
    /// The TLS handshake failed.
    Tls,
    /// The server redirects to another host.
    Redirect,
    /// Anything else: reset, closed, unreachable network.
    Broken,
}

impl ConnectionFailure {
    const fn advice(self) -> &'static str {
        match self {
            Self::Refused => {
                "connection refused: nothing listens at the address; check the URL and that the server runs"
            }
            Self::Name => "the host name cannot be resolved; check the URL and DNS",
            Self::TimedOut => "the connection timed out; check the URL, routes and firewalls",
            Self::Tls => {
                "the TLS handshake failed; check the certificate and the certificate authority in the settings"
            }
            Self::Redirect => {
                "the server redirects to another host, and credentials are not carried there; set the final URL"
            }
            Self::Broken => "the connection broke; check that the server runs and can be reached",
        }
    }

    /// Finds out from an error and everything below it.
    fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut current = Some(error);
        while let Some(error) = current {
            if let Some(found) = Self::of_one(error) {
                return found;
            }
            current = error.source();
        }
        Self::Broken
    }

    fn of_one(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Some(Self::Refused),
                io::ErrorKind::TimedOut => return Some(Self::TimedOut),
                _ => {}
            }
            // An io::Error hides its custom payload from `source`.
            if let Some(inner) = io.get_ref() {
                return Self::of_one(inner).or_else(|| inner.source().and_then(Self::of_one));
            }
        }
        let text = error.to_string();
        if text.contains("dns error") || text.contains("failed to lookup address") {
            return Some(Self::Name);
        }
        (error.is::<rustls::Error>() || text.contains("certificate")).then_some(Self::Tls)
    }
}

impl ReadError {
    /// From an error of the Kubernetes client.
    pub(super) fn from_kube(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::from_status(status.code, &status.message),
            kube::Error::BuildRequest(error) => Self::Request(error.to_string()),
            other => Self::unreachable(other),
        }
    }

    /// From an HTTP status that is not success and what the server says about it.
    pub(super) fn from_status(code: u16, message: &str) -> Self {
        match code {
            401 => Self::Unauthorized,
            410 => Self::Expired,
            code => Self::Status { code, message: quote(message) },
        }
    }

    /// From an error of the HTTP client for metrics and logs.
    pub(super) fn from_http(error: reqwest::Error, timeout: Duration) -> Self {
        let error = error.without_url();
        if error.is_timeout() && !error.is_connect() {
            return Self::TimedOut { after: timeout };
        }
        if error.is_redirect() {
            return Self::Unreachable { failure: ConnectionFailure::Redirect, source: error.into() };
        }
        Self::unreachable(error)
    }

    /// Reads JSON. An error tells the place only, for the text there may be a secret.
    pub(super) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| Self::NotUnderstood {
            path: quote(&error.path().to_string()),
            line: error.inner().line(),
            column: error.inner().column(),
        })
    }

    pub(super) fn unreachable(error: impl Into<BoxError>) -> Self {
        let source = error.into();
        Self::Unreachable { failure: ConnectionFailure::of(source.as_ref()), source }
    }

    /// Whether asking again soon may help.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 429 | 502 | 503 | 504),
            Self::Unreachable { failure, .. } => *failure == ConnectionFailure::Broken,
            _ => false,
        }
    }

    /// The status code of the answer, if there was one.
    pub(super) const fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Forbidden { .. } => Some(403),
            Self::Unauthorized => Some(401),
            Self::Expired => Some(410),
            _ => None,
        }
    }
}

/// Shortens a server's words to one printable line.
pub(super) fn quote(text: &str) -> String {
    let line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE).collect();
    if text.trim().chars().nth(MAX_QUOTE).is_some() { line + "…" } else { line }
}

struct Place<'a>(Option<&'a str>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(namespace) => write!(f, "in namespace {namespace}"),
            None => f.write_str("in the whole cluster"),
        }
    }
}

struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{ConnectionFailure, ReadError, quote};

    #[test]
    fn a_forbidden_read_names_the_grant() {
        let error = ReadError::Forbidden {
            verb: "list",
            resource: "pods".to_owned(),
            namespace: Some("shop".to_owned()),
        };
        assert_eq!(error.to_string(), "forbidden: grant \"list pods\" in namespace shop");
    }

    #[test]
    fn the_cause_is_found_below_other_errors() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "os error 111");
        let wrapped = io::Error::other(kube::Error::Service(refused.into()));
        assert_eq!(ConnectionFailure::of(&wrapped), ConnectionFailure::Refused);
    }

    #[test]
    fn a_quotation_is_one_short_line() {
        let quoted = quote(&format!("a\nb\u{1b}[31m{}", "é".repeat(1000)));
        assert_eq!(quoted.chars().count(), 301);
        assert!(quoted.starts_with("a b [31mé") && quoted.ends_with("é…"), "{quoted}");
    }
}
