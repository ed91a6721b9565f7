//! Diagnose: the deterministic pass over the Snapshot.

use anyhow::Context;

use super::recall::{appended, kubernetes_version};
use crate::diagnose::{Diagnosis, diagnose};
use crate::incident::{Event, Incident, Outcome};
use crate::remediate::verify::{self, Standing};
use crate::workflow::Workflow;
use crate::workflow::step::{Step, closed, escalated};

impl Workflow {
    pub(super) async fn diagnose(&self, incident: &Incident) -> anyhow::Result<Step> {
        let snapshot = self.store.snapshot(&incident.id).await?.context("no Snapshot is stored")?;
        let failed = incident.executions.clone();
        let version = kubernetes_version(&snapshot);
        let diagnosis = tokio::task::spawn_blocking(move || diagnose(&snapshot, &failed)).await?;
        let ending = self.ending(incident, &diagnosis).await;
        let recalled = self.recalled(incident, &diagnosis, version.as_deref()).await;
        let Diagnosis { evidence, hypotheses, .. } = diagnosis;
        let diagnosed = Event::Diagnosed { evidence: appended(evidence, recalled), hypotheses };
        Ok(Step::events(std::iter::once(diagnosed).chain(ending)))
    }

    /// How the incident ends when no cause was found: as nothing wrong only if that could be seen.
    async fn ending(&self, incident: &Incident, diagnosis: &Diagnosis) -> Option<Event> {
        if !diagnosis.hypotheses.is_empty() {
            return None;
        }
        if !diagnosis.healthy {
            let reason = no_cause(diagnosis);
            return Some(escalated(reason));
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

fn no_cause(diagnosis: &Diagnosis) -> String {
    let seen = diagnosis.evidence.len();
    if diagnosis.blind.is_empty() {
        format!("No rule explains what was seen ({seen} pieces of evidence are listed).")
    } else {
        format!("No cause was found, and not everything could be seen: {}.", diagnosis.blind.join("; "))
    }
}
