//! The one error type of the HTTP interface, and its shape on the wire.
//!
//! A handler returns an [`ApiError`]; it travels to the outermost layer as an extension of the response, where
//! [`shape`] logs it once and writes the body. Whatever fails without an [`ApiError`] (no such route, a deadline, a
//! panic) gets its body there as well, so that clients see one shape only: ours, and OpenAI's below `/v1`.

use axum::Json;
use axum::extract::Request;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tower_http::request_id::RequestId;
use utoipa::ToSchema;

use super::chat;
use crate::store::{ActError, StoreError};

/// How long a client should wait before it repeats what met a busy server.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The code of a 409 that passes by itself.
pub(super) const BUSY: &str = "busy";

/// What every failed request is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// An error on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable name for programs.
    pub code: String,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// Names the request in the server's log.
    pub request_id: String,
}

/// Why a request was not served. `message` is shown to the client; `source` only to the log.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// The part of the request that is wrong, where one is.
    param: Option<String>,
    source: Option<std::sync::Arc<anyhow::Error>>,
}

impl ApiError {
    /// An error that is the client's to mend; see [`ApiError::internal`] for the others.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), param: None, source: None }
    }

    /// Names the part of the request that is wrong.
    pub(super) fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The error inside a stream that has begun already; it is logged here, because no layer sees it.
    pub(super) fn into_detail(self, request_id: String) -> ErrorDetail {
        log(&self);
        ErrorDetail { code: self.code.to_owned(), message: self.message, request_id }
    }

    /// 400 with a stable code.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 422: well-formed, but nothing that can be worked with.
    pub(super) fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// 503 with `Retry-After`.
    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    /// 500: what happened is for the log, not for the client.
    pub(super) fn internal(source: impl Into<anyhow::Error>) -> Self {
        let text = "the server failed; its log says more under this request_id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text).caused_by(source)
    }

    fn caused_by(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(std::sync::Arc::new(source.into()));
        self
    }

    /// For responses that were made without an [`ApiError`].
    fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not_found", "no such path; /openapi.json lists those that exist"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this path does not take this method; /openapi.json lists what exists")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the request body is too large"),
            StatusCode::SERVICE_UNAVAILABLE => ("timeout", "the server was too slow; try again"),
            status if status.is_client_error() => ("bad_request", "the request cannot be understood"),
            _ => ("internal", "the server failed; its log says more under this request_id"),
        };
        Self::new(status, code, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks a failed response that has a body of its own protocol, which is left as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaped;

/// Gives every failed response its body, with the request's id, and logs it.
pub(super) async fn shape(request: Request, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let for_openai = chat::is_openai(request.uri().path());
    let mut response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<Shaped>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>().unwrap_or_else(|| ApiError::of_status(status));
    log(&error);
    let later = is_passing(status) || error.code == BUSY;
    let mut shaped = if for_openai {
        (status, Json(chat::openai_error(&error))).into_response()
    } else {
        let detail = ErrorDetail { code: error.code.to_owned(), message: error.message, request_id };
        (status, Json(ErrorBody { error: detail })).into_response()
    };
    keep_headers(response.headers(), shaped.headers_mut());
    if later {
        shaped.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    shaped
}

/// Whether the same request may succeed in a moment.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

/// What an inner layer has said in headers stays said (`Allow`, `WWW-Authenticate`).
fn keep_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [header::ALLOW, header::WWW_AUTHENTICATE] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

/// Logs an error, once, where it is answered.
pub(super) fn log(error: &ApiError) {
    let ApiError { status, code, message, source, .. } = error;
    if status.is_server_error() {
        let cause = source.as_ref().map(|source| format!("{source:#}"));
        tracing::error!(status = status.as_u16(), code, cause, "{message}");
    } else {
        tracing::debug!(status = status.as_u16(), code, "{message}");
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cursor => Self::bad_request("bad_cursor", error.to_string()),
            error if error.is_outage() => {
                Self::unavailable("store_unavailable", error.to_string()).caused_by(error)
            }
            error => Self::internal(error),
        }
    }
}

impl From<ActError<ApiError>> for ApiError {
    fn from(error: ActError<ApiError>) -> Self {
        match error {
            ActError::NotFound(_) => Self::not_found(error.to_string()),
            ActError::Refused(refusal) => refusal,
            ActError::Transition(error) => Self::new(StatusCode::CONFLICT, "wrong_phase", error.to_string()),
            ActError::Store(error) => error.into(),
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let message = rejection.body_text();
        match rejection {
            JsonRejection::JsonSyntaxError(_) => Self::bad_request("malformed_json", message),
            JsonRejection::JsonDataError(_) => Self::unprocessable("wrong_type", message),
            JsonRejection::MissingJsonContentType(_) => unsupported_media_type(),
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => Self::new(other.status(), "bad_request", message),
        }
    }
}

/// 415.
pub(super) fn unsupported_media_type() -> ApiError {
    let text = "send JSON with the header Content-Type: application/json";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text)
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::of_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Self::new(rejection.status(), "bad_request", "the request body could not be read to its end")
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("bad_query", rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request("bad_path", rejection.body_text())
    }
}
