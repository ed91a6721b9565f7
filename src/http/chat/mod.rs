//! Chat: OpenAI's wire for existing clients, and our own with richer events.
//!
//! Owns the two wires, seats for chats, and what is kept of conversations. How a question is answered is the business of
//! `agents`. A client that goes away cancels its turn.

mod completions;
mod content;
mod conversations;
mod failure;
mod incident;
mod models;
mod native;
mod openai;
mod record;
mod shapes;
mod stream;
mod turn;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use conversations::ConversationDetail;
pub use openai::{ModelCard, ModelList};
pub use shapes::{AnswerDone, AnswerFailed, ChatRequest, UsageShown};

pub(super) use failure::{body as openai_error, is_openai};

use super::Inner;
use super::error::ApiError;
use crate::agents::NAMES;
use crate::agents::chat::ChatError;

/// Largest body of a turn, bytes: the most text that is taken, its JSON escapes, and what clients send beside it.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What answers at once.
pub(super) fn routes() -> OpenApiRouter<Inner> {
    OpenApiRouter::new()
        .routes(routes!(models::list))
        .routes(routes!(models::show))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::show, conversations::remove))
}

/// Turns: they take as long as an answer takes, so they have seats and deadlines of their own.
pub(super) fn turns() -> OpenApiRouter<Inner> {
    OpenApiRouter::new()
        .routes(routes!(completions::complete))
        .routes(routes!(native::chat))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        let text = error.to_string();
        match error {
            ChatError::Invalid(_) => Self::bad_request("bad_chat", text).with_param("messages"),
            ChatError::UnknownAgent(_) => {
                let text = format!("{text}; there are {}", NAMES.join(", "));
                Self::new(StatusCode::NOT_FOUND, "agent_not_found", text).with_param("agent")
            }
            ChatError::Unavailable(_) => Self::unavailable("model_unavailable", text),
            ChatError::NotAsked(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "budget_spent", text),
            ChatError::Cancelled => Self::unavailable("cancelled", "the turn was cancelled; ask again"),
            ChatError::Failed(error) => Self::internal(error),
        }
    }
}
