//! The values that absent fields take, as the API server fills them in.

use serde_json::Value;

use super::state::State;
use crate::sim::kinds::Kind;

/// Completes a new object.
pub(super) fn on_create(_state: &mut State, _kind: &'static Kind, _object: &mut Value) {}

/// Completes a changed object.
pub(super) fn on_update(_kind: &'static Kind, _current: &Value, _next: &mut Value) {}
