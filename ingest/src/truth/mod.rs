//! The truth about passages: what stands in it, what a change of it is, and the table that keeps it.

#[cfg(feature = "vectors")]
mod table;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::Passage;
#[cfg(feature = "vectors")]
pub(crate) use table::{Truth, quoted};

/// What one commit does to one source.
pub(crate) struct Change {
    /// The source.
    pub(crate) source: String,
    /// The passages of new and changed documents, all of each.
    pub(crate) passages: Arc<Vec<Passage>>,
    /// Documents whose old passages go: the changed and the removed ones.
    pub(crate) replaced: Vec<String>,
}

/// A passage near a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbour {
    /// Its row in the table.
    pub(crate) row: u64,
    /// Cosine similarity, -1 to 1.
    pub(crate) similarity: f32,
}

/// One version of the knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its number; a greater one is later.
    pub version: u64,
    /// When it was made.
    pub at: Timestamp,
    /// How many passages it holds, where the table's summary says it.
    pub passages: Option<u64>,
}
