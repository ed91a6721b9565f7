//! Reflecting on an incident that is over.

use tokio_util::sync::CancellationToken;

use super::Groundwork;
use super::scene::Scene;
use super::specialists::Asked;
use crate::agents::Agents;
use crate::agents::answers::Lesson;
use crate::agents::roster::LEARNING;
use crate::agents::run::Records;
use crate::incident::{AgentRun, Incident, Verification};
use crate::observe::Observer;
use crate::store::RunKind;

impl Agents {
    /// Lets the learning agent reflect on how an incident went. `None`: no model is configured.
    ///
    /// # Errors
    /// Why there is no lesson, safe for people.
    pub async fn reflect(
        &self,
        incident: &Incident,
        observer: &Observer,
        cancel: CancellationToken,
    ) -> Option<Result<(Lesson, AgentRun), String>> {
        if !self.has_models() {
            return None;
        }
        let records =
            Records::of_step(self.inner.sources.store.clone(), RunKind::Lesson, incident, None).await;
        let shared = self.shared(incident, &incident.evidence, observer, records, cancel);
        let scene = Scene::new(incident, &Groundwork::of(incident), &shared.session, self.window());
        let question = format!("What is there to learn?\n{}", outcome(incident));
        let values = scene.values(&question, &[], &shared);
        let asked = Asked { agent: LEARNING, question: &question, cycle: 0 };
        let (answer, run) = self.run(asked, &values, &shared, |lesson: &Lesson| lesson.cause.clone()).await;
        Some(match (answer, run) {
            (Ok(lesson), Some(run)) => Ok((scrubbed(lesson, &shared.session), run)),
            (Ok(_), None) => Err("the run was not recorded".to_owned()),
            (Err(error), _) => Err(shared.session.restore(&error.to_string())),
        })
    }
}

/// What is kept is for people and for later incidents.
fn scrubbed(lesson: Lesson, session: &crate::egress::Session) -> Lesson {
    let clean = |text: &String| session.for_people(text);
    Lesson {
        signature: clean(&lesson.signature),
        cause: clean(&lesson.cause),
        worked: lesson.worked.iter().map(clean).collect(),
        failed: lesson.failed.iter().map(clean).collect(),
        advice: clean(&lesson.advice),
        evidence: lesson.evidence,
    }
}

/// What was done and what came of it.
fn outcome(incident: &Incident) -> String {
    let mut lines: Vec<String> = incident
        .executions
        .iter()
        .map(|execution| format!("- {}: {:?}", execution.action, execution.state))
        .collect();
    if let Some(verification) = &incident.verification {
        lines.push(format!("- verification: {}", verified(verification)));
    }
    let ended = incident.outcome.map_or("open", crate::incident::Outcome::as_str);
    lines.push(format!(
        "- outcome: {ended}{}",
        incident.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
    ));
    lines.join("\n")
}

fn verified(verification: &Verification) -> &'static str {
    match verification.passed {
        Some(true) => "passed",
        Some(false) => "failed",
        None => "not finished",
    }
}
