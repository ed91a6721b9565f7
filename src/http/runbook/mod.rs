//! The runbook of an incident: what is known, how to look for oneself, and what can be done, as Markdown.

mod commands;
mod document;
mod markdown;
mod queries;

pub(super) use markdown::prose;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::error::ApiError;
use super::extract::PathOf;
use super::incidents::{RunbookLink, find};
use super::{ErrorBody, HttpState};
use document::Material;

/// The runbook of an incident: what is known, commands with their real names, queries, the plan, links.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/runbook",
    operation_id = "show_runbook",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    responses(
        (status = 200, body = String, content_type = "text/markdown"),
        (status = 404, body = ErrorBody)
    )
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<impl IntoResponse, ApiError> {
    let incident = find(&state.store, &id).await?;
    let snapshot = state.store.snapshot(&incident.id).await?;
    let readings = snapshot.map(|snapshot| snapshot.readings).unwrap_or_default();
    let base = state.base();
    let runbooks = state.recall.runbooks_of(&incident).into_iter().map(RunbookLink::from).collect();
    let material = Material { incident: &incident, readings: &readings, base: base.as_ref(), runbooks };
    let text = material.markdown();
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text))
}
