//! What a tool answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use thiserror::Error;

use crate::incident::{EvidenceSource, ObjectRef, Score};

/// Longest answer of a tool, bytes: about 4,000 tokens.
pub const MOST_BYTES: usize = 16 << 10;

/// One thing seen by a tool that a conclusion may rest on. It becomes Evidence of the incident once it is cited.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Origin.
    pub source: EvidenceSource,
    /// The object it is about.
    pub object: ObjectRef,
    /// One sentence for people.
    pub statement: String,
    /// How strongly this by itself says that something is wrong.
    pub strength: Score,
    /// When it happened, where known, else when it was read.
    pub at: Timestamp,
    /// What shows it.
    pub fields: BTreeMap<String, String>,
}

/// An answer of a tool. Its text is untrusted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolOutput {
    /// What the model reads.
    pub text: String,
    /// What of it can be cited.
    pub observations: Vec<Observation>,
    /// What was cut and how to get more, in one sentence for the model.
    pub cut: Option<String>,
}

impl ToolOutput {
    /// An answer within [`MOST_BYTES`]. What is longer is cut at a line, and `more` says how to get the rest.
    #[must_use]
    pub fn bounded(text: String, more: &str) -> Self {
        if text.len() <= MOST_BYTES {
            return Self { text, ..Self::default() };
        }
        let mut end = MOST_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default();
        let kept = kept.rfind('\n').and_then(|line| kept.get(..line)).unwrap_or(kept).to_owned();
        let cut = format!("cut: {} of {} bytes shown; {more}", kept.len(), text.len());
        Self { text: kept, cut: Some(cut), ..Self::default() }
    }

    /// The same with what can be cited.
    #[must_use]
    pub fn with(mut self, observations: impl IntoIterator<Item = Observation>) -> Self {
        self.observations.extend(observations);
        self
    }
}

/// Why a tool has no answer; every text is feedback for the model, in a sentence that says what to do instead.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The arguments cannot be understood or mean nothing here.
    #[error("the arguments cannot be used: {0}")]
    Arguments(String),
    /// The caller may not see that, or the call would change something.
    #[error("refused: {0}")]
    Denied(String),
    /// There is no such thing; the text lists what there is.
    #[error("not found: {0}")]
    NotFound(String),
    /// The cluster, Prometheus or another source did not answer.
    #[error("could not be read: {0}")]
    Unavailable(String),
}
