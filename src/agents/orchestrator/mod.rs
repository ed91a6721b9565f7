//! The orchestrator: decides whether a model is needed, whom to ask what, and what comes of it.
//!
//! Owns the phases of an investigation: assess the deterministic answer, plan, dispatch specialists, judge, decide what is
//! next; bounded in cycles, tokens, money and time. Whatever goes wrong with models, the deterministic result stands and
//! says so.

mod assess;
mod judge;
mod lesson;
mod remedy;
mod scene;
mod specialists;
pub(super) mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Agents;
use super::answers::{Assignment, Dispatch, Next};
use super::roster::{JUDGE, LEARNING, ORCHESTRATOR, REMEDIATION, SPECIALISTS};
use super::run::{Records, RunError, Shared, Watch};
use super::tools::Access;
use crate::incident::{AgentRun, Evidence, Gap, Hypothesis, Incident, Investigation, InvestigationEnd};
use crate::observe::Observer;
use crate::store::RunKind;

use judge::Judged;
pub use remedy::Remedied;
use scene::Scene;
use specialists::Reported;

/// What the deterministic pass has brought, for the agents to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groundwork {
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// Possible causes, best first.
    pub hypotheses: Vec<Hypothesis>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Whether everything that was read is healthy and nothing that matters was out of sight.
    pub healthy: bool,
}

impl Groundwork {
    /// What the last look at an incident has left.
    fn of(incident: &Incident) -> Self {
        Self {
            evidence: incident.evidence.clone(),
            hypotheses: incident.hypotheses.clone(),
            gaps: incident.gaps.clone(),
            healthy: false,
        }
    }
}

/// What an investigation has brought.
#[derive(Debug, Clone)]
pub struct Investigated {
    /// All Evidence: what was there, and what agents cite beyond it.
    pub evidence: Vec<Evidence>,
    /// Possible causes, best first.
    pub hypotheses: Vec<Hypothesis>,
    /// What was done, for the record.
    pub investigation: Investigation,
}

/// What goes on in one investigation.
struct Case<'a> {
    agents: &'a Agents,
    shared: Shared,
    scene: Scene,
    runs: Vec<AgentRun>,
    reports: Vec<Reported>,
    cycles: u32,
}

impl Agents {
    /// Investigates an incident beyond what the rules found. Never fails: what cannot be had of the models is left out,
    /// and the record says so. `None`: no model is configured.
    pub async fn investigate(
        &self,
        incident: &Incident,
        groundwork: Groundwork,
        observer: &Observer,
        cancel: CancellationToken,
    ) -> Option<Investigated> {
        if !self.has_models() {
            return None;
        }
        if let Some(reason) = assess::good_enough(&groundwork, &self.inner.settings.assess) {
            return Some(stands(groundwork, InvestigationEnd::Skipped, reason));
        }
        let (records, groundwork) = self.going_on(incident, groundwork).await;
        let shared = self.shared(incident, &groundwork.evidence, observer, records, cancel);
        let scene = Scene::new(incident, &groundwork, &shared.session, self.window());
        let case = Case { agents: self, shared, scene, runs: Vec::new(), reports: Vec::new(), cycles: 0 };
        Some(Box::pin(case.investigate(groundwork)).await)
    }

    /// The same without secrets: what quotes the world is kept with the incident, and shown to whoever may read it.
    #[must_use]
    pub fn fit_to_keep(&self, groundwork: Groundwork) -> Groundwork {
        let session = self.inner.egress.session();
        let evidence = groundwork.evidence.into_iter().map(|seen| words::to_keep(seen, &session)).collect();
        let hypotheses = groundwork.hypotheses.into_iter().map(|hypothesis| Hypothesis {
            statement: session.for_people(&hypothesis.statement),
            ..hypothesis
        });
        Groundwork { evidence, hypotheses: hypotheses.collect(), ..groundwork }
    }

    /// What the smallest model of those who work on incidents can read, tokens.
    fn window(&self) -> u64 {
        let specialists = SPECIALISTS.iter().map(|(name, _)| *name);
        let agents = specialists.chain([ORCHESTRATOR, JUDGE, REMEDIATION, LEARNING]);
        let chains = agents.filter_map(|name| {
            let agent = self.inner.roster.agent(name)?;
            self.inner.models.chain(&agent.models)
        });
        chains.map(|chain| chain.context_tokens()).min().unwrap_or_default()
    }

