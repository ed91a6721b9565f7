//! Extractors whose refusals have the shape of [`ApiError`].

use axum::extract::{FromRequest, FromRequestParts, Path, Query};

use super::error::ApiError;

/// A JSON body.
#[derive(Debug, Clone, FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub(super) struct JsonBody<T>(pub(super) T);

/// The query string.
#[derive(Debug, Clone, FromRequestParts)]
#[from_request(via(Query), rejection(ApiError))]
pub(super) struct QueryOf<T>(pub(super) T);

/// The variable parts of the path.
#[derive(Debug, Clone, FromRequestParts)]
#[from_request(via(Path), rejection(ApiError))]
pub(super) struct PathOf<T>(pub(super) T);
