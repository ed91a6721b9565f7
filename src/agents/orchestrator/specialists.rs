//! Dispatching specialists: side by side, each with its question and its own limits, all within the budget of the whole.

use std::collections::BTreeMap;

use futures::StreamExt;
use rig_core::message::Message;
use serde::de::DeserializeOwned;

use super::Case;
use crate::agents::Agents;
use crate::agents::answers::{Assignment, Report, Suspicion};
use crate::agents::ledger;
use crate::agents::progress::RunEvent;
use crate::agents::roster::ORCHESTRATOR;
use crate::agents::run::{PATIENCE, Run, RunError, Shared};
use crate::incident::AgentRun;

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
        let (agents, shared) = (self.agents, &self.shared);
        let asked = assignments.into_iter().map(|assignment| {
            let values = self.scene.values(&assignment.question, &self.reports, shared);
            async move {
                let Assignment { specialist, question } = assignment;
                let summary = |report: &Report| report.summary.clone();
                let (report, run) = agents.run(&specialist, &question, &values, shared, summary).await;
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
        let (answer, run) = self.agents.run(name, question, values, &self.shared, summary).await;
        self.runs.extend(run);
        answer
    }
}

impl Agents {
    /// Lets one agent answer a question by its type.
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        name: &str,
        question: &str,
        values: &BTreeMap<&'static str, String>,
        shared: &Shared,
        summary: impl Fn(&T) -> String,
    ) -> (Result<T, RunError>, Option<AgentRun>) {
        let Some(agent) = self.inner.roster.agent(name) else {
            return (Err(RunError::Model(format!("there is no agent {name}"))), None);
        };
        let Some(chain) = self.inner.models.chain(&agent.models) else {
            return (Err(RunError::Model("no model is configured".to_owned())), None);
        };
        let people = |text: &str| shared.session.for_people(text);
        let started = RunEvent::AgentStarted { agent: name.to_owned(), question: people(question) };
        shared.progress.say(started, PATIENCE).await;
        let task = agent.prompt.fill(values);
        let mut run = Run::new(agent, chain, shared, vec![Message::user(task)]);
        if name == ORCHESTRATOR {
            // Its tools are for chat; an investigation is planned from what is known.
            run = run.without_tools();
        }
        let answer = Box::pin(run.typed::<T>()).await;
        let outcome = match &answer {
            Ok(answer) => people(&summary(answer)),
            Err(error) => people(&error.to_string()),
        };
        let spent = run.record.spent();
        let finished = RunEvent::AgentFinished {
            agent: name.to_owned(),
            summary: outcome.clone(),
            tokens: spent.input_tokens + spent.output_tokens,
            cost: spent.cost,
        };
        shared.progress.say(finished, PATIENCE).await;
        let record = run.record.finish(agent, &agent.prompt.hash, &people(question), outcome);
        (answer, Some(record))
    }
}
