//! After a crash: was the change made or not? The cluster itself tells.

use jiff::Timestamp;
use serde_json::Value;

use super::apply::is_deletion;
use super::error::ClusterError;
use super::pace::Pace;
use super::target::{self, Target};
use super::{EXECUTION_ANNOTATION, diff, fields};
use crate::incident::{Execution, ExecutionState, PlannedAction};

/// What the cluster says about a journaled Execution whose end is not known.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled {
    /// The change is there; the journal entry, finished.
    AlreadyApplied(Box<Execution>),
    /// The change is not there; [`super::apply()`] may be called.
    NotApplied,
    /// It could not be told: the API server is out of reach (ask again), or the target is not there any more.
    Unknown(String),
}

/// Asks the cluster whether `execution` was applied: the target carries its id, or the pod is gone. Changes nothing.
pub async fn reconcile(client: &kube::Client, execution: &Execution, planned: &PlannedAction) -> Reconciled {
    reconcile_at(client, execution, planned, Pace::default()).await
}

/// [`reconcile`] with a deadline.
pub(super) async fn reconcile_at(
    client: &kube::Client,
    execution: &Execution,
    planned: &PlannedAction,
    pace: Pace,
) -> Reconciled {
    let object = planned.action.target();
    let read = match Target::new(client, object, pace) {
        Ok(target) => target.read().await,
        Err(error) => Err(error),
    };
    let there = match read {
        Ok(live) => is_there(execution, planned, &live),
        Err(ClusterError::Gone { .. }) if is_deletion(&planned.action) => Ok(true),
        Err(error) => Err(error.to_string()),
    };
    match there {
        Ok(true) => Reconciled::AlreadyApplied(Box::new(applied(execution, planned))),
        Ok(false) => Reconciled::NotApplied,
        Err(reason) => Reconciled::Unknown(reason),
    }
}

fn is_there(execution: &Execution, planned: &PlannedAction, live: &Value) -> Result<bool, String> {
    let object = planned.action.target();
    let same = target::uid(live) == planned.target_uid;
    if is_deletion(&planned.action) {
        let evicted = execution.diff == diff::eviction(object, &planned.target_uid);
        let ending = fields::text(live, "/metadata/deletionTimestamp").is_some();
        return Ok(!same || (evicted && ending));
    }
    if !same {
        return Err(format!(
            "{object} was deleted and made again; nobody can tell what was done to the former one"
        ));
    }
    Ok(fields::annotation(live, EXECUTION_ANNOTATION) == Some(&execution.id))
}

fn applied(execution: &Execution, planned: &PlannedAction) -> Execution {
    Execution {
        state: ExecutionState::Applied,
        finished_at: Some(Timestamp::now()),
        // Ours is the one change of the spec since the Plan: whatever came later is somebody else's.
        generation_after: planned.target_generation.map(|before| before + 1),
        message: Some("found applied after an interruption".to_owned()),
        ..execution.clone()
    }
}
