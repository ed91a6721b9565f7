//! From a scope to a [`Snapshot`], in stages.

use jiff::Timestamp;

use super::{Objects, Observer, Snapshot};
use crate::incident::{Scope, Signal};

pub(super) async fn snapshot(_observer: &Observer, scope: &Scope, signals: &[Signal]) -> Snapshot {
    Snapshot {
        cluster: scope.cluster.clone(),
        taken_at: Timestamp::now(),
        scope: scope.clone(),
        focus: None,
        signals: signals.to_vec(),
        objects: Objects::default(),
        changes: Vec::new(),
        logs: Vec::new(),
        log_patterns: Vec::new(),
        readings: Vec::new(),
        gaps: Vec::new(),
    }
}
