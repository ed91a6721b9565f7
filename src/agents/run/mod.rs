//! The loop of one run: ask the model, call its tools, give it the results, until it answers.
//!
//! Owns turns, budgets, the conversation and its room, and how a malformed answer is mended. Which model answers, with
//! retries and fall-back, is `model`'s business; what tools do is theirs. Everything that the model reads from the world
//! is scrubbed and fenced here; everything that people read of it is scrubbed too.

mod again;
mod digest;
mod history;
mod kept;
mod markup;
mod records;
mod redacted;
mod repeated;
mod room;
mod shape;
mod shared;
mod speaker;
mod spoken;
mod summary;
mod tool_calls;
mod typed;

use std::collections::BTreeMap;
use std::time::Duration;

use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolChoice, ToolName};
use tokio::time::Instant;

use super::budget::{Budget, Exceeded};
use super::model::{Answer, Ask, Chain, ModelError, Spent};
use super::progress::RunEvent;
use super::roster::Agent;
use super::tools::{Definition, EARLIER_RESULT, Tools};
use crate::incident::AgentRun;
use crate::store::{MessageDetail, RunState};
use again::Said;
use history::History;
pub(crate) use kept::{Keeping, state_of};
pub(crate) use records::{Records, Task};
use repeated::Repeated;
pub(crate) use shared::{Shared, Watch};
use speaker::Speaker;
use spoken::Spoken;
pub(crate) use summary::Summariser;

/// How long a watcher may keep a run waiting for one event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is asked for, tokens, whatever a client wants.
const LONGEST_ANSWER: u64 = 32_768;

/// How often a conversation is shortened for one question that was too long after all.
const SHRINKS: u32 = 2;

/// Tools that bring nothing to cite.
const DRAFTING: [&str; 2] = ["list_actions", "propose_plan"];

/// Why a run brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// A limit of the whole or of this agent.
    #[error("{0}")]
    Budget(String),
    /// A limit that the next run would meet as well: of the incident, the day or the tenant.
    #[error("{0}")]
    Quota(String),
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
    /// What has to be said is longer than what any model of the chain can read.
    #[error("{0}")]
    TooLong(String),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl From<Exceeded> for RunError {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded.is_lasting() {
            true => Self::Quota(exceeded.to_string()),
            false => Self::Budget(exceeded.to_string()),
        }
    }
}

/// One agent at work.
pub(crate) struct Run<'a> {
    agent: &'a Agent,
    chain: Chain,
    /// Those that the agent may call.
    tools: Tools,
    shared: &'a Shared,
    /// What is left to the agent.
    budget: Budget,
    history: History,
    /// What people were shown of the answer, all turns together.
    said: String,
    pub(crate) record: Record,
    pub(crate) keeping: Keeping,
    /// What the model said before a crash, and nobody has answered.
    unanswered: Option<Said>,
    /// Whether people were told that not all tools are offered.
    told: bool,
}

/// What a run has used so far.
pub(crate) struct Record {
    started: Instant,
    /// How long it worked in earlier processes.
    before: Duration,
    turns: u32,
    /// Answers that were sent back.
    repairs: u32,
    spent: Spent,
    models: Vec<String>,
    tools: BTreeMap<String, u32>,
    /// Whether a tool has answered that reads something.
    pub(crate) looked: bool,
    /// Calls that were made, with how often.
    repeated: Repeated,
}

impl Record {
    pub(crate) fn begin() -> Self {
        Self {
            started: Instant::now(),
            before: Duration::ZERO,
            turns: 0,
            repairs: 0,
            spent: Spent::default(),
            models: Vec::new(),
            tools: BTreeMap::new(),
            looked: false,
            repeated: Repeated::default(),
        }
    }

    /// Counts an answer.
    pub(crate) fn book(&mut self, answer: &Answer) {
        self.turns += 1;
        self.spent += answer.spent;
        if !self.models.contains(&answer.model) {
            self.models.push(answer.model.clone());
        }
    }

    /// As it is kept with the incident.
    pub(crate) fn finish(&self, agent: &Agent, prompt: &str, question: &str, outcome: String) -> AgentRun {
        AgentRun {
            id: None,
            agent: agent.name.clone(),
            question: question.to_owned(),
            models: self.models.clone(),
            prompt: prompt.to_owned(),
            turns: self.turns,
            tools: self.tools.clone(),
            input_tokens: self.spent.input_tokens,
            output_tokens: self.spent.output_tokens,
            cost: self.spent.cost,
            took_ms: self.took_ms(),
            outcome,
        }
    }

    /// How long it has worked, ms.
    fn took_ms(&self) -> u64 {
        let took = self.before + self.started.elapsed();
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
    }

