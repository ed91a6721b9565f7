//! Runs of agents: list, and one with everything that was said in it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{PathOf, QueryOf};
use super::incidents::{find_id, limit, short};
use super::{ErrorBody, HttpState};
use crate::agents::runs::{RunSaid, said};
use crate::store::{ConversationId, RunFilter, RunId, RunKind, RunPage, RunState, RunSummary, Store};

/// Which runs; everything that is set must fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only about this incident; the beginning of its identifier is enough.
    incident: Option<String>,
    /// Only in this conversation.
    conversation: Option<String>,
    /// Only of this agent.
    agent: Option<String>,
    /// Only this far.
    #[param(inline)]
    state: Option<RunState>,
    /// Only for this.
    #[param(inline)]
    kind: Option<RunKind>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Runs on the page, 1 to 200; 50 unless set.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A run with everything that was said in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    pub run: RunSummary,
    /// What was said, oldest first. Placeholders stand for secrets and private data.
    pub messages: Vec<RunSaid>,
}

/// Runs of agents, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/runs",
    operation_id = "list_runs",
    tag = "runs",
    params(ListQuery),
    responses((status = 200, body = RunPage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<RunPage>, ApiError> {
    let limit = limit(query.limit)?;
    let incident = match &query.incident {
        Some(incident) => Some(find_id(&state.store, incident).await?),
        None => None,
    };
    let filter = RunFilter {
        incident,
        conversation: query.conversation.map(ConversationId::from_text),
        agent: query.agent,
        state: query.state,
        kind: query.kind,
    };
    Ok(Json(state.store.runs(&filter, query.cursor.as_deref(), limit).await?))
}

/// One run, whole: what was asked, which tools were called, what they said, what came of it and what it cost. The
/// beginning of its identifier is enough while no other begins so.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    operation_id = "show_run",
    tag = "runs",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    responses((status = 200, body = RunDetail), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<RunDetail>, ApiError> {
    let id = find(&state.store, &id).await?;
    let run = state.store.run(&id).await?.ok_or_else(|| missing(id.as_str()))?;
    let messages = state.store.run_messages(&id).await?;
    Ok(Json(RunDetail { run, messages: messages.into_iter().map(said).collect() }))
}

/// The run that `text` means.
async fn find(store: &Store, text: &str) -> Result<RunId, ApiError> {
    let mut found = store.find_runs(text).await?;
    match found.len() {
        0 => Err(missing(text)),
        1 => found.pop().ok_or_else(|| missing(text)),
        _ => {
            let names = found.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ");
            let text = format!("\"{}\" fits several runs: {names}; write more of it", short(text));
            Err(ApiError::bad_request("ambiguous_id", text))
        }
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("there is no run {}", short(id)))
}
