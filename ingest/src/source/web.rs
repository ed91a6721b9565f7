//! Pages over http and https: redirects one at a time, bodies up to a limit, conditional requests, robots asked first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use url::Url;

use super::address::{PublicOnly, names_private_address};
use super::outlet::{Outlet, refused};
use super::robots::{ROBOTS_BYTES, Rules};
use super::{Known, SourceError, SourceRead};
use crate::{Found, Limits, RawDocument, Validators};
pub use error::WebError;
use error::root_cause;

mod error;

/// How kubewright names itself to web servers and in robots.txt.
pub(super) const USER_AGENT: &str = "kubewright";

/// One page, with its path as a document.
pub(super) async fn read_page(
    url: &Url,
    limits: &Limits,
    known: &Known,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let failed = |error| SourceError::Web { url: url.to_string(), error };
    let web = Web::new(limits).map_err(failed)?;
    match web.page(url, known).await {
        Ok(found) => outlet.send(found).await?,
        Err(error) if error.is_transient() => return Err(failed(error)),
        Err(error) => outlet.send(refused(url.as_str(), error.to_string())).await?,
    }
    Ok(SourceRead::default())
}

/// The name of a page within its source: host, path and query.
pub(super) fn path_of(url: &Url) -> String {
    let mut path = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        path.push_str(&format!(":{port}"));
    }
    path.push_str(url.path());
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    path
}

/// A web client with limits that remembers the robots.txt of each host.
pub(super) struct Web {
    client: Client,
    limits: Limits,
    robots: Mutex<HashMap<String, Arc<Rules>>>,
}

impl Web {
    pub(super) fn new(limits: &Limits) -> Result<Self, WebError> {
        install_crypto_provider();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .connect_timeout(limits.request.min(Duration::from_secs(10)))
            .timeout(limits.request);
        if !limits.private_addresses {
            // A proxy would resolve the names itself, past the check.
            builder = builder.no_proxy().dns_resolver(PublicOnly);
        }
        Ok(Self { client: builder.build()?, limits: limits.clone(), robots: Mutex::default() })
    }

    /// A page as a document, or that it has not changed.
    pub(super) async fn page(&self, url: &Url, known: &Known) -> Result<Found, WebError> {
        let path = path_of(url);
        let validators = known.get(&path).cloned().unwrap_or_default();
        match self.get(url, &validators, self.limits.document_bytes).await? {
            None => Ok(Found::Unchanged { path }),
            Some(page) => Ok(Found::Document(RawDocument {
                path,
                uri: url.to_string(),
                modified: page.validators.last_modified.as_deref().and_then(http_date),
                bytes: page.bytes,
                media_type: page.media_type,
                validators: page.validators,
            })),
        }
    }

    /// A body of at most `limit` bytes; `None` when the server says that it has not changed.
    pub(super) async fn get(
        &self,
        url: &Url,
        validators: &Validators,
        limit: u64,
    ) -> Result<Option<Page>, WebError> {
        let once = || self.get_once(url, validators, limit);
        once.retry(retries()).when(WebError::is_transient).await
    }

