//! One file per phase: what is done in it.

mod approval;
mod diagnose;
mod guard;
mod plan;
mod recall;
mod repair;
mod roll_back;
mod triage;
mod verify;

use super::Workflow;
use super::step::Step;
use crate::incident::{Incident, Phase};

impl Workflow {
    /// Does what the incident's phase asks for.
    pub(super) async fn step(&self, incident: &Incident) -> anyhow::Result<Step> {
        match incident.phase {
            Phase::Triage => self.triage(incident).await,
            Phase::Diagnose => self.diagnose(incident).await,
            Phase::Plan => self.plan(incident).await,
            Phase::Guard => self.guard(incident).await,
            Phase::AwaitApproval => Ok(approval::expire(incident)),
            Phase::Repair => self.repair(incident).await,
            Phase::Verify => self.verify(incident).await,
            Phase::RollBack => self.roll_back(incident).await,
            Phase::Escalated | Phase::Closed => Ok(Step::events([])),
        }
    }
}
