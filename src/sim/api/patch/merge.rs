//! JSON merge patches.

use serde_json::Value;

/// Lays the patch over the object; null takes away.
pub(super) fn apply(object: &mut Value, patch: &Value) {
    json_patch::merge(object, patch);
}
