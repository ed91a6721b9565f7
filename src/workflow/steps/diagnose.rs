//! Diagnose: the deterministic pass over the Snapshot, then the agents where they can add something.

use anyhow::Context;
use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::recall::{appended, kubernetes_version};
use crate::agents::Groundwork;
use crate::diagnose::Diagnosis;
use crate::incident::{Event, Hypothesis, Incident, InvestigationEnd, Outcome};
use crate::remediate::verify::{self, Standing};
use crate::workflow::Workflow;
use crate::workflow::step::{Step, closed, escalated};

impl Workflow {
    pub(super) async fn diagnose(&self, incident: &Incident) -> anyhow::Result<Step> {
        let snapshot = self.store.snapshot(&incident.id).await?.context("no Snapshot is stored")?;
        let failed = incident.executions.clone();
        let version = kubernetes_version(&snapshot);
        let rules = self.rules.clone();
        let diagnosis = tokio::task::spawn_blocking(move || rules.diagnose(&snapshot, &failed)).await?;
        let recalled = self.recalled(incident, &diagnosis, version.as_deref()).await;
        let Diagnosis { evidence, hypotheses, blind, healthy, .. } = diagnosis;
        let seen = Seen { pieces: evidence.len(), blind, healthy };
        let evidence = appended(evidence, recalled);
        let groundwork = Groundwork { evidence, hypotheses, gaps: incident.gaps.clone(), healthy };
        let agents = self.agents.clone();
        let groundwork = tokio::task::spawn_blocking(move || agents.fit_to_keep(groundwork)).await?;
        let (events, hypotheses) = self.investigated(incident, groundwork).await;
        if events.iter().any(|event| matches!(event, Event::Escalated { .. })) {
            return Ok(Step::events(events));
        }
        let ending = self.ending(incident, &hypotheses, &seen).await;
        Ok(Step::events(events.into_iter().chain(ending)))
    }

    /// What the rules found, and what agents make of it. Dropping the step ends the agents' run.
    async fn investigated(
        &self,
        incident: &Incident,
        groundwork: Groundwork,
    ) -> (Vec<Event>, Vec<Hypothesis>) {
        let cancel = CancellationToken::new();
        let _ends_with_the_step = cancel.clone().drop_guard();
        let investigated = match self.clusters.named(&incident.cluster) {
            Ok(cluster) => {
                // Its type is as deep as all that agents call; boxed, that ends here.
                let investigation =
                    self.agents.investigate(incident, groundwork.clone(), &cluster.observer, cancel);
                investigation.boxed().await
            }
            Err(_) => None,
        };
        let Some(investigated) = investigated else {
            let Groundwork { evidence, hypotheses, .. } = groundwork;
            return (vec![Event::Diagnosed { evidence, hypotheses: hypotheses.clone() }], hypotheses);
        };
        let hypotheses = investigated.hypotheses;
        let ends = investigated.investigation.end == InvestigationEnd::Escalated;
        let people = ends.then(|| escalated(for_people(&investigated.investigation.reason)));
        let mut events = vec![
            Event::Investigated { investigation: Box::new(investigated.investigation) },
            Event::Diagnosed { evidence: investigated.evidence, hypotheses: hypotheses.clone() },
        ];
        events.extend(people);
        (events, hypotheses)
    }

    /// How the incident ends when no cause was found: as nothing wrong only if that could be seen.
    async fn ending(&self, incident: &Incident, hypotheses: &[Hypothesis], seen: &Seen) -> Option<Event> {
        if !hypotheses.is_empty() {
            return None;
        }
        if !seen.healthy {
            return Some(escalated(seen.no_cause()));
        }
        let observer = &self.clusters.named(&incident.cluster).ok()?.observer;
        Some(match verify::standing(observer.prometheus(), &incident.signals).await {
            Standing::Clear => closed(
                Outcome::NothingWrong,
                "No cause was found: everything that was read is healthy, and the alerts' own expressions return nothing.",
            ),
            Standing::Firing(alert) => escalated(format!(
                "No cause was found: everything that was read is healthy, but the expression of alert {alert} still \
                 returns series. Look at what it measures."
            )),
            Standing::Unknown(alert, why) => escalated(format!(
                "No cause was found: everything that was read is healthy, but whether alert {alert} still holds could \
                 not be asked ({why}). Close the incident if you agree that nothing is wrong."
            )),
        })
    }
}

fn for_people(reason: &str) -> String {
    format!("The agents ask people to look: {reason}")
}

/// What the deterministic pass could see.
struct Seen {
    pieces: usize,
    blind: Vec<String>,
    healthy: bool,
}

impl Seen {
    fn no_cause(&self) -> String {
        if self.blind.is_empty() {
            format!("No rule explains what was seen ({} pieces of evidence are listed).", self.pieces)
        } else {
            format!("No cause was found, and not everything could be seen: {}.", self.blind.join("; "))
        }
    }
}
