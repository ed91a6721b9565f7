//! Objects that a controller or kubelet goes on warning about: the last resort, where no check knows the warning.

use super::candidate::Candidate;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;

/// `object.warned_about`, a guess that gives way to whatever explains the same object.
pub(super) fn about(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::WARNED_ABOUT]).map(|piece| {
        let workload = facts.index.workload_of(&piece.object);
        let candidate =
            Candidate::new(confidence::WARNED_ABOUT, piece.object.clone(), piece.statement.as_str());
        candidate.because([piece]).explaining([workload]).explaining(stated::workload(piece))
    });
    found.collect()
}
