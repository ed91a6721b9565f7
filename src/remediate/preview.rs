//! From a [`Draft`] to a [`Plan`]: every Action is worked out against its live target and tried as a server-side dry-run.

use backon::Retryable;
use jiff::Timestamp;
use serde_json::Value;

use super::catalog::{self, Change, Impossible, Request};
use super::diff;
use super::error::ClusterError;
use super::pace::Pace;
use super::playbooks::Draft;
use super::surroundings;
use super::target::{self, Mode, Target};
use crate::incident::{Action, ObjectRef, Plan, PlannedAction};

/// Stands for the execution id in a dry-run; never stored.
const DRY_RUN_ID: &str = "dry-run";

/// Why no Plan came of a Draft.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The API server refused the dry-run or could not be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The live object does not allow the Action.
    #[error("cannot {action}: {reason}")]
    Impossible {
        /// The Action, for people.
        action: String,
        /// Why.
        reason: String,
    },
}

impl PreviewError {
    /// Whether the same preview may succeed later without anybody doing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Cluster(error) => error.is_retryable(),
            Self::Impossible { .. } => false,
        }
    }
}

/// Tries every Action of `draft` as a dry-run and fills in what the Plan is bound to. Changes nothing.
///
/// # Errors
/// [`PreviewError`] for the first Action that would not work.
pub async fn preview(client: &kube::Client, draft: Draft) -> Result<Plan, PreviewError> {
    let mut actions = Vec::with_capacity(draft.actions.len());
    let pace = Pace::default();
    for action in draft.actions {
        // Controllers write the status of what is in trouble all the time: the next read is as good as this one.
        let planned = (|| plan(client, action.clone(), pace))
            .retry(pace.schedule())
            .when(|error| matches!(error, PreviewError::Cluster(ClusterError::Conflict { .. })))
            .await?;
        actions.push(planned);
    }
    let Draft { hypothesis, rationale, checks, .. } = draft;
    Ok(Plan { hypothesis, rationale, actions, checks, agent: None, from_chat: false })
}

async fn plan(client: &kube::Client, action: Action, pace: Pace) -> Result<PlannedAction, PreviewError> {
    let live = Target::new(client, action.target(), pace)?.read().await?;
    let Rehearsal { change, diff } = rehearse(client, &action, &live, Timestamp::now(), pace).await?;
    Ok(PlannedAction {
        target_uid: target::uid(&live).to_owned(),
        target_generation: target::generation(action.target(), &live),
        diff,
        undo: change.undo,
        pods_affected: change.pods_affected,
        action,
    })
}

/// One Action tried without effect.
pub(super) struct Rehearsal {
    /// The change; its prior knows how the dry-run left the object.
    pub(super) change: Change,
    /// The diff for people.
    pub(super) diff: String,
}

/// Works out the change against `live`, which has just been read, and asks the API server what it would do.
pub(super) async fn rehearse(
    client: &kube::Client,
    action: &Action,
    live: &Value,
    now: Timestamp,
    pace: Pace,
) -> Result<Rehearsal, PreviewError> {
    let change = work_out(client, action, live, now, pace).await?;
    let target = Target::new(client, action.target(), pace)?;
    let (prior, diff) = match dry_run(&target, action.target(), change.request.clone(), live).await? {
        (Some(after), diff) => (change.prior.leaving(&after), diff),
        (None, diff) => (change.prior, diff),
    };
    Ok(Rehearsal { change: Change { prior, ..change }, diff })
}

/// Works out the change against an object that has just been read.
pub(super) async fn work_out(
    client: &kube::Client,
    action: &Action,
    live: &Value,
    now: Timestamp,
    pace: Pace,
) -> Result<Change, PreviewError> {
    let around = surroundings::read(client, action, live, pace).await?;
    catalog::change(action, live, &around, now)
        .map_err(|Impossible { reason }| PreviewError::Impossible { action: action.to_string(), reason })
}

async fn dry_run(
    target: &Target<'_>,
    object: &ObjectRef,
    mut request: Request,
    live: &Value,
) -> Result<(Option<Value>, String), ClusterError> {
    catalog::stamp(&mut request, DRY_RUN_ID);
    match request {
        Request::Replace(desired) => {
            let after = target.replace(desired, Mode::DryRun).await?;
            let diff = diff::unified(object, live, &after);
            Ok((Some(after), diff))
        }
        Request::Evict { uid } => {
            target.evict(&uid, Mode::DryRun).await?;
            Ok((None, diff::eviction(object, &uid)))
        }
        Request::ForceDelete { uid } => {
            target.force_delete(&uid, Mode::DryRun).await?;
            Ok((None, diff::force_delete(object, &uid)))
        }
    }
}
