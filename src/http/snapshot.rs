//! What an incident was diagnosed from, for keeping it as a case.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::error::ApiError;
use super::extract::PathOf;
use super::incidents::find_seen;
use super::{ErrorBody, HttpState};
use crate::cases::scrubbed;

/// The Snapshot that the last diagnosis worked with, without secrets: objects, logs, changes, readings and gaps.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/snapshot",
    operation_id = "show_snapshot",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    responses(
        (status = 200, body = Object, description = "the Snapshot; secrets in it are masked"),
        (status = 404, body = ErrorBody, description = "no such incident, or no Snapshot of it yet")
    )
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<Value>, ApiError> {
    let (_, snapshot) = find_seen(&state.store, &id).await?;
    let span = tracing::Span::current();
    let clean = move || span.in_scope(|| scrubbed(&snapshot).and_then(serde_json::to_value));
    let clean = tokio::task::spawn_blocking(clean).await.map_err(ApiError::internal)?;
    clean.map(Json).map_err(ApiError::internal)
}
