//! The Plans that agents draft in one run.

use std::sync::{Arc, Mutex, PoisonError};

use crate::incident::{ObjectRef, Plan};
use crate::remediate::Draft;

/// Most drafts of one run; a model that goes on has lost its way.
pub(super) const MOST_PROPOSALS: usize = 10;

/// A drafted Plan that was found possible against the live cluster. Nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The object that is held to be at fault.
    pub object: ObjectRef,
    /// What is held to have happened.
    pub statement: String,
    /// What should be done and how it will be proved.
    pub draft: Draft,
    /// The same as it was tried as a dry-run.
    pub plan: Plan,
}

/// What was drafted so far; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Proposals(Arc<Mutex<Vec<Proposed>>>);

impl Proposals {
    /// Keeps one and says how many there are; `None` when there are too many already.
    pub(super) fn keep(&self, proposed: Proposed) -> Option<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_PROPOSALS {
            return None;
        }
        kept.push(proposed);
        Some(kept.len())
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Proposed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
