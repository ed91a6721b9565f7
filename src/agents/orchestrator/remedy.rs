//! A repair where no playbook has one: proposed by the remediation agent, then treated like every other draft.

use tokio_util::sync::CancellationToken;

use super::scene::Scene;
use super::specialists::Asked;
use super::{Groundwork, end_by, words};
use crate::agents::Agents;
use crate::agents::answers::Remedy;
use crate::agents::progress::RunEvent;
use crate::agents::roster::REMEDIATION;
use crate::agents::run::{PATIENCE, Records};
use crate::incident::{Incident, Investigation, InvestigationEnd};
use crate::observe::Observer;
use crate::remediate::Draft;
use crate::store::RunKind;

/// What the remediation agent brought.
#[derive(Debug)]
pub struct Remedied {
    /// A repair of catalog Actions.
    pub draft: Option<Draft>,
    /// What was done, with the recommendation to people.
    pub investigation: Investigation,
}

impl Agents {
    /// Asks for a repair of an incident whose cause has no playbook. `None`: no model is configured, or there is no cause
    /// to repair.
    pub async fn propose(
        &self,
        incident: &Incident,
        observer: &Observer,
        why_no_playbook: &str,
        cancel: CancellationToken,
    ) -> Option<Remedied> {
        if !self.has_models() || incident.hypotheses.is_empty() {
            return None;
        }
        let records =
            Records::of_step(self.inner.sources.store.clone(), RunKind::Remediation, incident, None).await;
        let shared = self.shared(incident, &incident.evidence, observer, records, cancel);
        let scene = Scene::new(incident, &Groundwork::of(incident), &shared.session, self.window());
        let question = format!("Propose a repair. No playbook has one: {why_no_playbook}");
        let values = scene.values(&question, &[], &shared);
        let summary = |remedy: &Remedy| remedy.recommendation.clone();
        let asked = Asked { agent: REMEDIATION, question: &question, cycle: 0 };
        let (answer, run) = self.run(asked, &values, &shared, summary).await;
        let draft = shared.context.proposals.all().pop().map(|proposed| proposed.draft);
        if let Some(draft) = &draft {
            let proposed = RunEvent::PlanProposed {
                incident: incident.id.clone(),
                actions: draft.actions.iter().map(ToString::to_string).collect(),
                rationale: shared.session.for_people(&draft.rationale),
            };
            shared.progress.say(proposed, PATIENCE).await;
        }
        let people = |text: &str| shared.session.for_people(text);
        let stands_by_it = answer.as_ref().is_ok_and(|remedy| remedy.proposed);
        let (end, reason, recommendation) = match answer {
            Ok(remedy) => {
                let said = people(&remedy.recommendation);
                let reason = if draft.is_some() && stands_by_it {
                    "A repair was proposed."
                } else {
                    "No Action of the catalog fits."
                };
                (InvestigationEnd::Concluded, reason.to_owned(), Some(said))
            }
            Err(error) => (end_by(&error), people(&error.to_string()), None),
        };
        // A plan that was accepted and then not submitted is no plan: the agent did not stand by it.
        let draft = draft.filter(|_| stands_by_it);
        let investigation = Investigation {
            end,
            reason,
            cycles: 1,
            runs: run.into_iter().collect(),
            dropped: Vec::new(),
            recommendation,
            flags: words::flags(&shared.session),
        };
        Some(Remedied { draft, investigation })
    }
}
