//! Whether the server lives, whether it can work, and its metrics.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HttpState;
use super::error::ApiError;
use crate::telemetry::metrics as recorded;

/// The content type of the Prometheus text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `ready`.
    status: String,
    /// How the knowledge base stands; the server is ready without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    knowledge: Option<String>,
}

impl Health {
    fn new(status: &str, knowledge: Option<&str>) -> Json<Self> {
        Json(Self { status: status.to_owned(), knowledge: knowledge.map(str::to_owned) })
    }
}

/// The server answers. For a liveness probe.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Health::new("ok", None)
}

/// Alerts can be taken in and incidents are worked on. For a readiness probe.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "operations",
    security(()),
    responses((status = 200, body = Health), (status = 503, body = super::ErrorBody, description = "names what is missing"))
)]
pub(super) async fn readyz(State(state): State<HttpState>) -> Result<Json<Health>, ApiError> {
    let store = state.store.ping().await.err().map(|error| format!("store: {error}"));
    let runner = (!*state.runner_alive.borrow()).then(|| "runner: not at work".to_owned());
    let missing: Vec<String> = store.into_iter().chain(runner).collect();
    if missing.is_empty() {
        return Ok(Health::new("ready", Some(state.recall.standing())));
    }
    Err(ApiError::unavailable("not_ready", missing.join("; ")))
}

/// Prometheus metrics.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(state): State<HttpState>) -> impl IntoResponse {
    match state.store.counts().await {
        Ok(counts) => {
            counts.into_iter().for_each(|(phase, count)| recorded::incidents_in(phase.as_str(), count));
        }
        Err(error) => {
            tracing::warn!(%error, "incidents could not be counted; the metric keeps its last value");
        }
    }
    ([(header::CONTENT_TYPE, EXPOSITION)], state.metrics.render())
}
