//! The models that OpenAI's clients can choose from: the orchestrator and each specialist.

use axum::Json;
use axum::http::StatusCode;

use super::failure::OpenAiError;
use super::openai::{ModelCard, ModelList, agent};
use crate::http::error::ApiError;
use crate::http::extract::PathOf;

/// The orchestrator and each specialist, as models.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "list_models",
    tag = "chat",
    responses((status = 200, body = ModelList), (status = 401, body = OpenAiError))
)]
pub(super) async fn list() -> Json<ModelList> {
    Json(ModelList::all())
}

/// One model.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    operation_id = "show_model",
    tag = "chat",
    params(("id" = String, Path, description = "the model's name")),
    responses((status = 200, body = ModelCard), (status = 404, body = OpenAiError))
)]
pub(super) async fn show(PathOf(id): PathOf<String>) -> Result<Json<ModelCard>, ApiError> {
    let (agent, _) = agent(&id).ok_or_else(|| unknown(&id))?;
    Ok(Json(ModelCard::of(agent)))
}

/// 404: there is no such model.
pub(super) fn unknown(model: &str) -> ApiError {
    let model: String = model.chars().take(80).collect();
    let text = format!("there is no model \"{model}\"; GET /v1/models lists those that there are");
    ApiError::new(StatusCode::NOT_FOUND, "model_not_found", text).with_param("model")
}
