//! Verify: look at the Checks until they have held for the whole window, or time is up.

use anyhow::Context;
use jiff::Timestamp;

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

    /// The first alert whose own expression still returns something for it, where that can be asked.
    pub(super) async fn still_firing(&self, incident: &Incident) -> Option<String> {
        let observer = &self.clusters.named(&incident.cluster).ok()?.observer;
        verify::still_firing(observer.prometheus()?, &incident.signals).await
    }
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
