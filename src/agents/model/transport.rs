//! The only way out to a provider: one HTTP client with its limits.
//!
//! Connects within ten seconds, waits for no silence longer than a minute (of servers that read in silence: than their
//! timeout), follows no redirect, reads no more than it has room for, and sends nothing that is not scrubbed.

use bytes::{Bytes, BytesMut};
use futures::{Stream, TryStreamExt as _};
use http::{HeaderName, HeaderValue, Request, Response};
use rig_core::http_client::{Error, HttpClientExt, LazyBody, MultipartForm, Result, StreamingResponse};
use url::Url;

use super::clean::Clean;
use super::outgoing;

/// Most of an answer that is read, bytes.
pub(super) const MOST_ANSWER: usize = 8 * 1024 * 1024;

/// Most of a refusal that is read, bytes; the rest is left.
const MOST_REFUSAL: usize = 64 * 1024;

/// Where Google takes a key that is not in the address.
const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What went wrong without an answer. Holds no address: some providers have the key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TransportError {
    #[error("the request is not JSON and was not sent")]
    NotJson,
    #[error("the request has no usable address")]
    Address,
    #[error("forms are not sent to models")]
    Form,
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it did not answer in time")]
    Silent,
    #[error("the connection broke off")]
    Broken,
    #[error("the answer is larger than {MOST_ANSWER} bytes")]
    TooLarge,
}

impl TransportError {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Unreachable
        } else if error.is_timeout() {
            Self::Silent
        } else {
            Self::Broken
        }
    }
}

/// rig's HTTP client with our limits. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bounded {
    client: reqwest::Client,
    clean: Clean,
}

impl Bounded {
    pub(super) fn new(client: reqwest::Client, clean: Clean) -> Self {
        Self { client, clean }
    }

    /// Sends, and reads the answer up to its body. A status other than success is an error with its body.
    async fn open(self, request: Request<Bytes>) -> Result<reqwest::Response> {
        let (parts, body) = request.into_parts();
        let body = outgoing::scrubbed(&body, self.clean.scrub())
            .ok_or_else(|| Error::instance(TransportError::NotJson))?;
        let (url, mut headers) = address(&parts.uri, parts.headers).map_err(Error::instance)?;
        mark_keys(&mut headers);
        let sent = self.client.request(parts.method, url).headers(headers).body(body).send().await;
        let response = sent.map_err(|error| failed(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let refusal = self.clean.text(&String::from_utf8_lossy(&beginning(response).await));
        Err(Error::non_success_with_details(status, headers, refusal))
    }
}

impl HttpClientExt for Bounded {
    fn send<T, U>(
        &self,
        req: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + Send + 'static
    where
        T: Into<Bytes> + Send,
        U: From<Bytes> + Send + 'static,
    {
        let opening = self.clone().open(req.map(Into::into));
        async move {
            let response = opening.await?;
            let answer = head(&response);
            let whole = bounded(response)
                .try_fold(BytesMut::new(), async |mut whole, chunk| {
                    whole.extend_from_slice(&chunk);
                    Ok(whole)
                })
                .await?;
            let body: LazyBody<U> = Box::pin(async move { Ok(U::from(whole.freeze())) });
            Ok(answer.map(|()| body))
        }
    }

    fn send_multipart<U>(
        &self,
        _req: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + Send + 'static
    where
        U: From<Bytes> + Send + 'static,
    {
        std::future::ready(Err(Error::instance(TransportError::Form)))
    }

    fn send_streaming<T>(&self, req: Request<T>) -> impl Future<Output = Result<StreamingResponse>> + Send
    where
        T: Into<Bytes> + Send,
    {
        let opening = self.clone().open(req.map(Into::into));
        async move {
            let response = opening.await?;
            let answer = head(&response);
            let body: rig_core::http_client::BoxedStream = Box::pin(bounded(response));
            Ok(answer.map(|()| body))
        }
    }
}

/// Status and headers.
fn head(response: &reqwest::Response) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = response.status();
    *head.headers_mut() = response.headers().clone();
    head
}

/// The body, ending in an error where it is too large.
fn bounded(response: reqwest::Response) -> impl Stream<Item = Result<Bytes>> + Send {
    futures::stream::try_unfold((response, 0_usize), |(mut response, read)| async move {
        let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? else { return Ok(None) };
        let read = read.saturating_add(chunk.len());
        if read > MOST_ANSWER {
            return Err(Error::instance(TransportError::TooLarge));
        }
        Ok(Some((chunk, (response, read))))
    })
}

/// The beginning of a refusal. What cannot be read is left: the status says enough.
async fn beginning(mut response: reqwest::Response) -> BytesMut {
    let mut text = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() >= MOST_REFUSAL {
            text.truncate(MOST_REFUSAL);
            break;
        }
    }
    text
}

fn failed(error: &reqwest::Error) -> Error {
    Error::instance(TransportError::of(error))
}

/// Headers that hold a key, by the names of all wires.
const KEYS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// Marks the keys, so that they are shown in no log and kept in no table of compressed headers.
fn mark_keys(headers: &mut http::HeaderMap) {
    for key in KEYS {
        if let Some(value) = headers.get_mut(key) {
            value.set_sensitive(true);
        }
    }
}

/// The address without the key that Google's wire puts into it: addresses end up in the logs of proxies.
fn address(
    uri: &http::Uri,
    mut headers: http::HeaderMap,
) -> std::result::Result<(Url, http::HeaderMap), TransportError> {
    let mut url = Url::parse(&uri.to_string()).map_err(|_| TransportError::Address)?;
    let mut keys = Vec::new();
    let mut rest = Vec::new();
    for (name, value) in url.query_pairs().into_owned() {
        if name == "key" { keys.push(value) } else { rest.push((name, value)) }
    }
    if let Some(key) = keys.pop() {
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
        let mut key = HeaderValue::from_str(&key).map_err(|_| TransportError::Address)?;
        key.set_sensitive(true);
        headers.insert(GOOGLE_KEY, key);
    }
    Ok((url, headers))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_key_in_the_address_is_sent_as_a_header() {
        let uri: http::Uri =
            "https://example.org/v1beta/models/m:streamGenerateContent?alt=sse&key=AIza".parse().unwrap();
        let (url, headers) = address(&uri, http::HeaderMap::new()).unwrap();
        assert_eq!(url.as_str(), "https://example.org/v1beta/models/m:streamGenerateContent?alt=sse");
        assert_eq!(headers["x-goog-api-key"], "AIza");
        assert!(headers["x-goog-api-key"].is_sensitive());
    }
}
