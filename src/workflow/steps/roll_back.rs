//! Roll back: undo what did not help, newest first, then look again or hand over.

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::incident::{Event, Execution, ExecutionState, Incident, MAX_REPAIR_ATTEMPTS, PlannedAction};
use crate::remediate::{Reconciled, reconcile, record, undo};
use crate::workflow::Workflow;
use crate::workflow::clusters::Cluster;
use crate::workflow::step::{Step, escalated};

impl Workflow {
    pub(super) async fn roll_back(&self, incident: &Incident) -> anyhow::Result<Step> {
        let cluster = self.clusters.named(&incident.cluster)?;
        let pending = |execution: &&Execution| {
            matches!(execution.state, ExecutionState::Applied | ExecutionState::Intended)
        };
        let Some(execution) = incident.current_executions().rev().find(pending) else {
            return Ok(finish(incident));
        };
        let plan = incident.plan.as_ref().context("there is no plan")?;
        let planned = plan.actions.get(execution.index).context("the journal is ahead of the plan")?;
        let moved = match execution.state {
            ExecutionState::Applied => put_back(cluster, execution, planned).await?,
            _ => settle(cluster, execution, planned).await?,
        };
        Ok(Step::events([Event::ExecutionFinished { execution: Box::new(moved) }]))
    }
}

async fn put_back(
    cluster: &Cluster,
    execution: &Execution,
    planned: &PlannedAction,
) -> anyhow::Result<Execution> {
    let client = &cluster.observer.client();
    let now = Timestamp::now();
    let undone = undo(client, execution, now).await;
    if undone.state == ExecutionState::Applied {
        bail!("{}", undone.message.unwrap_or_else(|| "the API server did not answer".to_owned()));
    }
    record(client, &undone, planned, now).await;
    Ok(undone)
}

/// Finds out what became of an intent that nobody finished, so that it can be undone or forgotten.
async fn settle(
    cluster: &Cluster,
    execution: &Execution,
    planned: &PlannedAction,
) -> anyhow::Result<Execution> {
    match reconcile(&cluster.observer.client(), execution, planned).await {
        Reconciled::AlreadyApplied(applied) => Ok(*applied),
        Reconciled::NotApplied => Ok(Execution {
            state: ExecutionState::Failed,
            finished_at: Some(Timestamp::now()),
            message: Some("never applied".to_owned()),
            ..execution.clone()
        }),
        Reconciled::Unknown(reason) => bail!("it cannot be told whether the change was made: {reason}"),
    }
}

fn finish(incident: &Incident) -> Step {
    let stuck = incident.current_executions().any(|done| done.state == ExecutionState::RollbackFailed);
    let ending = if stuck {
        Some("A change that did not help could not be undone; see the journal for what is left.")
    } else if incident.attempt >= MAX_REPAIR_ATTEMPTS {
        Some("No repair helped; everything that was changed has been put back.")
    } else {
        None
    };
    Step::events(std::iter::once(Event::RollbackFinished).chain(ending.map(escalated)))
}