    async fn get_once(
        &self,
        url: &Url,
        validators: &Validators,
        limit: u64,
    ) -> Result<Option<Page>, WebError> {
        let mut response = self.follow(url, validators).await?;
        if response.status() == StatusCode::NOT_MODIFIED && *validators != Validators::default() {
            return Ok(None);
        }
        succeeded(&response)?;
        let text = |name: HeaderName| text_of(response.headers(), &name);
        let media_type = text(CONTENT_TYPE);
        let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(WebError::TooLarge(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(Page { bytes, media_type, validators }))
    }

    /// Writes a body of at most `limit` bytes.
    pub(super) async fn download(
        &self,
        url: &Url,
        limit: u64,
        mut into: impl AsyncWrite + Unpin,
    ) -> Result<(), WebError> {
        let mut response = self.follow(url, &Validators::default()).await?;
        succeeded(&response)?;
        let mut written = 0;
        while let Some(chunk) = response.chunk().await? {
            written += chunk.len() as u64;
            if written > limit {
                return Err(WebError::TooLarge(limit));
            }
            into.write_all(&chunk).await.map_err(WebError::Keep)?;
        }
        into.flush().await.map_err(WebError::Keep)
    }

    /// Follows redirects, each checked like the first URL, to an answer that is none.
    async fn follow(&self, url: &Url, validators: &Validators) -> Result<Response, WebError> {
        let mut url = url.clone();
        for _ in 0..=self.limits.redirects {
            self.rules(&url).await?.check(&url)?;
            let response = self.ask(&url, validators).await?;
            match redirected(&url, &response)? {
                None => return Ok(response),
                Some(next) => url = next,
            }
        }
        Err(WebError::Redirects(self.limits.redirects))
    }

    /// The seconds that the host's robots.txt wants between requests.
    pub(super) async fn delay(&self, url: &Url) -> Option<Duration> {
        self.rules(url).await.ok().and_then(|rules| rules.delay())
    }

    async fn rules(&self, url: &Url) -> Result<Arc<Rules>, WebError> {
        let origin = url.origin().ascii_serialization();
        // Held while asking, so that a host is asked once. Hosts of one source are few.
        let mut robots = self.robots.lock().await;
        if let Some(rules) = robots.get(&origin) {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(self.ask_robots(url).await?);
        robots.insert(origin, Arc::clone(&rules));
        Ok(rules)
    }

    async fn ask_robots(&self, page: &Url) -> Result<Rules, WebError> {
        let host = page.host_str().unwrap_or_default().to_owned();
        let mut url = page.join("/robots.txt").map_err(|_| WebError::Redirect(page.to_string()))?;
        for _ in 0..=self.limits.redirects {
            let mut response = match self.ask(&url, &Validators::default()).await {
                Err(WebError::Request(error)) if !error.is_builder() => {
                    return Err(WebError::RobotsUnavailable { host, reason: root_cause(&error) });
                }
                other => other?,
            };
            if let Some(next) = redirected(&url, &response)? {
                url = next;
                continue;
            }
            if response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS {
                let reason = format!("the server answers {}", response.status().as_u16());
                return Err(WebError::RobotsUnavailable { host, reason });
            }
            if !response.status().is_success() {
                return Ok(Rules::none());
            }
            let mut text = Vec::new();
            while text.len() < ROBOTS_BYTES
                && let Some(chunk) = response.chunk().await?
            {
                text.extend_from_slice(&chunk);
            }
            text.truncate(ROBOTS_BYTES);
            return Rules::parse(host, text).await;
        }
        Ok(Rules::none())
    }

    /// One request, no redirect followed.
    async fn ask(&self, url: &Url, validators: &Validators) -> Result<Response, WebError> {
        if !self.limits.private_addresses && names_private_address(url) {
            return Err(WebError::PrivateAddress(url.host_str().unwrap_or_default().to_owned()));
        }
        let mut request = self.client.get(url.clone());
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(time) = &validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, time);
        }
        Ok(request.send().await?)
    }
}

/// A body with what the server said about it.
pub(super) struct Page {
    pub(super) bytes: Vec<u8>,
    media_type: Option<String>,
    validators: Validators,
}

fn succeeded(response: &Response) -> Result<(), WebError> {
    match response.status().is_success() {
        true => Ok(()),
        false => Err(WebError::Status(response.status().as_u16())),
    }
}

/// Where an answer sends us, when it does and we may go there.
fn redirected(from: &Url, response: &Response) -> Result<Option<Url>, WebError> {
    if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let Some(target) = text_of(response.headers(), &LOCATION) else {
        return Err(WebError::Status(response.status().as_u16()));
    };
    let next = from.join(&target).map_err(|_| WebError::Redirect("something that is no URL".into()))?;
    let plain = next.username().is_empty() && next.password().is_none();
    match next.scheme() {
        "http" | "https" if plain => Ok(Some(next)),
        scheme => Err(WebError::Redirect(format!("{scheme}://{}", next.host_str().unwrap_or_default()))),
    }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(Into::into)
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_zoned(text).ok().map(|time| time.timestamp())
}

/// Two more attempts after about 100 and 300 ms, with jitter.
fn retries() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_factor(3.0)
        .with_max_times(2)
        .with_jitter()
}

/// Makes ring the process's TLS implementation: reqwest is built without one of its own, and refuses to build a
/// client before the process has chosen. Choosing twice is no fault.
pub(crate) fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
