//! What the tests of this room share, and cases as a whole.

use serde_json::Value;

use crate::incident::Scope;
use crate::observe::{Recorded, Snapshot};

/// A Snapshot of these objects.
pub(super) fn snapshot(objects: Value) -> Snapshot {
    Snapshot {
        cluster: "test".to_owned(),
        taken_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        scope: Scope::default(),
        focus: None,
        signals: Vec::new(),
        objects: serde_json::from_value(objects).unwrap(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
        recorded: Recorded::default(),
    }
}
