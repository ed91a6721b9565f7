//! What only this program knows of a Snapshot, beside the objects: written with a dump and read again, so that a diagnosis can
//! be repeated from it.

use serde::{Deserialize, Serialize};

use super::super::{Change, LogPattern, Reading, Snapshot};
use crate::incident::{Gap, ObjectRef, Scope};

/// The file's name.
pub(super) const FILE: &str = "kubewright-notes.json";

/// Largest file that is read, bytes.
pub(super) const MOST: usize = 32 * 1024 * 1024;

/// What is noted.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notes {
    /// The cluster's name.
    pub(super) cluster: String,
    /// What was asked about.
    pub(super) scope: Scope,
    /// What that turned out to mean.
    pub(super) focus: Option<ObjectRef>,
    /// What changed.
    pub(super) changes: Vec<Change>,
    /// Error patterns, of the log store too.
    pub(super) log_patterns: Vec<LogPattern>,
    /// Metric readings.
    pub(super) readings: Vec<Reading>,
    /// What could not be read.
    pub(super) gaps: Vec<Gap>,
}

impl Notes {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            cluster: snapshot.cluster.clone(),
            scope: snapshot.scope.clone(),
            focus: snapshot.focus.clone(),
            changes: snapshot.changes.clone(),
            log_patterns: snapshot.log_patterns.clone(),
            readings: snapshot.readings.clone(),
            gaps: snapshot.gaps.clone(),
        }
    }
}
