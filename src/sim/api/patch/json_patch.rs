//! JSON patches.

use serde_json::Value;

use crate::sim::kinds::Kind;
use crate::sim::objects::{ApiError, meta};

/// More operations than this are refused, as the API server does.
const MAX_OPERATIONS: usize = 10_000;

/// Applies the operations in order; nothing changes when one fails.
pub(super) fn apply(kind: &Kind, object: &mut Value, operations: &Value) -> Result<(), ApiError> {
    let patch: json_patch::Patch = serde_json::from_value(operations.clone())
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    if patch.0.len() > MAX_OPERATIONS {
        let message = format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            patch.0.len()
        );
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    let name = meta::name(object).to_owned();
    json_patch::patch(object, &patch).map_err(|error| {
        tracing::debug!(%error, kind = kind.kind, name, "a JSON patch did not fit");
        // The API server says no more than this bare sentence.
        ApiError {
            details: serde_json::json!({}),
            ..ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kinds;
    use serde_json::json;

    #[test]
    fn a_failing_test_operation_is_invalid_and_changes_nothing() {
        let mut object = json!({"metadata": {"name": "c"}, "data": {"a": "1"}});
        let before = object.clone();
        let operations = json!([
            {"op": "replace", "path": "/data/a", "value": "2"},
            {"op": "test", "path": "/data/a", "value": "1"},
        ]);
        let refused = apply(&kinds::CONFIG_MAPS, &mut object, &operations).unwrap_err();
        assert_eq!((refused.code, refused.reason), (422, "Invalid"));
        assert_eq!(object, before);
        assert_eq!(apply(&kinds::CONFIG_MAPS, &mut object, &json!({"op": 1})).map_err(|e| e.code), Err(400));
    }
}
