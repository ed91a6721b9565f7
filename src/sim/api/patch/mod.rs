//! The four kinds of patches, as functions from a state to the next one.

mod json_patch;
mod merge;
mod strategic;

use serde_json::Value;

use crate::sim::api::body::RequestBody;
use crate::sim::kinds::Kind;
use crate::sim::objects::ApiError;

const PATCH_TYPES: &str = "application/json-patch+json, application/merge-patch+json, \
                           application/strategic-merge-patch+json, application/apply-patch+yaml, \
                           application/apply-patch+cbor";

/// A patch, read from a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Patch {
    /// RFC 6902.
    Json(Value),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which merges lists by key.
    Strategic(Value),
    /// A server-side apply configuration.
    Apply(Value),
}

impl Patch {
    /// Reads a patch by its media type.
    ///
    /// # Errors
    /// 415 for other media types, 400 when it cannot be parsed.
    pub(super) fn read(body: &RequestBody) -> Result<Self, ApiError> {
        match body.media_type.as_str() {
            "application/json-patch+json" => body.json().map(Self::Json),
            "application/merge-patch+json" => body.json().map(Self::Merge),
            "application/strategic-merge-patch+json" => body.json().map(Self::Strategic),
            "application/apply-patch+yaml" => body.yaml().map(Self::Apply),
            _ => Err(ApiError::unsupported_media_type(PATCH_TYPES)),
        }
    }

    /// The state after the patch. Apply needs ownership and is done elsewhere.
    ///
    /// # Errors
    /// 422 when the patch does not fit the object, 400 when it makes no sense.
    pub(super) fn apply(&self, kind: &Kind, current: &Value) -> Result<Value, ApiError> {
        let mut next = current.clone();
        match self {
            Self::Json(operations) => json_patch::apply(kind, &mut next, operations)?,
            Self::Merge(patch) => merge::apply(&mut next, patch),
            Self::Strategic(patch) => strategic::apply(&mut next, patch)?,
            Self::Apply(_) => return Err(ApiError::bad_request("an apply patch cannot be used here")),
        }
        if next.is_object() { Ok(next) } else { Err(ApiError::bad_request("the patch leaves no object")) }
    }
}
