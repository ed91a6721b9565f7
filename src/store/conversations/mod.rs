//! Conversations of people with kubewright: kept, listed, resumed, removed.
//!
//! Owns their tables and nothing of what is said in them: text is kept as people saw it.

mod read;
mod tidy;
mod write;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::incident::IncidentId;
pub use tidy::ConversationRetention;

/// Names one conversation, for instance `cnv-7h2kq0m4x9ta`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(String);

impl ConversationId {
    /// A new random identifier, as random as an incident's.
    #[must_use]
    pub fn random() -> Self {
        Self(IncidentId::random().as_str().replacen("inc-", "cnv-", 1))
    }

    /// Takes an identifier that was made earlier. Whether such a conversation exists is for the store to say.
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

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A conversation without its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// Its name.
    #[schema(value_type = String)]
    pub id: ConversationId,
    /// The beginning of its first question.
    pub title: String,
    /// Who is asked.
    pub agent: String,
    /// The incident that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub incident: Option<IncidentId>,
    /// The cluster that it is about, where it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespaces that may be read for it, as it began; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// How many messages it has.
    pub messages: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// When something was last said.
    pub updated_at: Timestamp,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The person.
    User,
    /// kubewright.
    Assistant,
}

impl Speaker {
    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Assistant].into_iter().find(|speaker| speaker.as_str() == name)
    }
}

/// A place that an answer cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// What it is called in the answer, `[1]`.
    pub mark: String,
    /// Its title.
    pub title: String,
    /// Where it is.
    pub uri: String,
}

/// Something in what was read for an answer that speaks to a model as if it gave instructions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Suspicious {
    /// The rule of the egress guard that matched.
    pub rule: String,
    /// Where the text came from.
    pub source: String,
}

/// Something that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// Who says it.
    pub speaker: Speaker,
    /// What, as people see it.
    pub text: String,
    /// What else is known about it.
    pub about: About,
}

/// What is known about a message beside its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The model that answered; none where the answer was composed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How an answer ended: `stop`, `length`, `cancelled`, `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// What it cites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Link>,
    /// What of that which was read for it looked like instructions to a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicious: Vec<Suspicious>,
    /// Tokens read for it.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens written.
    #[serde(default)]
    pub output_tokens: u64,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its place in the conversation, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub speaker: Speaker,
    /// What, as people saw it.
    pub text: String,
    /// What else is known about it.
    #[serde(flatten)]
    pub about: About,
}

/// One page of a list of conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationPage {
    /// The conversations, the one that was last spoken in first.
    pub conversations: Vec<Conversation>,
    /// What gives the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
