//! Jobs that gave up.

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;

/// `job.failed` about the Job, with what its pods said.
pub(super) fn failed(facts: &Facts<'_>) -> Vec<Candidate> {
    let failed = facts.with(&[codes::JOB_FAILED]);
    let support = [codes::EXITED, codes::LOG_FATAL, codes::LOG_STACK_TRACE, codes::CRASH_LOOP];
    let candidate = |piece: &crate::incident::Evidence| {
        Candidate::new(confidence::JOB_FAILED, piece.object.clone(), piece.statement.as_str())
            .because([piece])
            .because(facts.about(&piece.object, &support))
    };
    failed.map(candidate).collect()
}
