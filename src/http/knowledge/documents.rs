//! Documents: list, read, remove.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::extract::{PathOf, QueryOf};
use crate::http::{ErrorBody, HttpState};
use crate::recall::{DocumentInfo, document_href};
use utoipa::IntoParams;

/// Documents of one answer unless the client says otherwise, and at most.
const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 2_000;

/// Longest name of a source or document, bytes.
const LONGEST_NAME: usize = 2_000;

/// Documents of the knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentList {
    /// The documents, by source and path.
    pub documents: Vec<DocumentEntry>,
    /// How many there are in all.
    pub total: usize,
}

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentEntry {
    /// The source that brought it; `uploads` for what was sent here.
    pub source: String,
    /// Its name within the source.
    pub path: String,
    /// Where people find it.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// How many passages it has.
    pub passages: u32,
    /// Its text on this server.
    pub href: String,
}

impl From<DocumentInfo> for DocumentEntry {
    fn from(info: DocumentInfo) -> Self {
        let DocumentInfo { source, path, uri, title, passages } = info;
        let href = document_href(&source, &path);
        Self { source, path, uri, title, passages, href }
    }
}

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only of this source.
    source: Option<String>,
    /// How many are passed over.
    offset: Option<usize>,
    /// How many at most, 1 to 2000; 200 unless set.
    #[param(minimum = 1, maximum = 2000)]
    limit: Option<usize>,
}

/// The documents of the knowledge base.
#[utoipa::path(
    get,
    path = "/api/v1/knowledge/documents",
    operation_id = "list_documents",
    tag = "knowledge",
    params(ListQuery),
    responses(
        (status = 200, body = DocumentList),
        (status = 400, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<DocumentList>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request("bad_query", format!("limit is {limit}; use 1 to {MAX_LIMIT}")));
    }
    let mut documents = state.recall.documents().await?;
    if let Some(source) = &query.source {
        documents.retain(|document| document.source == *source);
    }
    let total = documents.len();
    let page = documents.into_iter().skip(query.offset.unwrap_or(0)).take(limit);
    Ok(Json(DocumentList { documents: page.map(DocumentEntry::from).collect(), total }))
}

/// The text of a document: as it was written where it is kept whole, else put together from its passages.
#[utoipa::path(
    get,
    path = "/api/v1/knowledge/documents/{source}/{*path}",
    operation_id = "show_document",
    tag = "knowledge",
    params(
        ("source" = String, Path, description = "the source's name; a slash in it is written %2F"),
        ("path" = String, Path, description = "the document's name within the source, with its slashes")
    ),
    responses(
        (status = 200, body = String, content_type = "text/markdown"),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(place): PathOf<(String, String)>,
) -> Result<([(HeaderName, &'static str); 2], String), ApiError> {
    let (source, path) = checked(place)?;
    let text = state.recall.text(&source, &path).await?;
    let headers =
        [(header::CONTENT_TYPE, "text/markdown; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, text))
}

/// Removes a document from the knowledge base. One that its source still has comes back with the next ingestion.
#[utoipa::path(
    delete,
    path = "/api/v1/knowledge/documents/{source}/{*path}",
    operation_id = "remove_document",
    tag = "knowledge",
    params(
        ("source" = String, Path, description = "the source's name; a slash in it is written %2F"),
        ("path" = String, Path, description = "the document's name within the source, with its slashes")
    ),
    responses(
        (status = 204, description = "removed"),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "somebody else writes; try again after Retry-After"),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn remove(
    State(state): State<HttpState>,
    PathOf(place): PathOf<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (source, path) = checked(place)?;
    state.recall.remove(&source, &path).await?;
    tracing::info!(source, path, "a document was removed from the knowledge base");
    Ok(StatusCode::NO_CONTENT)
}

fn checked((source, path): (String, String)) -> Result<(String, String), ApiError> {
    if source.len() + path.len() > LONGEST_NAME {
        return Err(ApiError::bad_request("bad_path", "no document has such a long name"));
    }
    Ok((source, path))
}
