//! A bounded record of the requests that could change the cluster, so that tests can say what was and was not sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Entries kept; the oldest go first.
const CAPACITY: usize = 10_000;

/// One request that was not a GET.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it was answered.
    pub at: Timestamp,
    /// HTTP method.
    pub verb: String,
    /// Path without the query.
    pub path: String,
    /// The `fieldManager` given, if any.
    pub field_manager: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// HTTP status of the answer.
    pub status: u16,
}

/// A shared handle on the record.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    entries: Arc<Mutex<VecDeque<AuditEntry>>>,
}

impl Audit {
    /// Adds an entry.
    pub fn record(&self, entry: AuditEntry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Vec<AuditEntry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
