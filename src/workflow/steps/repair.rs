//! Repair: journal the intent, apply, record; after a crash ask the cluster before repeating.

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::incident::{Event, Execution, ExecutionState, Incident, Plan, PlannedAction, Verdict};
use crate::remediate::{ApplyError, Reconciled, apply, intend, reconcile, record};
use crate::workflow::Workflow;
use crate::workflow::clusters::Cluster;
use crate::workflow::step::{Step, escalated};

/// How often a Plan may go out of date before people have to look.
const MAX_OUTDATED_PLANS: u32 = 3;

impl Workflow {
    /// One move at a time, each saved before the next: the intent of the next Action, or the result of the last intent.
    pub(super) async fn repair(&self, incident: &Incident) -> anyhow::Result<Step> {
        let plan = incident.plan.as_ref().context("there is no plan to carry out")?;
        if !is_released(incident, plan) {
            bail!("the plan is not released: neither policy nor a person has agreed to exactly this plan");
        }
        let cluster = self.clusters.named(&incident.cluster)?;
        match incident.current_executions().last() {
            Some(last) if last.state == ExecutionState::Intended => finish(cluster, last, plan).await,
            last => {
                let index = last.map_or(0, |done| done.index + 1);
                if let Some(step) = self.withdrawn(incident, plan, index).await? {
                    return Ok(step);
                }
                start(cluster, incident, plan, index).await
            }
        }
    }

    /// Policy is asked again right before each change: a freeze may have begun, or the configuration have become
    /// stricter, since the Plan was released.
    async fn withdrawn(
        &self,
        incident: &Incident,
        plan: &Plan,
        index: usize,
    ) -> anyhow::Result<Option<Step>> {
        let now = self.judge(incident, plan, Timestamp::now()).await?;
        let approved = incident.approval.as_ref().is_some_and(|approval| approval.approved == Some(true));
        let reasons = now.reasons.join(" ");
        Ok(match now.verdict {
            Verdict::Allow => None,
            Verdict::NeedsApproval if approved => None,
            Verdict::NeedsApproval => {
                Some(outdated(incident, index, &format!("policy now asks for approval: {reasons}")))
            }
            Verdict::Deny => Some(Step::escalate(format!("Policy now denies the repair: {reasons}"))),
        })
    }
}

/// Whether policy allowed the Plan, or a person approved exactly this one.
fn is_released(incident: &Incident, plan: &Plan) -> bool {
    match incident.decision.as_ref().map(|decision| decision.verdict) {
        Some(Verdict::Allow) if !plan.from_chat => true,
        Some(Verdict::Allow | Verdict::NeedsApproval) => incident
            .approval
            .as_ref()
            .is_some_and(|approval| approval.approved == Some(true) && approval.digest == plan.digest()),
        Some(Verdict::Deny) | None => false,
    }
}

async fn start(cluster: &Cluster, incident: &Incident, plan: &Plan, index: usize) -> anyhow::Result<Step> {
    let planned = plan.actions.get(index).context("the journal is ahead of the plan")?;
    let id = format!("{}-{}-{index}", incident.id, incident.attempt);
    let now = Timestamp::now();
    match intend(&cluster.observer.client(), planned, &id, incident.attempt, index, now).await {
        Ok(execution) => Ok(Step::events([Event::ExecutionIntended { execution: Box::new(execution) }])),
        Err(ApplyError::Outdated { reason }) => Ok(outdated(incident, index, &reason)),
        Err(error) if error.is_retryable() => Err(error.into()),
        Err(error) => Ok(refused(planned, id, incident.attempt, index, now, &error)),
    }
}

/// The API server refused the rehearsal: the journal shows that it was meant and that nothing was changed.
fn refused(
    planned: &PlannedAction,
    id: String,
    attempt: u32,
    index: usize,
    now: Timestamp,
    error: &ApplyError,
) -> Step {
    let execution = Execution {
        id,
        attempt,
        index,
        action: planned.action.clone(),
        state: ExecutionState::Failed,
        prior: serde_json::Value::Null,
        diff: planned.diff.clone(),
        intended_at: now,
        finished_at: Some(now),
        generation_after: None,
        message: Some(error.to_string()),
    };
    Step::events([Event::ExecutionFinished { execution: Box::new(execution) }])
}

fn outdated(incident: &Incident, index: usize, reason: &str) -> Step {
    if index > 0 {
        return Step::escalate(format!("The plan was half done when its next target changed: {reason}"));
    }
    let plan_outdated = Event::PlanOutdated { reason: reason.to_owned() };
    if incident.outdated_plans + 1 >= MAX_OUTDATED_PLANS {
        let message = format!("The target keeps changing while a repair is planned: {reason}");
        return Step::events([plan_outdated, escalated(message)]);
    }
    Step::events([plan_outdated])
}

async fn finish(cluster: &Cluster, execution: &Execution, plan: &Plan) -> anyhow::Result<Step> {
    let planned = plan.actions.get(execution.index).context("the journal is ahead of the plan")?;
    let client = &cluster.observer.client();
    let finished = match reconcile(client, execution, planned).await {
        Reconciled::AlreadyApplied(execution) => *execution,
        Reconciled::NotApplied => apply(client, execution, planned).await,
        Reconciled::Unknown(reason) => bail!("it cannot be told whether the change was made: {reason}"),
    };
    if finished.state == ExecutionState::Intended {
        bail!("{}", finished.message.unwrap_or_else(|| "the API server did not answer".to_owned()));
    }
    record(client, &finished, planned, Timestamp::now()).await;
    Ok(Step::events([Event::ExecutionFinished { execution: Box::new(finished) }]))
}
