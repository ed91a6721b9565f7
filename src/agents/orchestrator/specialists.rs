//! Dispatching specialists: side by side, each with its question and its own limits, all within the budget of the whole.

use std::collections::BTreeMap;

use futures::StreamExt;
use rig_core::message::Message;
use serde::de::DeserializeOwned;

use super::Case;
use crate::agents::Agents;
use crate::agents::answers::{Assignment, Report, Suspicion};
use crate::agents::ledger;
use crate::agents::model::Chain;
use crate::agents::progress::RunEvent;
use crate::agents::roster::{Agent, ORCHESTRATOR};
use crate::agents::run::{Keeping, PATIENCE, Run, RunError, Shared, Task, state_of};
use crate::incident::AgentRun;
use crate::store::RunId;

/// What a specialist has said.
pub(super) struct Reported {
    specialist: String,
    question: String,
    pub(super) report: Result<Report, String>,
}

impl Reported {
    /// For the judge. What models write is as untrusted as what they have read.
    pub(super) fn words(&self, shared: &Shared) -> String {
        let session = &shared.session;
        let said = match &self.report {
            Ok(report) => said(report, shared),
            Err(why) => format!("No report: {why}"),
        };
        let heading = format!("## {} (asked: {})", self.specialist, session.trusted(&self.question));
        format!("{heading}\n{}", session.untrusted(&self.specialist, &said))
    }
}

fn said(report: &Report, shared: &Shared) -> String {
    let mut lines = vec![report.summary.clone()];
    lines.extend(report.hypotheses.iter().map(|suspicion| suspected(suspicion, shared)));
    lines.extend(report.unseen.iter().map(|unseen| format!("Could not see: {unseen}")));
    lines.join("\n")
}

/// A hypothesis with what it cites written out: the judge has no tools to look it up.
fn suspected(suspicion: &Suspicion, shared: &Shared) -> String {
    let object = &suspicion.object;
    let mut lines = vec![format!(
        "- {} {} {}/{} (confidence {:.2}): {}",
        suspicion.code, object.kind, object.namespace, object.name, suspicion.confidence, suspicion.statement
    )];
    for (side, cited) in [("for", &suspicion.evidence_for), ("against", &suspicion.evidence_against)] {
        let known = cited.iter().filter_map(|text| shared.ledger.get(ledger::number(text)?));
        lines.extend(known.map(|evidence| {
            format!("    {side} [{}] {}: {}", evidence.id, evidence.object, evidence.statement)
        }));
    }
    lines.join("\n")
}

impl Case<'_> {
    /// Asks the specialists, at most a few at the same time.
    pub(super) async fn dispatch(&mut self, assignments: Vec<Assignment>) {
        let (agents, shared, cycle) = (self.agents, &self.shared, self.cycles);
        let asked = assignments.into_iter().map(|assignment| {
            let values = self.scene.values(&assignment.question, &self.reports, shared);
            async move {
                let Assignment { specialist, question } = assignment;
                let summary = |report: &Report| report.summary.clone();
                let asked = Asked { agent: &specialist, question: &question, cycle };
                let (report, run) = agents.run(asked, &values, shared, summary).await;
                let report = report.map_err(|error| error.to_string());
                (Reported { specialist, question, report }, run)
            }
        });
        let parallel = agents.inner.settings.limits.parallel;
        // Boxed one by one: each holds a whole run.
        let asked: Vec<_> = asked.map(Box::pin).collect();
        let answered: Vec<(Reported, Option<AgentRun>)> =
            futures::stream::iter(asked).buffered(parallel).collect().await;
        for (reported, run) in answered {
            self.reports.push(reported);
            self.runs.extend(run);
        }
    }

    /// One agent's typed answer, with its run on record.
    pub(super) async fn run<T: DeserializeOwned>(
        &mut self,
        name: &str,
        question: &str,
        values: &BTreeMap<&'static str, String>,
        summary: impl Fn(&T) -> String,
    ) -> Result<T, RunError> {
        let asked = Asked { agent: name, question, cycle: self.cycles };
        let (answer, run) = self.agents.run(asked, values, &self.shared, summary).await;
        self.runs.extend(run);
        answer
    }
}

