//! The loop of one run: ask the model, call its tools, give it the results, until it answers.
//!
//! Owns turns, budgets, the conversation and its room, and how a malformed answer is mended. Which model answers, with
//! retries and fall-back, is `model`'s business; what tools do is theirs. Everything that the model reads from the world
//! is scrubbed and fenced here; everything that people read of it is scrubbed too.

mod history;
mod shared;
mod speaker;
mod spoken;
mod tool_calls;
mod typed;

use std::collections::BTreeMap;
use std::time::Duration;

use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolChoice, ToolName};
use tokio::time::Instant;

use super::budget::Exceeded;
use super::model::{Answer, Ask, Chain, ModelError, Spent};
use super::progress::RunEvent;
use super::roster::Agent;
use super::tools::{Definition, Tools};
use crate::incident::AgentRun;
use history::History;
pub(crate) use shared::Shared;
use speaker::Speaker;
use spoken::Spoken;

/// How long a watcher may keep a run waiting for one event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is asked for, tokens, whatever a client wants.
const LONGEST_ANSWER: u64 = 32_768;

/// What an answer is expected to have where nobody says, tokens.
const USUAL_ANSWER: u64 = 2_048;

/// Tools that bring nothing to cite.
const DRAFTING: [&str; 2] = ["list_actions", "propose_plan"];

/// Why a run brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// A limit of the whole or of this agent.
    #[error("{0}")]
    Budget(String),
    /// The turns are used up without an answer.
    #[error("{0} turns brought no answer")]
    Turns(u32),
    /// What the model returned cannot be used, also after it was told.
    #[error("the answer could not be used: {0}")]
    Malformed(String),
    /// There is no such agent or model.
    #[error("{0}")]
    Model(String),
    /// No model answered.
    #[error("no model has answered: {0}")]
    Unanswered(String),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl From<Exceeded> for RunError {
    fn from(exceeded: Exceeded) -> Self {
        Self::Budget(exceeded.to_string())
    }
}

/// One agent at work.
pub(crate) struct Run<'a> {
    agent: &'a Agent,
    chain: Chain,
    /// Those that the agent may call.
    tools: Tools,
    shared: &'a Shared,
    history: History,
    /// What people were shown of the answer, all turns together.
    said: String,
    pub(crate) record: Record,
}

/// What a run has used so far.
pub(crate) struct Record {
    started: Instant,
    turns: u32,
    spent: Spent,
    models: Vec<String>,
    tools: BTreeMap<String, u32>,
}

impl Record {
    fn begin() -> Self {
        Self {
            started: Instant::now(),
            turns: 0,
            spent: Spent::default(),
            models: Vec::new(),
            tools: BTreeMap::new(),
        }
    }

    fn book(&mut self, answer: &Answer) {
        self.turns += 1;
        self.spent += answer.spent;
        if !self.models.contains(&answer.model) {
            self.models.push(answer.model.clone());
        }
    }

    /// As it is kept with the incident.
    pub(crate) fn finish(&self, agent: &Agent, prompt: &str, question: &str, outcome: String) -> AgentRun {
        AgentRun {
            agent: agent.name.clone(),
            question: question.to_owned(),
            models: self.models.clone(),
            prompt: prompt.to_owned(),
            turns: self.turns,
            tools: self.tools.clone(),
            input_tokens: self.spent.input_tokens,
            output_tokens: self.spent.output_tokens,
            cost: self.spent.cost,
            took_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome,
        }
    }

    /// Whether a tool was called that reads something.
    pub(crate) fn has_looked(&self) -> bool {
        self.tools.keys().any(|tool| !DRAFTING.contains(&tool.as_str()))
    }

    /// What was used.
    pub(crate) fn spent(&self) -> Spent {
        self.spent
    }

    /// The model that answered last.
    pub(crate) fn model(&self) -> Option<&str> {
        self.models.last().map(String::as_str)
    }
}

/// How one call of the model is made.
pub(crate) struct Turn {
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) choice: ToolChoice,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) stop: Vec<String>,
    /// Whether pieces of the answer are shown while it is made.
    pub(crate) aloud: bool,
}

impl<'a> Run<'a> {
    /// An agent with its conversation. Every message has been through the session already.
    pub(crate) fn new(agent: &'a Agent, chain: Chain, shared: &'a Shared, messages: Vec<Message>) -> Self {
        let history = History::new(messages, chain.context_tokens());
        let tools = shared.tools.subset(&agent.tools);
        Self { agent, chain, tools, shared, history, said: String::new(), record: Record::begin() }
    }

    /// The same without tools.
    pub(crate) fn without_tools(mut self) -> Self {
        self.tools = self.tools.subset::<&str>(&[]);
        self
    }

