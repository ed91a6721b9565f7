//! One incident, step by step, until it has to wait.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use super::step::{Step, escalated};
use super::{Workflow, backoff};
use crate::incident::{Event, Incident, Phase};
use crate::store::{Commit, CommitError, Rest};

/// No step may take longer; a collector or an apply has shorter limits of its own.
const STEP_LIMIT: Duration = Duration::from_secs(120);

/// How long an incident rests when its step could not be saved.
const UNSAVED_PAUSE: Duration = Duration::from_secs(10);

impl Workflow {
    /// Drives a claimed incident until it closes, waits, fails, or is lost to another process.
    pub(super) async fn drive(&self, incident: Incident, shutdown: &CancellationToken) {
        let id = incident.id.clone();
        let stop = CancellationToken::new();
        let lost = CancellationToken::new();
        let work = async {
            tokio::select! {
                () = lost.cancelled() => {}
                () = self.advance(incident, shutdown) => {}
            }
            stop.cancel();
        };
        tokio::join!(work, self.heartbeat(&id, stop.clone(), lost.clone()));
    }

    async fn advance(&self, mut incident: Incident, shutdown: &CancellationToken) {
        loop {
            let phase = incident.phase;
            let span = info_span!("step", incident = %incident.id, phase = phase.as_str());
            let began = Instant::now();
            let work = AssertUnwindSafe(self.step(&incident).instrument(span)).catch_unwind();
            let limit = self.limit(phase);
            let step = match tokio::time::timeout(limit, work).await {
                Ok(Ok(Ok(step))) => with_failure(&incident, step),
                Ok(Ok(Err(error))) => failed(&incident, &error),
                Ok(Err(_)) => {
                    failed(&incident, &anyhow::anyhow!("a bug in kubewright; its log has the details"))
                }
                Err(_) => failed(&incident, &anyhow::anyhow!("took longer than {} s", limit.as_secs())),
            };
            super::meter::step(phase, &step, began.elapsed());
            let wake = step.wait.map(|wait| Timestamp::now() + wait);
            match self.save(&incident, step, wake).await {
                Some(saved) if wake.is_none() && due(&saved) && !shutdown.is_cancelled() => incident = saved,
                Some(saved) => return self.let_go(&saved, wake).await,
                None => return self.let_go(&incident, Some(Timestamp::now() + UNSAVED_PAUSE)).await,
            }
        }
    }

    /// How long a step may take: where agents may be asked, as long as they may take beside.
    fn limit(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Diagnose | Phase::Plan => STEP_LIMIT + self.agents.deadline(),
            _ => STEP_LIMIT,
        }
    }

    /// Saves a step's events; `None` when the incident is no longer ours or has moved on.
    async fn save(&self, incident: &Incident, step: Step, wake_at: Option<Timestamp>) -> Option<Incident> {
        if step.events.is_empty() {
            return Some(incident.clone());
        }
        let events = step.events.clone();
        let commit = Commit { wake_at, snapshot: step.snapshot };
        let error = match self.store.commit(&incident.id, &self.owner, step.events, commit).await {
            Ok(saved) => {
                super::meter::events(&events, &saved);
                let events = kinds(&events);
                info!(incident = %saved.id, phase = saved.phase.as_str(), events, "moved on");
                if !saved.is_open() {
                    self.recall.closed(&saved.id);
                }
                return Some(saved);
            }
            Err(error) => error,
        };
        self.unsaved(incident, &error).await
    }

    /// What is left when a step could not be saved: the incident as somebody else has moved it, or nothing.
    async fn unsaved(&self, incident: &Incident, error: &CommitError) -> Option<Incident> {
        if let CommitError::Transition(error) = error {
            info!(incident = %incident.id, %error, "the incident moved on while a step ran; its result is dropped");
            return self.store.incident(&incident.id).await.ok().flatten();
        }
        warn!(incident = %incident.id, %error, "could not save a step; it will be repeated");
        None
    }

    async fn let_go(&self, incident: &Incident, wake_at: Option<Timestamp>) {
        let until = wake_at.or_else(|| incident.wake_at(Timestamp::now()));
        let rest = until.map(|until| Rest { until, seen: incident.updated_at });
        if let Err(error) = self.store.release(&incident.id, &self.owner, rest).await {
            warn!(incident = %incident.id, %error, "could not give the incident back; its lease will run out");
        }
    }
}

/// Whether there is something to do for it right now.
fn due(incident: &Incident) -> bool {
    let now = Timestamp::now();
    incident.wake_at(now).is_some_and(|wake| wake <= now)
}

fn kinds(events: &[Event]) -> String {
    events.iter().map(Event::kind).collect::<Vec<_>>().join(",")
}

/// A step that failed after something was worth saving: the events, then the failure.
fn with_failure(incident: &Incident, mut step: Step) -> Step {
    if let Some(error) = step.then_failed.take() {
        step.events.extend(failed(incident, &error).events);
    }
    step
}

/// A step that could not be done: tried again later, and after a while handed to people.
fn failed(incident: &Incident, error: &anyhow::Error) -> Step {
    let failures = incident.step_failures;
    warn!(incident = %incident.id, phase = incident.phase.as_str(), failures, error = format!("{error:#}"), "step failed");
    let reason = format!("{error:#}");
    if failures + 1 >= backoff::MAX_STEP_FAILURES {
        let tries = failures + 1;
        return Step::events([escalated(format!(
            "The {} step failed {tries} times: {reason}",
            incident.phase
        ))]);
    }
    let delay = backoff::delay(failures, rand::random::<f64>());
    Step::events([Event::StepFailed { phase: incident.phase, reason, retry_at: Timestamp::now() + delay }])
}