/// What one agent is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Its name.
    pub(super) agent: &'a str,
    pub(super) question: &'a str,
    /// In which dispatch of specialists, from 1; 0 before the first.
    pub(super) cycle: u32,
}

impl Agents {
    /// Lets one agent answer a question by its type. What it had answered before a crash is not asked again, and what it
    /// was in the middle of goes on.
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        asked: Asked<'_>,
        values: &BTreeMap<&'static str, String>,
        shared: &Shared,
        summary: impl Fn(&T) -> String,
    ) -> (Result<T, RunError>, Option<AgentRun>) {
        let Asked { agent: name, question, cycle } = asked;
        let Some(agent) = self.inner.roster.agent(name) else {
            return (Err(RunError::Model(format!("there is no agent {name}"))), None);
        };
        let Some(chain) = self.inner.models.chain(&agent.models) else {
            return (Err(RunError::Model("no model is configured".to_owned())), None);
        };
        let asked = shared.session.for_people(question);
        let started = RunEvent::AgentStarted { agent: name.to_owned(), question: asked.clone() };
        shared.progress.say(started, PATIENCE).await;
        let task = Task { agent: name, prompt: &agent.prompt.hash, question, cycle };
        let earlier = shared.records.take(&task);
        if let Some(earlier) = &earlier {
            earlier.draft_again(agent, shared).await;
        }
        let known = earlier.as_ref().and_then(|earlier| Some((earlier, earlier.answer::<T>()?)));
        let (answer, run) = if let Some((earlier, answer)) = known {
            let outcome = shared.session.for_people(&summary(&answer));
            (Ok(answer), earlier.agent_run(asked, outcome))
        } else {
            let again = earlier.and_then(|earlier| Run::again(agent, chain.clone(), shared, earlier));
            let run = again.unwrap_or_else(|| begun(agent, chain, shared, &task, values));
            Box::pin(work(run, agent, asked, shared, summary)).await
        };
        if name == ORCHESTRATOR {
            // It is what asked for those after it.
            shared.records.lead(run.id.as_deref().map(RunId::from_text));
        }
        let finished = RunEvent::AgentFinished {
            agent: name.to_owned(),
            summary: run.outcome.clone(),
            tokens: run.input_tokens + run.output_tokens,
            cost: run.cost,
        };
        shared.progress.say(finished, PATIENCE).await;
        (answer, Some(run))
    }
}

/// Lets a run work until it has its answer, or has failed.
async fn work<T: DeserializeOwned>(
    run: Run<'_>,
    agent: &Agent,
    question: String,
    shared: &Shared,
    summary: impl Fn(&T) -> String,
) -> (Result<T, RunError>, AgentRun) {
    // The orchestrator's tools are for chat; an investigation is planned from what is known.
    let mut run = if agent.name == ORCHESTRATOR { run.without_tools() } else { run };
    let answer = Box::pin(run.typed::<T>()).await;
    let outcome = answer.as_ref().map_or_else(ToString::to_string, summary);
    run.finish(state_of(&answer), &outcome).await;
    let outcome = shared.session.for_people(&outcome);
    let record = run.record.finish(agent, &agent.prompt.hash, &question, outcome);
    (answer, AgentRun { id: run.keeping.id().map(|id| id.to_string()), ..record })
}

/// A run that begins with its prompt.
fn begun<'a>(
    agent: &'a Agent,
    chain: Chain,
    shared: &'a Shared,
    task: &Task<'_>,
    values: &BTreeMap<&'static str, String>,
) -> Run<'a> {
    let first = Message::user(agent.prompt.fill(values));
    let keeping = Keeping::begin(&shared.records, task, &shared.session, &[&first]);
    Run::new(agent, chain, shared, vec![first], keeping)
}
