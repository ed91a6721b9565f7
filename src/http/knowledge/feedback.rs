//! Whether a passage was of help.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, PathOf};
use crate::http::{ErrorBody, HttpState};

/// Digits of a passage's identity.
const ID_DIGITS: usize = 32;

/// A person's opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opinion {
    /// Whether it helped.
    helpful: bool,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Trust {
    /// How far the passage is believed now, 0 to 1; search ranks by it a little.
    trust: f32,
}

/// Says whether a passage helped.
#[utoipa::path(
    post,
    path = "/api/v1/knowledge/passages/{id}/feedback",
    operation_id = "rate_passage",
    tag = "knowledge",
    params(("id" = String, Path, description = "the passage's identity, as search tells it")),
    request_body = Opinion,
    responses(
        (status = 200, body = Trust),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "somebody else writes; try again after Retry-After"),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn give(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    JsonBody(opinion): JsonBody<Opinion>,
) -> Result<Json<Trust>, ApiError> {
    if id.len() != ID_DIGITS || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::not_found("there is no such passage; search tells the identities"));
    }
    let trust = state.recall.rate(&id, opinion.helpful).await?;
    tracing::info!(passage = id, helpful = opinion.helpful, trust, "a passage was rated");
    Ok(Json(Trust { trust }))
}
