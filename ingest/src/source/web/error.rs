//! What goes wrong on the web, and whether it may pass.

use std::error::Error;
use std::io;

use super::super::address::NoPublicAddress;
use super::super::size;

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// A redirect leads to something other than http or https, or to a URL with credentials.
    #[error("redirects to {0}, which is not read")]
    Redirect(String),
    /// A redirect without end.
    #[error("more than {0} redirects")]
    Redirects(usize),
    /// Inside the network, where such URLs may not go.
    #[error("{0} is not a public address; allow private addresses for sources that you name yourself")]
    PrivateAddress(String),
    /// robots.txt forbids it.
    #[error("robots.txt of {0} asks not to read this page")]
    Robots(String),
    /// robots.txt cannot be had, which counts as forbidden.
    #[error("robots.txt of {host} cannot be had ({reason}), so nothing is read there; try again later")]
    RobotsUnavailable {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// An answer that is no page.
    #[error("the server answers {0}")]
    Status(u16),
    /// The body goes on beyond the limit, counted as unpacked.
    #[error("is larger than {}; raise the limit for documents if it is wanted", size(*.0))]
    TooLarge(u64),
    /// No whole answer came.
    #[error("cannot be fetched: {}", root_cause(.0))]
    Request(#[source] reqwest::Error),
    /// An archive cannot be kept while it is read.
    #[error("cannot be kept while it is read: {0}")]
    Keep(#[source] io::Error),
}

impl WebError {
    /// Whether it may work later without a change of the URL or the limits.
    pub(in crate::source) fn is_transient(&self) -> bool {
        match self {
            Self::Request(error) => !error.is_builder(),
            Self::Status(status) => matches!(status, 408 | 429 | 500..=599),
            Self::RobotsUnavailable { .. } | Self::Keep(_) => true,
            _ => false,
        }
    }
}

impl From<reqwest::Error> for WebError {
    fn from(error: reqwest::Error) -> Self {
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(NoPublicAddress(host)) = cause.downcast_ref() {
                return Self::PrivateAddress(host.clone());
            }
            next = cause.source();
        }
        Self::Request(error.without_url())
    }
}

/// The innermost error, which says what happened (`connection refused`).
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no whole answer within the deadline".into();
    }
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
