//! Prometheus's answers: the success and error envelopes and how values are written.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as JsonValue, json};

use super::eval::{Element, QueryError, Value};
use super::series::Labels;

/// A success with its data.
pub(super) fn success(data: &JsonValue) -> Response {
    Json(json!({"status": "success", "data": data})).into_response()
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let (status, kind) = match &self {
            Self::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            Self::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
        };
        (status, Json(json!({"status": "error", "errorType": kind, "error": self.to_string()})))
            .into_response()
    }
}

/// A number the way Prometheus writes one.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    value.to_string()
}

/// A time in seconds and a value.
pub(super) fn pair(at_ms: i64, value: f64) -> JsonValue {
    json!([at_ms as f64 / 1000.0, number(value)])
}

/// The data of an instant query.
pub(super) fn instant(at_ms: i64, value: &Value) -> JsonValue {
    let element = |e: &Element| json!({"metric": metric(&e.labels), "value": pair(at_ms, e.value)});
    match value {
        Value::Scalar(number) => json!({"resultType": "scalar", "result": pair(at_ms, *number)}),
        Value::Text(text) => json!({"resultType": "string", "result": [at_ms as f64 / 1000.0, text]}),
        Value::Vector(all) => {
            json!({"resultType": "vector", "result": all.iter().map(element).collect::<Vec<_>>()})
        }
        Value::Matrix(windows) => {
            let series = windows.iter().map(|window| {
                let values: Vec<JsonValue> =
                    window.points.iter().map(|(at, value)| pair(*at, *value)).collect();
                json!({"metric": metric(&window.labels), "values": values})
            });
            json!({"resultType": "matrix", "result": series.collect::<Vec<_>>()})
        }
    }
}

/// Labels as an object.
pub(super) fn metric(labels: &Labels) -> JsonValue {
    json!(labels)
}
