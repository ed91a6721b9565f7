//! Guard: ask policy; where it says so, ask people.

use anyhow::Context;
use jiff::Timestamp;

use crate::incident::{Approval, Decision, Event, Incident, Plan, Verdict};
use crate::remediate::PolicyInput;
use crate::workflow::Workflow;
use crate::workflow::step::{Step, escalated};

impl Workflow {
    pub(super) async fn guard(&self, incident: &Incident) -> anyhow::Result<Step> {
        let plan = incident.plan.as_ref().context("there is no plan to judge")?;
        let now = Timestamp::now();
        let decision = self.judge(incident, plan, now).await?;
        let follow_up = self.follow_up(&decision, plan, now);
        Ok(Step::events(std::iter::once(Event::Decided { decision }).chain(follow_up)))
    }

    /// What policy says of `plan` at `now`.
    pub(super) async fn judge(
        &self,
        incident: &Incident,
        plan: &Plan,
        now: Timestamp,
    ) -> anyhow::Result<Decision> {
        let cluster = self.clusters.named(&incident.cluster)?;
        let snapshot = self.store.snapshot(&incident.id).await?;
        let input = PolicyInput::gather(plan, incident, &cluster.settings, snapshot.as_ref(), now);
        let policy = self.policy.clone();
        Ok(tokio::task::spawn_blocking(move || policy.decide(&input)).await?)
    }

    fn follow_up(&self, decision: &Decision, plan: &Plan, now: Timestamp) -> Option<Event> {
        match decision.verdict {
            Verdict::Allow => None,
            Verdict::NeedsApproval => Some(Event::ApprovalRequested {
                approval: Approval {
                    digest: plan.digest(),
                    requested_at: now,
                    expires_at: now + self.settings.automation.approval_ttl,
                    approved: None,
                    answered_by: None,
                    answered_at: None,
                    comment: None,
                },
            }),
            Verdict::Deny => {
                Some(escalated(format!("Policy denied the repair: {}", decision.reasons.join(" "))))
            }
        }
    }
}