    /// The tools that this agent may call.
    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools.definitions().into_iter().filter_map(definition).collect()
    }

    /// Whether this is the last turn that the limits leave: then the model has to answer with what it has.
    pub(crate) fn is_last(&self) -> bool {
        let used = self.record.spent.input_tokens + self.record.spent.output_tokens;
        let next = self.history.tokens();
        self.record.turns + 1 >= self.agent.max_turns || used + 2 * next >= self.agent.max_tokens
    }

    /// One call of the model. Its answer is part of the conversation afterwards.
    pub(crate) async fn turn(&mut self, turn: Turn) -> Result<Answer, RunError> {
        self.check()?;
        self.history.make_room();
        let max_tokens = turn.max_tokens.map(|most| most.min(LONGEST_ANSWER));
        let mut speaker = Speaker::new(self.shared, &turn, !self.said.is_empty());
        let ask = Ask {
            messages: self.history.messages(),
            tools: turn.tools,
            tool_choice: Some(turn.choice),
            schema: None,
            max_tokens,
            temperature: turn.temperature.or(Some(self.agent.temperature)),
            stop: turn.stop,
        };
        let expected = ask.estimated_tokens() + max_tokens.unwrap_or(USUAL_ANSWER);
        let _room = self.shared.budget.admit(expected)?;
        let mut spent = Spent::default();
        let answer = self.ask(&ask, &mut speaker, &mut spent).await;
        // Also what brought no answer was used.
        self.shared.budget.book(spent);
        let spoken = answer.as_ref().ok().and_then(|answer| self.spoken(&ask, answer));
        self.said.push_str(&speaker.finish(spoken.is_some()).await);
        let mut answer = answer.inspect_err(|_| self.record.spent += spent)?;
        if let Some(spoken) = spoken {
            answer = Answer { calls: spoken.calls, message: spoken.message, text: String::new(), ..answer };
        }
        self.record.book(&answer);
        self.history.push(answer.message.clone());
        Ok(answer)
    }

    /// The calls that an answer writes as text.
    fn spoken(&self, ask: &Ask, answer: &Answer) -> Option<Spoken> {
        let offered: Vec<&str> = ask.tools.iter().map(|tool| &*tool.name).collect();
        let silent = answer.calls.is_empty();
        silent.then(|| spoken::calls(&answer.text, &offered, self.record.turns)).flatten()
    }

    /// Whose run it is.
    pub(crate) fn agent(&self) -> &'a Agent {
        self.agent
    }

    /// What people were shown of the answer.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Adds a paragraph of our own to what was said.
    pub(crate) async fn add(&mut self, paragraph: &str) {
        let text = if self.said.is_empty() { paragraph.to_owned() } else { format!("\n\n{paragraph}") };
        self.said.push_str(&text);
        self.shared.progress.say(RunEvent::Text { text }, PATIENCE).await;
    }

    fn check(&self) -> Result<(), RunError> {
        let spent = self.record.spent;
        if self.shared.cancel.is_cancelled() || self.shared.progress.is_abandoned() {
            return Err(RunError::Cancelled);
        }
        if self.record.turns >= self.agent.max_turns {
            return Err(RunError::Turns(self.agent.max_turns));
        }
        if spent.input_tokens + spent.output_tokens >= self.agent.max_tokens {
            return Err(RunError::Budget(format!(
                "the {} agent has used its {} tokens",
                self.agent.name, self.agent.max_tokens
            )));
        }
        if spent.cost >= self.agent.max_cost {
            return Err(RunError::Budget(format!(
                "the {} agent has used its {:.2} US dollars",
                self.agent.name, self.agent.max_cost
            )));
        }
        Ok(())
    }

    async fn ask(&self, ask: &Ask, speaker: &mut Speaker<'_>, spent: &mut Spent) -> Result<Answer, RunError> {
        let (send, mut pieces) = tokio::sync::mpsc::unbounded_channel::<String>();
        let mut on_text = move |piece: &str| {
            if send.send(piece.to_owned()).is_err() {
                tracing::debug!("nobody takes the pieces of this answer");
            }
        };
        let shared = self.shared;
        let deadline = shared.budget.deadline;
        let asking = self.chain.ask_counting(ask, &mut on_text, &shared.cancel, deadline, spent);
        let mut asking = std::pin::pin!(asking);
        let answer = loop {
            tokio::select! {
                biased;
                Some(piece) = pieces.recv() => speaker.say(&piece).await,
                answer = &mut asking => break answer,
            }
        };
        while let Ok(piece) = pieces.try_recv() {
            speaker.say(&piece).await;
        }
        answer.map_err(|error| match error {
            ModelError::Cancelled => RunError::Cancelled,
            ModelError::Exhausted(why) => RunError::Unanswered(why),
            other => RunError::Unanswered(other.to_string()),
        })
    }
}

/// A tool as the model is told of it; none where its name cannot be one.
fn definition(tool: Definition) -> Option<ToolDefinition> {
    let name = ToolName::new(tool.name).ok()?;
    Some(ToolDefinition::new(name, tool.description, tool.parameters))
}
