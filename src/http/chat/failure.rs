//! Errors as OpenAI's clients read them: below `/v1` only.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::ApiError;

/// What every failed request below `/v1` is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(in crate::http) struct OpenAiError {
    error: OpenAiErrorDetail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
struct OpenAiErrorDetail {
    /// What is wrong and what to do.
    message: String,
    /// Its family: `invalid_request_error`, `rate_limit_error`, `server_error`.
    #[serde(rename = "type")]
    kind: String,
    /// The part of the request that is wrong.
    param: Option<String>,
    /// Stable name for programs.
    code: Option<String>,
}

/// Whether a path belongs to OpenAI's wire.
pub(in crate::http) fn is_openai(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// An error as OpenAI writes it.
pub(in crate::http) fn body(error: &ApiError) -> OpenAiError {
    let kind = match error.status() {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    let code = match error.code() {
        "unauthorized" => "invalid_api_key",
        code => code,
    };
    OpenAiError {
        error: OpenAiErrorDetail {
            message: error.message().to_owned(),
            kind: kind.to_owned(),
            param: error.param().map(str::to_owned),
            code: Some(code.to_owned()),
        },
    }
}
