//! The evidence graph of an incident.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::error::ApiError;
use super::extract::PathOf;
use super::incidents::find_seen;
use super::{ErrorBody, HttpState};
use crate::diagnose::diagnose;

/// The evidence graph in node-link form, drawn from the Snapshot that the last diagnosis worked with.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/graph",
    operation_id = "show_graph",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    responses(
        (status = 200, body = Object, description = "`nodes` and `links`"),
        (status = 404, body = ErrorBody, description = "no such incident, or no Snapshot of it yet")
    )
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<Value>, ApiError> {
    let (incident, snapshot) = find_seen(&state.store, &id).await?;
    let drawn = move || diagnose(&snapshot, &incident.executions).graph.node_link();
    let span = tracing::Span::current();
    let graph = tokio::task::spawn_blocking(move || span.in_scope(drawn)).await;
    graph.map(Json).map_err(ApiError::internal)
}
