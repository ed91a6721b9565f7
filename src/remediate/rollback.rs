//! Undoing what did not help: the captured fields go back, unless somebody else has changed the object since.

use backon::Retryable;
use jiff::Timestamp;
use serde_json::Value;

use super::error::ClusterError;
use super::pace::Pace;
use super::prior::Prior;
use super::target::{self, Mode, Target};
use super::{EXECUTION_ANNOTATION, UNDO_ANNOTATION, fields};
use crate::incident::{Execution, ExecutionState};

/// Undoes an applied Execution. Repeating it is safe: the object carries the id of the undo. The answer's state is
/// - `RolledBack`: the captured fields are back, or there was nothing to undo;
/// - `RollbackFailed`: refused, `message` says why; people have to look;
/// - unchanged, with a message: the API server could not be reached; call again.
pub async fn undo(client: &kube::Client, execution: &Execution, now: Timestamp) -> Execution {
    undo_at(client, execution, now, Pace::default()).await
}

/// [`undo`] with a deadline and retry budget.
pub(super) async fn undo_at(
    client: &kube::Client,
    execution: &Execution,
    now: Timestamp,
    pace: Pace,
) -> Execution {
    let result = match serde_json::from_value::<Prior>(execution.prior.clone()) {
        Ok(prior) if prior.replaced.is_empty() => Ok("nothing to undo".to_owned()),
        Ok(prior) => put_back(client, execution, &prior, pace).await,
        Err(error) => Err(UndoError::Refused(format!("the captured state cannot be read: {error}"))),
    };
    let mut done = execution.clone();
    let (state, message) = match result {
        Ok(message) => (ExecutionState::RolledBack, message),
        Err(UndoError::Cluster(error)) if error.is_retryable() => {
            done.message = Some(format!("not undone yet: {error}"));
            return done;
        }
        Err(error) => (ExecutionState::RollbackFailed, error.to_string()),
    };
    done.state = state;
    done.message = Some(message);
    done.finished_at = Some(now);
    done
}

#[derive(Debug, thiserror::Error)]
enum UndoError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

async fn put_back(
    client: &kube::Client,
    execution: &Execution,
    prior: &Prior,
    pace: Pace,
) -> Result<String, UndoError> {
    (|| attempt(client, execution, prior, pace))
        .retry(pace.schedule())
        .when(|error| matches!(error, UndoError::Cluster(error) if error.is_retryable()))
        .await
}

async fn attempt(
    client: &kube::Client,
    execution: &Execution,
    prior: &Prior,
    pace: Pace,
) -> Result<String, UndoError> {
    let target = Target::new(client, execution.action.target(), pace)?;
    let live = target.read().await?;
    if fields::annotation(&live, UNDO_ANNOTATION) == Some(&execution.id) {
        return Ok("the former state was put back by an earlier request".to_owned());
    }
    check_untouched(execution, prior, &live)?;
    let mut desired = live;
    prior.put_back(&mut desired);
    fields::set(
        &mut desired,
        &fields::annotation_path("", UNDO_ANNOTATION),
        Value::from(execution.id.as_str()),
    );
    target.replace(desired, Mode::Real).await?;
    Ok("the former state is back".to_owned())
}

fn check_untouched(execution: &Execution, prior: &Prior, live: &Value) -> Result<(), UndoError> {
    let object = execution.action.target();
    let ours = fields::annotation(live, EXECUTION_ANNOTATION) == Some(&execution.id);
    let generation = target::generation(object, live);
    let unmoved = generation.is_some() && generation == execution.generation_after;
    if ours && (unmoved || prior.is_as_left(live)) {
        return Ok(());
    }
    Err(UndoError::Refused(format!(
        "{object} was changed by somebody else after the repair; compare it with the recorded diff and decide"
    )))
}
