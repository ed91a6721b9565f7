//! Conversations: list, one whole, removing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::native::known;
use crate::http::error::ApiError;
use crate::http::extract::{PathOf, QueryOf};
use crate::http::incidents::{find_id, limit};
use crate::http::{ErrorBody, HttpState};
use crate::store::{Conversation, ConversationPage, Message};

/// Messages of one answer.
const BATCH: usize = 500;

/// Which conversations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only about this incident.
    incident: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Conversations on the page, 1 to 200; 50 unless set.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AfterQuery {
    /// Only messages with a higher `seq`.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// A conversation with its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationDetail {
    /// The conversation.
    pub conversation: Conversation,
    /// What was said, oldest first. If there are 500, ask again after the last `seq`.
    pub messages: Vec<Message>,
}

/// Conversations, the one that was last spoken in first.
#[utoipa::path(
    get,
    path = "/api/v1/chat/conversations",
    operation_id = "list_conversations",
    tag = "chat",
    params(ListQuery),
    responses((status = 200, body = ConversationPage), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<ConversationPage>, ApiError> {
    let limit = limit(query.limit)?;
    let about = match &query.incident {
        Some(incident) => Some(find_id(&state.store, incident).await?),
        None => None,
    };
    Ok(Json(state.store.conversations(about.as_ref(), query.cursor.as_deref(), limit).await?))
}

/// One conversation, with what was said.
#[utoipa::path(
    get,
    path = "/api/v1/chat/conversations/{id}",
    operation_id = "show_conversation",
    tag = "chat",
    params(("id" = String, Path, description = "identifier"), AfterQuery),
    responses((status = 200, body = ConversationDetail), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<AfterQuery>,
) -> Result<Json<ConversationDetail>, ApiError> {
    let conversation = known(&state, &id).await?;
    let messages = state.store.messages(&conversation.id, query.after.unwrap_or(0), BATCH).await?;
    Ok(Json(ConversationDetail { conversation, messages }))
}

/// Removes a conversation with all that was said.
#[utoipa::path(
    delete,
    path = "/api/v1/chat/conversations/{id}",
    operation_id = "remove_conversation",
    tag = "chat",
    params(("id" = String, Path, description = "identifier")),
    responses((status = 204, description = "removed"), (status = 404, body = ErrorBody))
)]
pub(super) async fn remove(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, ApiError> {
    let conversation = known(&state, &id).await?;
    state.store.remove_conversation(&conversation.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
