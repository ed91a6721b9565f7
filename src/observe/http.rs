//! One bounded way to GET from an HTTP service: timeouts, a size limit, no credentials carried to another host.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::{ObserveError, ReadError};
use crate::settings::Endpoint;

/// What this program calls itself to servers.
pub(super) const USER_AGENT: &str = concat!("kubewright/", env!("CARGO_PKG_VERSION"));

/// Connecting takes no longer than this, even where the whole request may.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Redirects followed within the same host.
const MAX_REDIRECTS: usize = 3;

/// An HTTP service with its credentials and limits.
#[derive(Debug, Clone)]
pub(super) struct HttpSource {
    client: reqwest::Client,
    base: Url,
    timeout: Duration,
    max_body: usize,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl HttpSource {
    /// Prepares a client; nothing is sent yet. `timeout` covers a whole request, `max_body` is in bytes.
    pub(super) fn new(endpoint: &Endpoint, timeout: Duration, max_body: usize) -> Result<Self, ObserveError> {
        install_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers(endpoint)?)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .redirect(Policy::custom(stay_on_the_host));
        if is_loopback(&endpoint.url) {
            // A proxy of the environment leads elsewhere than to this machine.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(ObserveError::HttpClient)?;
        Ok(Self { client, base: endpoint.url.clone(), timeout, max_body })
    }

    /// The base URL without credentials, for messages.
    pub(super) fn shown_url(&self) -> String {
        let mut url = self.base.clone();
        // Neither can fail: the scheme is http(s).
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.to_string()
    }

    /// GETs `path` below the base URL, whatever the status; asks up to twice more where that may help.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, ReadError> {
        let url = self.url(path)?;
        (|| self.get_once(&url, query)).retry(retries()).when(ReadError::is_transient).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, ReadError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ReadError::Request("the base URL has no path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    async fn get_once(&self, url: &Url, query: &[(&str, &str)]) -> Result<Answer, ReadError> {
        let failed = |error| ReadError::from_http(error, self.timeout);
        let mut response = self.client.get(url.clone()).query(query).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(ReadError::TooLarge { limit: self.max_body });
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            429 | 502 | 503 | 504 => Err(ReadError::from_status(status, &String::from_utf8_lossy(&body))),
            _ => Ok(Answer { status, body: body.freeze() }),
        }
    }
}

/// The retry budget of one read: two more attempts after about 100 and 300 ms, with jitter.
pub(super) fn retries() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_factor(3.0)
        .with_max_times(2)
        .with_jitter()
}

/// Makes ring the process's TLS implementation. reqwest is built without one of its own, so that only one is linked,
/// and refuses to build a client before the process has chosen. Choosing twice is no fault.
pub(super) fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn headers(endpoint: &Endpoint) -> Result<HeaderMap, ObserveError> {
    let mut headers = HeaderMap::new();
    if let Some(token) = &endpoint.bearer_token {
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
        headers.insert(AUTHORIZATION, header_value("authorization", &bearer)?);
    }
    for (name, value) in &endpoint.headers {
        let invalid = |_| ObserveError::Header { name: name.clone() };
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(invalid)?, header_value(name, value)?);
    }
    Ok(headers)
}

fn header_value(name: &str, secret: &SecretString) -> Result<HeaderValue, ObserveError> {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| ObserveError::Header { name: name.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Follows a redirect only to the same origin: reqwest drops `Authorization` for other hosts, not headers of our own.
fn stay_on_the_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.error("redirect to another host, or too many")
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
