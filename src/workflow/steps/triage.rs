//! Triage: read the world around the alerts.

use anyhow::bail;

use crate::incident::{Event, Incident, Scope, SignalState};
use crate::observe::Snapshot;
use crate::workflow::Workflow;
use crate::workflow::step::Step;

/// How often an empty view is tried again before the incident goes on with nothing but gaps.
const BLIND_RETRIES: u32 = 2;

impl Workflow {
    pub(super) async fn triage(&self, incident: &Incident) -> anyhow::Result<Step> {
        let cluster = match self.clusters.named(&incident.cluster) {
            Ok(cluster) => cluster,
            Err(unknown) => return Ok(Step::escalate(unknown.to_string())),
        };
        let snapshot = cluster.observer.snapshot(&scope(incident), &incident.signals).await;
        if is_blind(&snapshot) && incident.step_failures < BLIND_RETRIES {
            let why: Vec<&str> = snapshot.gaps.iter().map(|gap| gap.reason.as_str()).take(1).collect();
            bail!("nothing of cluster {} could be read: {}", incident.cluster, why.concat());
        }
        let observed = Event::Observed {
            objects: snapshot.objects.count(),
            logs: snapshot.logs.len(),
            readings: snapshot.readings.len(),
            gaps: snapshot.gaps.clone(),
        };
        Ok(Step { snapshot: Some(snapshot), ..Step::events([observed]) })
    }
}

/// Where to look: what the first alert that still fires says, else the first one.
fn scope(incident: &Incident) -> Scope {
    let firing = incident.signals.iter().find(|signal| signal.state == SignalState::Firing);
    firing.or(incident.signals.first()).map(|signal| signal.scope.clone()).unwrap_or_default()
}

fn is_blind(snapshot: &Snapshot) -> bool {
    !snapshot.gaps.is_empty() && snapshot.objects.count() == 0
}
