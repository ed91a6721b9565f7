//! Making one change: the journal entry before, and the change itself, exactly once.
//!
//! Every request carries the `resourceVersion` (or, for pods, the UID) of what was read just before, and the Execution's
//! id as an annotation. So a request can be repeated safely: before each try the object is read again, and if it carries
//! the id the change is there already. Nothing is ever forced over somebody else's change.

use backon::Retryable;
use jiff::Timestamp;
use serde_json::Value;

use super::catalog::{self, Request};
use super::error::ClusterError;
use super::pace::Pace;
use super::preview::{self, PreviewError, Rehearsal};
use super::prior::Prior;
use super::target::{self, Mode, Target};
use super::{EXECUTION_ANNOTATION, diff, fields};
use crate::incident::{Action, Execution, ExecutionState, PlannedAction};

/// Why an Action was not journaled.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The target is not what the Plan was made for; it has to be planned anew.
    #[error("the plan is out of date: {reason}")]
    Outdated {
        /// What changed.
        reason: String,
    },
    /// The API server refuses the change or could not be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl ApplyError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.is_retryable())
    }
}

impl From<PreviewError> for ApplyError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Cluster(ClusterError::Gone { target }) => {
                Self::Outdated { reason: format!("{target} does not exist any more") }
            }
            PreviewError::Cluster(error) => Self::Cluster(error),
            PreviewError::Impossible { reason, .. } => Self::Outdated { reason },
        }
    }
}

/// Checks that `planned` still fits its target, tries it as a dry-run, and captures what undo will put back. Changes
/// nothing. The caller journals the result before it calls [`apply`].
///
/// # Errors
/// [`ApplyError`]; nothing has been changed.
pub async fn intend(
    client: &kube::Client,
    planned: &PlannedAction,
    id: &str,
    attempt: u32,
    index: usize,
    now: Timestamp,
) -> Result<Execution, ApplyError> {
    let pace = Pace::default();
    let rehearsed = (|| rehearse_planned(client, planned, now, pace))
        .retry(pace.schedule())
        .when(|error| matches!(error, ApplyError::Cluster(ClusterError::Conflict { .. })))
        .await?;
    let (prior, diff) = match rehearsed {
        Some(rehearsal) => (rehearsal.change.prior, rehearsal.diff),
        None => (Prior::nothing(), planned.diff.clone()),
    };
    Ok(Execution {
        id: id.to_owned(),
        attempt,
        index,
        action: planned.action.clone(),
        state: ExecutionState::Intended,
        prior: serde_json::to_value(&prior).unwrap_or_default(),
        diff,
        intended_at: now,
        finished_at: None,
        generation_after: None,
        message: None,
    })
}

/// `None`: the pod that is to be deleted is gone already, which [`apply`] will find too.
async fn rehearse_planned(
    client: &kube::Client,
    planned: &PlannedAction,
    now: Timestamp,
    pace: Pace,
) -> Result<Option<Rehearsal>, ApplyError> {
    let live = match Target::new(client, planned.action.target(), pace)?.read().await {
        Err(ClusterError::Gone { .. }) if is_deletion(&planned.action) => return Ok(None),
        answer => answer.map_err(PreviewError::from)?,
    };
    if is_deletion(&planned.action) && target::uid(&live) != planned.target_uid {
        return Ok(None);
    }
    check_version(planned, &live)?;
    let rehearsal = preview::rehearse(client, &planned.action, &live, now, pace).await?;
    check_effect(planned, &rehearsal.diff)?;
    Ok(Some(rehearsal))
}

/// Applies a journaled Execution. The answer's state is
/// - `Applied`: the cluster has taken it;
/// - `Failed`: nothing was changed, `message` says why;
/// - `Intended`, with a message: the API server could not be reached and nobody knows; ask [`super::reconcile()`] later.
pub async fn apply(client: &kube::Client, execution: &Execution, planned: &PlannedAction) -> Execution {
    apply_at(client, execution, planned, Pace::default()).await
}

