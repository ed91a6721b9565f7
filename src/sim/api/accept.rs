//! In which shape a client wants its answer.

use axum::http::{HeaderMap, header};

use crate::sim::objects::ApiError;

/// How objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whole objects.
    Objects,
    /// Rows and columns.
    Table,
    /// Metadata only.
    Metadata,
}

impl Shape {
    /// The first media type of the `Accept` header that can be served. Protobuf cannot; every client that asks for it
    /// names JSON as its second choice.
    ///
    /// # Errors
    /// 406 when nothing fits.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
            return Ok(Self::Objects);
        };
        accept.split(',').find_map(|entry| shape_of(entry.trim())).ok_or_else(|| {
            ApiError::new(
                406,
                "NotAcceptable",
                "only the following media types are accepted: application/json, application/json;stream=watch",
            )
        })
    }
}

fn shape_of(entry: &str) -> Option<Shape> {
    let mut parts = entry.split(';').map(str::trim);
    let media = parts.next()?;
    if !matches!(media, "application/json" | "*/*" | "application/*") {
        return None;
    }
    let parameter = |name: &str| {
        entry
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v)
    };
    match parameter("as") {
        None => Some(Shape::Objects),
        Some("Table") => Some(Shape::Table),
        Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Shape::Metadata),
        Some(_) => None,
    }
}

/// Whether the client prefers aggregated discovery, and in which version.
pub(super) fn aggregated_discovery(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    let first = accept.split(',').find(|entry| entry.trim().starts_with("application/json"))?;
    if !first.contains("as=APIGroupDiscoveryList") {
        return None;
    }
    Some(if first.contains("v=v2beta1") { "v2beta1" } else { "v2" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(accept: &str) -> Option<Shape> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Shape::of(&headers).ok()
    }

    #[test]
    fn the_first_type_that_can_be_served_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(shape(kubectl), Some(Shape::Table));
        assert_eq!(shape("application/vnd.kubernetes.protobuf,application/json"), Some(Shape::Objects));
        assert_eq!(
            shape("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Some(Shape::Metadata)
        );
        assert_eq!(shape("*/*"), Some(Shape::Objects));
        assert_eq!(shape("application/vnd.kubernetes.protobuf"), None);
    }
}
