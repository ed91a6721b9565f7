//! One bounded GET from an API server.
//!
//! `kube::Client::request` reads bodies of any size and, when one cannot be parsed, logs it whole: a Secret would end up
//! in the log. Hence `Client::send` and our own reading.

use backon::Retryable as _;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;
use kube::core::Status;

use super::super::ReadError;
use super::super::http::retries;

/// Largest error answer that is read.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// What is asked, in the words of RBAC, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Asked {
    /// `list`, `get`.
    pub(in super::super) verb: &'static str,
    /// `pods`, `deployments.apps`, `pods/log`.
    pub(in super::super) resource: String,
    /// `None` for cluster-wide resources.
    pub(in super::super) namespace: Option<String>,
}

/// Sends a request without a body and reads at most `limit` bytes; asks up to twice more where that may help.
pub(in super::super) async fn fetch(
    client: &Client,
    request: &Request<Vec<u8>>,
    asked: &Asked,
    limit: usize,
) -> Result<Bytes, ReadError> {
    (|| fetch_once(client, request, asked, limit)).retry(retries()).when(ReadError::is_transient).await
}

async fn fetch_once(
    client: &Client,
    request: &Request<Vec<u8>>,
    asked: &Asked,
    limit: usize,
) -> Result<Bytes, ReadError> {
    let response = client.send(request.clone().map(Body::from)).await.map_err(ReadError::from_kube)?;
    let status = response.status();
    if status.is_success() {
        return read(response.into_body(), limit).await;
    }
    if status == http::StatusCode::FORBIDDEN {
        let Asked { verb, resource, namespace } = asked.clone();
        return Err(ReadError::Forbidden { verb, resource, namespace });
    }
    let body = read(response.into_body(), MAX_ERROR_BODY).await.unwrap_or_default();
    let message = serde_json::from_slice::<Status>(&body)
        .map_or_else(|_| String::from_utf8_lossy(&body).into_owned(), |status| status.message);
    Err(ReadError::from_status(status.as_u16(), &message))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, ReadError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ReadError::TooLarge { limit }),
        Err(error) => Err(ReadError::unreachable(error)),
    }
}
