//! What an ingestion did.

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// What an ingestion did, source by source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IngestReport {
    /// In the order of the request.
    pub sources: Vec<SourceReport>,
    /// Whether nothing was written because none should be.
    pub dry_run: bool,
    /// How long it took, seconds.
    pub seconds: f64,
}

/// What an ingestion did to one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its name.
    pub source: String,
    /// Its version, where it has one: a git commit, a hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Documents that are new.
    pub added: usize,
    /// Documents that have changed.
    pub changed: usize,
    /// Documents that are as they were.
    pub unchanged: usize,
    /// Documents that are gone.
    pub removed: usize,
    /// Documents without any text.
    pub empty: usize,
    /// Passages of new and changed documents.
    pub passages: usize,
    /// What was not taken in, and why.
    pub refused: Vec<Refusal>,
    /// What new and changed documents say about themselves that cannot be understood and does not count, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Refusal>,
    /// Why the source as a whole could not be read; then its last version stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl IngestReport {
    /// Whether every source could be read.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.sources.iter().all(|source| source.error.is_none())
    }
}
