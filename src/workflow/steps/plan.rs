//! Plan: a playbook for the best Hypothesis, else what an agent proposes; rehearsed against the API server.

use std::collections::BTreeSet;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::incident::{Event, Incident, Investigation};
use crate::remediate::{Draft, PreviewError, draft, preview};
use crate::workflow::Workflow;
use crate::workflow::clusters::Cluster;
use crate::workflow::step::{Step, escalated};

/// Who drafts where no playbook does.
const AGENT: &str = "remediation";

impl Workflow {
    pub(super) async fn plan(&self, incident: &Incident) -> anyhow::Result<Step> {
        let snapshot = self.store.snapshot(&incident.id).await?.context("no Snapshot is stored")?;
        let excluded = incident.excluded_actions();
        let drafted =
            draft(&incident.hypotheses, &snapshot, &incident.evidence, &incident.signals, &excluded);
        let cluster = self.clusters.named(&incident.cluster)?;
        match drafted {
            Ok(draft) => Ok(Step::events([rehearse(cluster, draft, None).await?])),
            Err(none) => self.proposed(incident, cluster, &none.reason).await,
        }
    }

    /// What the remediation agent proposes, where there is one; else people are asked.
    async fn proposed(&self, incident: &Incident, cluster: &Cluster, why: &str) -> anyhow::Result<Step> {
        let cancel = CancellationToken::new();
        let _ends_with_the_step = cancel.clone().drop_guard();
        let Some(remedied) = self.agents.propose(incident, &cluster.observer, why, cancel).await else {
            return Ok(Step::escalate(why));
        };
        let excluded = incident.excluded_actions();
        // What people denied, or what did not help, is not proposed again in other words.
        let draft =
            remedied.draft.filter(|draft| !draft.actions.iter().any(|action| excluded.contains(&action)));
        let next = match (draft, &remedied.investigation.recommendation) {
            (Some(draft), _) => rehearse(cluster, draft, Some(AGENT)).await,
            (None, Some(recommendation)) => Ok(escalated(format!("{why}. Recommended: {recommendation}"))),
            (None, None) => Ok(escalated(why)),
        };
        let said = news(incident, remedied.investigation);
        Ok(match next {
            Ok(next) => Step::events(said.into_iter().chain([next])),
            // What was paid for is on record, whatever becomes of the rehearsal.
            Err(error) => Step { then_failed: Some(error), ..Step::events(said) },
        })
    }
}

/// What the agents did, unless it is on record from an earlier try of this step.
fn news(incident: &Incident, investigation: Investigation) -> Option<Event> {
    let on_record: BTreeSet<&str> = incident.investigation.iter().flat_map(Investigation::run_ids).collect();
    let known = !investigation.runs.is_empty()
        && investigation.runs.iter().all(|run| run.id.as_deref().is_some_and(|id| on_record.contains(id)));
    (!known).then(|| Event::Investigated { investigation: Box::new(investigation) })
}

/// A Plan that the API server accepts, or why people are needed.
async fn rehearse(cluster: &Cluster, draft: Draft, agent: Option<&str>) -> anyhow::Result<Event> {
    match preview(&cluster.observer.client(), draft).await {
        Ok(mut plan) => {
            plan.agent = agent.map(str::to_owned);
            Ok(Event::Planned { plan: Box::new(plan) })
        }
        Err(error) if error.is_retryable() => Err(error.into()),
        Err(error) => Ok(escalated(refused(&error))),
    }
}

fn refused(error: &PreviewError) -> String {
    format!("The repair was rehearsed and the API server refused it: {error}")
}
