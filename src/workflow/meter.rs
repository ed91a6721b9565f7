//! What the workflow counts.

use std::time::Duration;

use super::step::Step;
use crate::incident::{Event, Execution, ExecutionState, Incident, Phase};
use crate::telemetry::metrics;

/// One step is done.
pub(super) fn step(phase: Phase, step: &Step, took: Duration) {
    let failed = step.events.iter().any(|event| matches!(event, Event::StepFailed { .. }));
    metrics::step_finished(phase.as_str(), !failed, took);
}

/// Events were saved; `incident` is the state after them.
pub(super) fn events(events: &[Event], incident: &Incident) {
    for event in events {
        match event {
            Event::Diagnosed { hypotheses, .. } => {
                hypotheses.iter().for_each(|hypothesis| metrics::hypothesis_proposed(&hypothesis.code));
            }
            Event::ExecutionFinished { execution } => executed(execution),
            Event::Closed { .. } => verified(incident),
            _ => {}
        }
    }
}

fn executed(execution: &Execution) {
    let result = match execution.state {
        ExecutionState::Applied => "applied",
        ExecutionState::RolledBack => "rolled_back",
        ExecutionState::Failed => "failed",
        ExecutionState::RollbackFailed => "rollback_failed",
        ExecutionState::Intended => return,
    };
    metrics::repair_finished(execution.action.kind().as_str(), result);
}

/// A repair that ended the incident counts once more, as verified.
fn verified(incident: &Incident) {
    if incident.verification.as_ref().is_some_and(|seen| seen.passed == Some(true)) {
        for execution in incident.current_executions() {
            metrics::repair_finished(execution.action.kind().as_str(), "verified");
        }
    }
}
