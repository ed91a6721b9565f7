//! Turning results into HTTP answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::sim::objects::ApiError;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (code, Json(self.status())).into_response();
        if let Some(seconds) = self.details.get("retryAfterSeconds").and_then(Value::as_u64) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON answer with a code.
pub(super) fn json(code: StatusCode, value: Value) -> Response {
    (code, Json(value)).into_response()
}

/// A JSON answer with 200.
pub(super) fn ok(value: Value) -> Response {
    json(StatusCode::OK, value)
}
