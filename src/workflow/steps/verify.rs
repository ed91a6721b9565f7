//! Verify: look at the Checks until they have held for the whole window, or time is up.

use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use crate::incident::{Event, Incident, Outcome, Verification};
use crate::remediate::verify;
use crate::workflow::Workflow;
use crate::workflow::step::{Step, closed};

impl Workflow {
    pub(super) async fn verify(&self, incident: &Incident) -> anyhow::Result<Step> {
        let plan = incident.plan.as_ref().context("there is no plan to verify")?;
        let observer = &self.clusters.named(&incident.cluster)?.observer;
        let settings = &self.settings.verify;
        let previous = incident.verification.as_ref();
        let seen = verify::look(
            &observer.client(),
            observer.prometheus(),
            plan,
            &incident.signals,
            previous,
            settings,
            Timestamp::now(),
        )
        .await;
        if is_out_of_sight(&seen, settings.deadline) {
            return Ok(Step::escalate(format!(
                "The repair was made and is still in place, but for {} s it could not be told whether it helped: {}",
                settings.deadline.as_secs(),
                unread(&seen)
            )));
        }
        let is_news = previous.is_none_or(|before| is_different(before, &seen));
        let passed = seen.passed;
        let looked = is_news.then_some(Event::VerificationLooked { verification: seen });
        let ending = (passed == Some(true)).then(|| {
            closed(
                Outcome::Repaired,
                "The repair was made and every check held for the whole stability window.",
            )
        });
        let wait = passed.is_none().then_some(settings.poll_interval);
        Ok(Step { wait, ..Step::events(looked.into_iter().chain(ending)) })
    }
}

/// Whether the deadline has passed with nothing that fails and nothing that holds: it cannot be seen.
fn is_out_of_sight(seen: &Verification, deadline: Duration) -> bool {
    let watched = seen.looked_at.duration_since(seen.started_at);
    seen.passed.is_none()
        && seen.stable_since.is_none()
        && SignedDuration::try_from(deadline).is_ok_and(|deadline| watched >= deadline)
}

fn unread(seen: &Verification) -> String {
    let unread = seen.results.iter().filter(|result| result.passed.is_none());
    unread.map(|result| format!("{}: {}", result.check, result.detail)).collect::<Vec<_>>().join("; ")
}

/// Whether people should see this look: something other than the clock changed.
fn is_different(before: &Verification, now: &Verification) -> bool {
    let baseline_free = |verification: &Verification| {
        verification.results.iter().map(|result| (result.passed, result.baseline)).collect::<Vec<_>>()
    };
    now.passed.is_some()
        || now.stable_since != before.stable_since
        || baseline_free(now) != baseline_free(before)
}