/// [`apply`] with a deadline and retry budget.
pub(super) async fn apply_at(
    client: &kube::Client,
    execution: &Execution,
    planned: &PlannedAction,
    pace: Pace,
) -> Execution {
    let result = (|| attempt(client, execution, planned, pace))
        .retry(pace.schedule())
        .when(ApplyError::is_retryable)
        .await;
    let mut done = execution.clone();
    match result {
        Ok(applied) => {
            done.state = ExecutionState::Applied;
            done.generation_after = applied.generation;
            done.message = applied.note;
        }
        Err(ApplyError::Cluster(error @ ClusterError::Unreachable { .. })) => {
            done.message = Some(format!("{error}; whether the change was made is not known yet"));
            return done;
        }
        Err(error) => {
            done.state = ExecutionState::Failed;
            done.message = Some(error.to_string());
        }
    }
    done.finished_at = Some(Timestamp::now());
    done
}

/// What the cluster says about a change that is there.
struct Applied {
    generation: Option<i64>,
    note: Option<String>,
}

impl Applied {
    fn noted(note: &str) -> Self {
        Self { generation: None, note: Some(note.to_owned()) }
    }
}

async fn attempt(
    client: &kube::Client,
    execution: &Execution,
    planned: &PlannedAction,
    pace: Pace,
) -> Result<Applied, ApplyError> {
    let object = planned.action.target();
    let target = Target::new(client, object, pace)?;
    let live = match target.read().await {
        Err(ClusterError::Gone { .. }) if is_deletion(&planned.action) => {
            return Ok(Applied::noted("the pod was gone already"));
        }
        answer => answer?,
    };
    if fields::annotation(&live, EXECUTION_ANNOTATION) == Some(&execution.id) {
        let note = Some("an earlier request had made the change".to_owned());
        return Ok(Applied { generation: planned.target_generation.map(|before| before + 1), note });
    }
    if is_deletion(&planned.action) && target::uid(&live) != planned.target_uid {
        return Ok(Applied::noted("the pod was gone already; its successor is left alone"));
    }
    check_version(planned, &live)?;
    let mut request =
        preview::work_out(client, &planned.action, &live, execution.intended_at, pace).await?.request;
    catalog::stamp(&mut request, &execution.id);
    send(&target, request, execution, planned).await
}

async fn send(
    target: &Target<'_>,
    request: Request,
    execution: &Execution,
    planned: &PlannedAction,
) -> Result<Applied, ApplyError> {
    let object = planned.action.target();
    match request {
        Request::Replace(desired) => {
            let written = target.replace(desired, Mode::Real).await?;
            Ok(Applied { generation: target::generation(object, &written), note: None })
        }
        Request::Evict { uid } => {
            target.evict(&uid, Mode::Real).await?;
            Ok(Applied { generation: None, note: None })
        }
        Request::ForceDelete { uid } if execution.diff == diff::force_delete(object, &uid) => {
            target.force_delete(&uid, Mode::Real).await?;
            Ok(Applied { generation: None, note: None })
        }
        Request::ForceDelete { .. } => Err(ApplyError::Outdated {
            reason: format!("{object} would have to be force deleted now, which was not planned"),
        }),
    }
}

/// Whether the Action removes its target.
pub(super) const fn is_deletion(action: &Action) -> bool {
    matches!(action, Action::DeletePod { .. })
}

fn check_version(planned: &PlannedAction, live: &Value) -> Result<(), ApplyError> {
    let object = planned.action.target();
    if target::uid(live) != planned.target_uid {
        return Err(ApplyError::Outdated {
            reason: format!("{object} was deleted and made again since the plan"),
        });
    }
    let generation = target::generation(object, live);
    if planned.target_generation.is_some() && generation != planned.target_generation {
        let (then, now) = (planned.target_generation.unwrap_or_default(), generation.unwrap_or_default());
        return Err(ApplyError::Outdated {
            reason: format!("the spec of {object} was changed since the plan (generation {then}, now {now})"),
        });
    }
    Ok(())
}

/// Kinds without a usable generation: the dry-run must change the same lines as when it was planned.
fn check_effect(planned: &PlannedAction, diff: &str) -> Result<(), ApplyError> {
    let same = || diff::changed_lines(&planned.diff) == diff::changed_lines(diff);
    if planned.target_generation.is_some() || same() {
        return Ok(());
    }
    let object = planned.action.target();
    Err(ApplyError::Outdated {
        reason: format!("on {object} the change would now do something else than planned"),
    })
}
