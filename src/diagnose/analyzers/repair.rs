//! Repairs that were made for this incident and did not help.

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::incident::{Execution, ExecutionState};

pub(super) fn findings(failed: &[Execution]) -> Vec<Finding> {
    failed.iter().filter(|execution| execution.state != ExecutionState::Intended).map(finding).collect()
}

fn finding(execution: &Execution) -> Finding {
    let action = &execution.action;
    let statement = match execution.state {
        ExecutionState::Failed => format!("The repair \"{action}\" was refused"),
        ExecutionState::RollbackFailed => {
            format!("The repair \"{action}\" did not help and could not be undone")
        }
        _ => format!("The repair \"{action}\" did not help"),
    };
    Finding::new(codes::REPAIR_FAILED, action.target().clone(), statement)
        .at(Some(execution.finished_at.unwrap_or(execution.intended_at)))
        .field("action", action.kind().as_str())
        .field("attempt", execution.attempt)
        .field_if("message", execution.message.as_ref())
}