    /// Questions to the model so far.
    pub(crate) fn turns(&self) -> u32 {
        self.turns
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
    /// An agent with its conversation, kept as `keeping`. Every message has been through the session already.
    pub(crate) fn new(
        agent: &'a Agent,
        chain: Chain,
        shared: &'a Shared,
        messages: Vec<Message>,
        keeping: Keeping,
    ) -> Self {
        let given = messages.len();
        let history = History::new(messages, given);
        Self::with(agent, chain, shared, history, Record::begin(), keeping)
    }

    /// A run with what it has used already.
    fn with(
        agent: &'a Agent,
        chain: Chain,
        shared: &'a Shared,
        history: History,
        record: Record,
        keeping: Keeping,
    ) -> Self {
        let budget = shared.budget.part(&agent.name, agent.max_tokens, agent.max_cost, record.spent());
        Self {
            agent,
            chain,
            tools: tools_of(agent, shared),
            shared,
            budget,
            history,
            said: String::new(),
            record,
            keeping,
            unanswered: None,
            told: false,
        }
    }

    /// The same without tools.
    pub(crate) fn without_tools(mut self) -> Self {
        self.tools = self.tools.subset::<&str>(&[]);
        self
    }

    /// The tools that this agent may call; what was taken out of the conversation is read again only where something was.
    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        let tools = self.tools.definitions().into_iter();
        tools
            .filter(|tool| tool.name != EARLIER_RESULT || self.history.keeps)
            .filter_map(definition)
            .collect()
    }

    /// Adds a message to the conversation.
    fn push(&mut self, message: Message, detail: MessageDetail) {
        self.keeping.note(&message, detail, &self.shared.session);
        self.history.push(message);
    }

    /// Makes durable what a model has said.
    async fn save(&mut self) {
        self.keeping.save_if_due(&self.record, &self.shared.session).await;
    }

    /// Writes how it ended.
    pub(crate) async fn finish(&mut self, state: RunState, outcome: &str) {
        self.keeping.finish(&self.record, &self.shared.session, state, outcome).await;
    }

    /// Whether this is the last turn that the limits leave: then the model has to answer with what it has.
    pub(crate) fn is_last(&self) -> bool {
        let next = self.history.tokens();
        self.record.turns + 1 >= self.agent.max_turns || 2 * next >= self.budget.tokens_left()
    }

    /// One call of the model. Its answer is part of the conversation afterwards.
    pub(crate) async fn turn(&mut self, mut turn: Turn) -> Result<Answer, RunError> {
        self.check()?;
        self.save().await;
        let max_tokens = turn.max_tokens.map(|most| most.min(LONGEST_ANSWER));
        let mut spent = Spent::default();
        let mut shrinks = SHRINKS;
        let (answer, ask, speaker) = loop {
            let mut speaker = Speaker::new(self.shared, &turn, !self.said.is_empty());
            let ask = Ask { shrinks: shrinks > 0, ..self.fitted(&mut turn, max_tokens).await };
            let answer = self.ask(&ask, &mut speaker, &mut spent).await;
            if shrinks == 0 || !matches!(answer, Err(RunError::TooLong(_))) {
                break (answer, ask, speaker);
            }
            // Where nothing can go, a larger model may be asked, and none otherwise.
            shrinks = if self.history.overflowed() { shrinks - 1 } else { 0 };
            turn.tools = ask.tools;
        };
        let spoken = answer.as_ref().ok().and_then(|answer| self.spoken(&ask, answer));
        self.said.push_str(&speaker.finish(spoken.is_some()).await);
        // Also what brought no answer was used.
        let mut answer = answer.inspect_err(|_| self.record.spent += spent)?;
        if !answer.spent.estimated {
            self.history.counted(ask.estimated_tokens(), answer.spent.input_tokens);
        }
        if let Some(spoken) = spoken {
            answer = Answer { calls: spoken.calls, message: spoken.message, text: String::new(), ..answer };
        }
        self.record.book(&answer);
        self.push(answer.message.clone(), MessageDetail::default());
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
        if self.shared.cancel.is_cancelled() || self.shared.progress.is_abandoned() {
            return Err(RunError::Cancelled);
        }
        if self.record.turns >= self.agent.max_turns {
            return Err(RunError::Turns(self.agent.max_turns));
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
        let asking = self.chain.ask_within(ask, &mut on_text, &shared.cancel, &self.budget, spent);
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
            ModelError::Budget(limit) => limit.into(),
            ModelError::ContextOverflow => RunError::TooLong(error.to_string()),
            ModelError::Exhausted(why) => RunError::Unanswered(why),
            other => RunError::Unanswered(other.to_string()),
        })
    }
}

/// What an agent may call: its tools, and what reads again what they have said.
fn tools_of(agent: &Agent, shared: &Shared) -> Tools {
    let names = agent.tools.iter().map(String::as_str);
    // Who has no tools has nothing to read again.
    let again = (!agent.tools.is_empty()).then_some(EARLIER_RESULT);
    shared.tools.subset(&names.chain(again).collect::<Vec<_>>())
}

/// A tool as the model is told of it; none where its name cannot be one.
fn definition(tool: Definition) -> Option<ToolDefinition> {
    let name = ToolName::new(tool.name).ok()?;
    Some(ToolDefinition::new(name, tool.description, tool.parameters))
}
