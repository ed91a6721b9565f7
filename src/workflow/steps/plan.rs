//! Plan: a playbook for the best Hypothesis, rehearsed against the API server.

use anyhow::Context;

use crate::incident::{Event, Incident};
use crate::remediate::{PreviewError, draft, preview};
use crate::workflow::Workflow;
use crate::workflow::step::Step;

impl Workflow {
    pub(super) async fn plan(&self, incident: &Incident) -> anyhow::Result<Step> {
        let snapshot = self.store.snapshot(&incident.id).await?.context("no Snapshot is stored")?;
        let excluded = incident.excluded_actions();
        let drafted =
            draft(&incident.hypotheses, &snapshot, &incident.evidence, &incident.signals, &excluded);
        let draft = match drafted {
            Ok(draft) => draft,
            Err(none) => return Ok(Step::escalate(none.reason)),
        };
        let cluster = self.clusters.named(&incident.cluster)?;
        match preview(&cluster.observer.client(), draft).await {
            Ok(plan) => Ok(Step::events([Event::Planned { plan: Box::new(plan) }])),
            Err(error) if error.is_retryable() => Err(error.into()),
            Err(error) => Ok(Step::escalate(refused(&error))),
        }
    }
}

fn refused(error: &PreviewError) -> String {
    format!("The repair was rehearsed and the API server refused it: {error}")
}
