//! Talking to the orchestrator or to one specialist.
//!
//! Owns one turn of a conversation: who is asked, with which tools, about what, and the answer in words. It keeps no
//! conversation (that is the store's) and knows no wire format (that is `http`'s).

mod check;
mod composed;
mod desk;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use check::{MOST_BYTES, MOST_MESSAGES};
pub use desk::Chat;

use super::progress::Progress;
use super::tools::Access;
use crate::incident::IncidentId;
use crate::store::{ConversationId, Suspicious};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one who asks.
    User,
    /// The answers before.
    Assistant,
    /// What a client puts before the conversation. Weaker than our own prompts.
    System,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who wrote it.
    pub role: Role,
    /// What.
    pub text: String,
    /// What of that which was read for it looked like instructions; it taints the turns that follow.
    pub suspicious: Vec<Suspicious>,
}

impl ChatMessage {
    /// A message for which nothing suspicious is known to have been read.
    #[must_use]
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), suspicious: Vec::new() }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone)]
pub struct ChatTurn {
    /// Who is asked: `orchestrator` or a specialist.
    pub agent: String,
    /// The conversation so far; the last message is the question.
    pub messages: Vec<ChatMessage>,
    /// The incident that it is about.
    pub about: Option<IncidentId>,
    /// The conversation that it is kept in, where it is.
    pub conversation: Option<ConversationId>,
    /// The cluster; `None`: that of the incident, else the first.
    pub cluster: Option<String>,
    /// What of it may be read.
    pub access: Access,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// Most tokens of the answer, if fewer than the agent's.
    pub max_tokens: Option<u64>,
    /// Randomness, where the client wants another than the agent's.
    pub temperature: Option<f64>,
    /// Where to say what happens; pieces of the answer come this way while it is made.
    pub progress: Progress,
    /// Ends the turn: the model is not asked any more, tools are dropped.
    pub cancel: CancellationToken,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It was complete, or a stop text came.
    Stop,
    /// A limit of tokens, money, turns or time.
    Length,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatAnswer {
    /// The whole answer as people may see it.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens read, estimated where the provider does not count.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// The model that answered; `None`: none is configured, the answer was composed from what is known.
    pub model: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The request cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// There is no agent of that name.
    #[error("there is no agent {0}")]
    UnknownAgent(String),
    /// All models failed; the text is safe for people.
    #[error("no model answered: {0}")]
    Unavailable(String),
    /// No model may or can be asked: a limit of the incident, the day or the tenant is reached, or the conversation is
    /// longer than any can read. The text says which, and when it begins anew.
    #[error("{0}")]
    NotAsked(String),
    /// The turn was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Something of ours failed.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// Answers with a language model.
pub trait Talk: Send + Sync {
    /// Answers a turn that was checked. It says what happens through the turn's [`Progress`], pieces of the answer among
    /// it, and ends soon after the turn is cancelled.
    fn talk(&self, turn: ChatTurn) -> BoxFuture<'_, Result<ChatAnswer, ChatError>>;
}
