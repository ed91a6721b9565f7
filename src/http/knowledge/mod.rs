//! The knowledge base over HTTP: search it, look at it, add to it, say what helped.
//!
//! Owns the shapes on the wire and the checks of what clients send. Nothing here fetches a URL: what is uploaded is in
//! the request.

mod documents;
mod feedback;
mod jobs;
mod search;
mod shapes;
mod similar;
mod stats;
mod upload;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use documents::DocumentList;
pub use jobs::JobDetail;
pub use shapes::{PassageFound, SearchAnswer};
pub use similar::{SimilarIncident, SimilarIncidents};
pub use stats::Collections;
pub use upload::UploadRequest;

use super::error::{ApiError, BUSY};
use super::{Inner, limits};
pub(super) use crate::recall::document_href;
use crate::recall::{KnowledgeError, RecallError};

/// What has small bodies or none.
pub(super) fn routes() -> OpenApiRouter<Inner> {
    OpenApiRouter::new()
        .routes(routes!(search::search))
        .routes(routes!(documents::show, documents::remove))
        .routes(routes!(jobs::show))
        .routes(routes!(stats::show))
        .routes(routes!(feedback::give))
        .routes(routes!(similar::list))
}

/// What takes documents.
pub(super) fn uploads() -> OpenApiRouter<Inner> {
    OpenApiRouter::new()
        .routes(routes!(documents::list, upload::upload))
        .layer(DefaultBodyLimit::max(limits::MAX_UPLOAD_BYTES))
}

impl From<RecallError> for ApiError {
    fn from(error: RecallError) -> Self {
        let error = match error {
            RecallError::Unavailable(why) => return Self::unavailable("knowledge_unavailable", why),
            RecallError::Failed(error) => error,
        };
        let text = error.to_string();
        match error.downcast_ref() {
            Some(KnowledgeError::NotFound(_)) => Self::not_found(text),
            Some(KnowledgeError::Invalid(_)) => Self::bad_request("bad_query", text),
            // Its own words name a folder of the server.
            Some(KnowledgeError::Busy(_) | KnowledgeError::LockLost { .. }) => {
                let text = "somebody else is writing to the knowledge base; try again in a moment";
                Self::new(StatusCode::CONFLICT, BUSY, text)
            }
            Some(KnowledgeError::Recipe(_)) => Self::new(StatusCode::CONFLICT, "other_model", text),
            None => Self::internal(error),
        }
    }
}
