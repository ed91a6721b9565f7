//! What the knowledge base holds.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::{ErrorBody, HttpState};
use crate::recall::Stats;

/// Both collections of the knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Collections {
    /// How it stands, in words.
    pub standing: String,
    /// What people wrote.
    pub documents: CollectionStats,
    /// Past incidents.
    pub episodes: CollectionStats,
}

/// What a collection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionStats {
    /// Documents.
    pub documents: u64,
    /// Passages.
    pub passages: u64,
    /// Documents by source.
    pub sources: BTreeMap<String, usize>,
    /// Its version; 0 without vectors.
    pub version: u64,
    /// The embedding model and chunker that made it.
    #[schema(value_type = Object)]
    pub recipe: serde_json::Value,
    /// Size on disk, bytes.
    pub bytes: u64,
    /// Why nothing can be added before `kubewright ingest --rebuild` has made it anew, if so. Search goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated: Option<String>,
    /// Why it is searched by words only, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

impl From<Stats> for CollectionStats {
    fn from(stats: Stats) -> Self {
        let Stats { documents, passages, sources, version, recipe, bytes, outdated, degraded } = stats;
        let recipe = serde_json::to_value(recipe).unwrap_or_default();
        Self { documents, passages, sources, version, recipe, bytes, outdated, degraded }
    }
}

/// What the knowledge base holds.
#[utoipa::path(
    get,
    path = "/api/v1/knowledge/stats",
    operation_id = "show_knowledge_stats",
    tag = "knowledge",
    responses(
        (status = 200, body = Collections),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn show(State(state): State<HttpState>) -> Result<Json<Collections>, ApiError> {
    let (documents, episodes) = state.recall.stats().await?;
    let standing = state.recall.standing().to_owned();
    Ok(Json(Collections { standing, documents: documents.into(), episodes: episodes.into() }))
}
