//! Runs of agents: each with its messages, written turn by turn, so that a crash loses at most the turn under way.
//!
//! Owns their tables and nothing of what is said in them: messages are opaque JSON that the caller has scrubbed. A run is
//! bounded in messages and bytes; old runs are removed by [`Store::tidy_runs`](super::Store::tidy_runs).

mod read;
mod tidy;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ConversationId;
use crate::incident::{Evidence, IncidentId};

pub use tidy::{RunRetention, Tidied};

/// Most messages of one run that are kept.
pub const MOST_RUN_MESSAGES: usize = 1_000;

/// Most bytes of one message of a run; a longer one is not kept, and the run says so.
pub const MOST_MESSAGE_BYTES: usize = 512 << 10;

/// Most bytes of all messages of one run.
pub const MOST_RUN_BYTES: usize = 8 << 20;

/// Longest question and outcome that are kept, characters.
const LONGEST_TEXT: usize = 4_000;

/// Most bytes of what a step began with, and of what another process needs to go on.
const MOST_SIDE_BYTES: usize = 2 << 20;

/// Names one run, for instance `run-7h2kq0m4x9ta`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A new random identifier, as random as an incident's.
    #[must_use]
    pub fn random() -> Self {
        Self(IncidentId::random().as_str().replacen("inc-", "run-", 1))
    }

    /// Takes an identifier that was made earlier. Whether such a run exists is for the store to say.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A closed set of names that are stored as text.
macro_rules! names {
    ($kind:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in JSON, in filters and in the store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Finding the cause of an incident.
    Investigation,
    /// Proposing a repair.
    Remediation,
    /// Reflecting on an incident that is over.
    Lesson,
    /// One turn of a chat.
    Chat,
    /// Other wordings of a question to the documents.
    Wordings,
}

names!(RunKind {
    Investigation = "investigation",
    Remediation = "remediation",
    Lesson = "lesson",
    Chat = "chat",
    Wordings = "wordings",
});

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// At work.
    Running,
    /// It has brought its answer.
    Finished,
    /// It has brought none: a limit, no model, or an answer that cannot be used.
    Failed,
    /// Whoever asked did not wait for it.
    Cancelled,
    /// Its process ended in the middle of it; it goes on when its step is repeated.
    Interrupted,
}

names!(RunState {
    Running = "running",
    Finished = "finished",
    Failed = "failed",
    Cancelled = "cancelled",
    Interrupted = "interrupted",
});

/// A run without its messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its name.
    #[schema(value_type = String)]
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// Who was asked.
    pub agent: String,
    /// How far it is.
    pub state: RunState,
    /// The incident that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub incident: Option<IncidentId>,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub conversation: Option<ConversationId>,
    /// The run that asked for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<RunId>,
    /// In which dispatch of specialists, from 1; 0 before the first.
    pub cycle: u32,
    /// What was asked.
    pub question: String,
    /// SHA-256 of the prompt's text, hex, the first 16 digits.
    pub prompt: String,
    /// The models that answered, by their names in `agents.toml`.
    pub models: Vec<String>,
    /// How often each tool was called.
    pub tools: BTreeMap<String, u32>,
    /// What came of it, one sentence, or why nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Calls of the model.
    pub turns: u32,
    /// Tokens read, estimated where the provider does not count.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// How long it worked, ms; time between a crash and going on is not counted.
    pub took_ms: u64,
    /// Messages that are kept.
    pub messages: u32,
    /// Messages that were too many or too long to be kept.
    #[serde(default)]
    pub messages_dropped: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// A run with what another process needs to go on with it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRun {
    /// What everybody may see.
    pub summary: RunSummary,
    /// The step of the incident that it belongs to, with its attempt; `None`: nobody goes on with it.
    pub step: Option<String>,
    /// Names question, prompt, agent and cycle within the step.
    pub task: String,
    /// Answers that were sent back to be mended.
    pub repairs: u32,
    /// What the caller remembers beside the messages.
    pub memory: Value,
    /// What the step began with; the first run of a step carries it.
    pub ground: Option<Value>,
}

/// A message of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunMessage {
    /// Its place in the run, from 1.
    pub seq: u32,
    /// When it was added.
    pub at: Timestamp,
    /// The message, as the caller writes it.
    pub body: Value,
    /// What else is known of it.
    pub detail: MessageDetail,
}

/// What is known of a message beside its text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageDetail {
    /// The tool calls whose results it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolRecord>,
    /// What they showed that can be cited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Evidence>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolRecord {
    /// Names the call within the run.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// Its arguments as JSON.
    pub arguments: String,
    /// Whether it had an answer.
    pub ok: bool,
    /// How long it took, ms.
    pub took_ms: u64,
    /// The beginning of the answer, or why there is none.
    pub summary: String,
    /// The Evidence that it brought, `E12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// Which runs; everything that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// About this incident.
    pub incident: Option<IncidentId>,
    /// In this conversation.
    pub conversation: Option<ConversationId>,
    /// Of this agent.
    pub agent: Option<String>,
    /// This far.
    pub state: Option<RunState>,
    /// For this.
    pub kind: Option<RunKind>,
}

/// One page of a list of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs, newest first.
    pub runs: Vec<RunSummary>,
    /// What gives the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