    /// Where the investigation is kept, and what it begins with: what an earlier process had begun it with, because its
    /// Evidence is cited by number.
    async fn going_on(&self, incident: &Incident, groundwork: Groundwork) -> (Records, Groundwork) {
        let ground = serde_json::to_value(&groundwork).ok();
        let store = self.inner.sources.store.clone();
        let records = Records::of_step(store, RunKind::Investigation, incident, ground.clone()).await;
        let Some(before) = records.ground() else { return (records, groundwork) };
        match serde_json::from_value(before) {
            Ok(before) => (records, before),
            Err(error) => {
                tracing::warn!(%error, incident = %incident.id, "an investigation cannot go on and begins anew");
                records.begin_anew(ground);
                (records, groundwork)
            }
        }
    }

    fn shared(
        &self,
        incident: &Incident,
        evidence: &[Evidence],
        observer: &Observer,
        records: Records,
        cancel: CancellationToken,
    ) -> Shared {
        let about = Some(Arc::new(incident.clone()));
        let watch = Watch { progress: self.live(&incident.id), cancel };
        self.share(observer, Access::Everything, about, evidence, watch, records)
    }
}

impl Case<'_> {
    async fn investigate(mut self, groundwork: Groundwork) -> Investigated {
        let mut assignments = match self.plan().await {
            Ok(assignments) => assignments,
            Err(error) => return self.fall_back(groundwork, &error),
        };
        let mut last: Option<Judged> = None;
        loop {
            self.cycles += 1;
            self.dispatch(assignments).await;
            let judged = match (self.judge().await, last.take()) {
                (Ok(judged), _) => judged,
                // What was judged before the limit or the outage stands.
                (Err(error), Some(last)) => return self.conclude(groundwork, last, end_by(&error)),
                (Err(error), None) => return self.fall_back(groundwork, &error),
            };
            let again =
                matches!(judged.next, Next::DigDeeper | Next::Reflect) && !judged.assignments.is_empty();
            if !again || self.cycles >= self.agents.inner.settings.limits.cycles {
                let end = match judged.next {
                    Next::Escalate => InvestigationEnd::Escalated,
                    _ if again => InvestigationEnd::BudgetSpent,
                    _ => InvestigationEnd::Concluded,
                };
                return self.conclude(groundwork, judged, end);
            }
            assignments = judged.assignments.clone();
            last = Some(judged);
        }
    }

    /// Whom to ask what.
    async fn plan(&mut self) -> Result<Vec<Assignment>, RunError> {
        let question = "Plan the investigation.";
        let values = self.scene.values(question, &self.reports, &self.shared);
        let planned =
            self.run::<Dispatch>(ORCHESTRATOR, question, &values, |dispatch| dispatch.reason.clone());
        let planned = planned.await?;
        let assignments = known(planned.assignments);
        if assignments.is_empty() {
            // Nobody was named; the one who finds causes is never wrong to ask.
            let question =
                "What failed first, and why? Confirm or refute the hypotheses of the rules.".to_owned();
            return Ok(vec![Assignment { specialist: "diagnostic".to_owned(), question }]);
        }
        Ok(assignments)
    }

    /// The models brought nothing of use; what the rules found stands, with what was used for the record.
    fn fall_back(self, groundwork: Groundwork, error: &RunError) -> Investigated {
        let end = end_by(error);
        let reason =
            format!("The result of the rules stands: {}", self.shared.session.restore(&error.to_string()));
        let mut investigated = stands(groundwork, end, reason);
        investigated.investigation.flags = words::flags(&self.shared.session);
        investigated.investigation.runs = self.runs;
        investigated.investigation.cycles = self.cycles;
        investigated
    }
}

/// How an investigation ends that a run's failure has cut off.
fn end_by(error: &RunError) -> InvestigationEnd {
    match error {
        RunError::Budget(_) | RunError::Quota(_) => InvestigationEnd::BudgetSpent,
        _ => InvestigationEnd::FellBack,
    }
}

/// Specialists that there are, each once.
fn known(assignments: Vec<Assignment>) -> Vec<Assignment> {
    let mut seen = Vec::<String>::new();
    let mut known = Vec::new();
    for assignment in assignments {
        let exists = SPECIALISTS.iter().any(|(name, _)| *name == assignment.specialist);
        if exists && !seen.contains(&assignment.specialist) {
            seen.push(assignment.specialist.clone());
            known.push(assignment);
        }
    }
    known
}

/// The deterministic result as it is.
fn stands(groundwork: Groundwork, end: InvestigationEnd, reason: String) -> Investigated {
    let investigation = Investigation {
        end,
        reason,
        cycles: 0,
        runs: Vec::new(),
        dropped: Vec::new(),
        recommendation: None,
        flags: Vec::new(),
    };
    Investigated { evidence: groundwork.evidence, hypotheses: groundwork.hypotheses, investigation }
}
