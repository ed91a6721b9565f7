//! Services that lead nowhere.

use super::candidate::Candidate;
use super::dependency;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;

/// `service.selector_mismatch`: nobody may use a Service that selects nothing, so by itself it is a weak cause; callers
/// that complain make it a strong one.
pub(super) fn selects_nothing(facts: &Facts<'_>) -> Vec<Candidate> {
    let found = facts.with(&[codes::SELECTOR_MATCHES_NOTHING]).map(|piece| {
        let complaints = dependency::about(facts, &piece.object);
        let callers = facts.graph.sources(&piece.object, EdgeKind::FailsToCall);
        let sure = if complaints.is_empty() { 0.6 } else { 1.0 };
        Candidate::new(confidence::SELECTOR_MISMATCH, piece.object.clone(), piece.statement.as_str())
            .times(sure)
            .because([piece])
            .because(complaints)
            .explaining(callers)
    });
    found.collect()
}
