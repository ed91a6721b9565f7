//! What people and the server ask, and what they get.
//!
//! Owns the shapes of questions and answers, how a question is understood, how the ranks of both searches are fused into
//! one, and what of a passage is shown. It reads no index.

mod filter;
mod fuse;
mod question;
mod snippet;
mod twins;

use serde::{Deserialize, Serialize};

pub use filter::{Filter, FilterError, LABELS};
pub(crate) use fuse::{Ranked, fuse};
pub use question::LONGEST_QUESTION;
pub(crate) use question::Question;
pub(crate) use snippet::snippet;
pub use twins::Platform;
pub(crate) use twins::{Kin, Platforms, order_twins};

use crate::{Lines, Passage};

/// How to search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By words.
    Lexical,
    /// By meaning.
    Vector,
    /// Both, their ranks fused; and the order reviewed by a cross-encoder, where one is there.
    #[default]
    Hybrid,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lexical, Self::Vector, Self::Hybrid];

    /// The name in interfaces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lexical => "lexical",
            Self::Vector => "vector",
            Self::Hybrid => "hybrid",
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// What is looked for: words, a sentence, an alert with its expression, a log line.
    pub query: String,
    /// How.
    pub mode: Mode,
    /// What it is narrowed to.
    pub filter: Filter,
    /// How many passages, 1 to [`MOST_RESULTS`].
    pub k: usize,
    /// Most passages of one document.
    pub per_document: usize,
    /// Other wordings of the same question, for instance by a language model; they weigh half.
    pub reformulations: Vec<String>,
}

/// Most passages of one answer.
pub const MOST_RESULTS: usize = 100;

impl SearchRequest {
    /// Ten passages by both searches, at most two of a document.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            mode: Mode::default(),
            filter: Filter::default(),
            k: 10,
            per_document: 2,
            reformulations: Vec::new(),
        }
    }
}

/// Where a passage stands, for people to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The document.
    pub uri: String,
    /// The source that brought it.
    pub source: String,
    /// Its name within the source.
    pub path: String,
    /// Title and headings above the passage, outermost first.
    pub headings: Vec<String>,
    /// The passage's lines.
    pub lines: Lines,
}

impl Citation {
    /// The citation of a passage.
    #[must_use]
    pub fn of(passage: &Passage) -> Self {
        let mut headings = vec![passage.title.clone()];
        headings.extend(passage.headings.iter().filter(|heading| **heading != passage.title).cloned());
        Self {
            uri: passage.uri.clone(),
            source: passage.source.clone(),
            path: passage.path.clone(),
            headings,
            lines: passage.lines,
        }
    }
}

/// What a passage's score is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreParts {
    /// Sum of BM25 over the fields of the document and its best passage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
    /// The document's rank by words, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical_rank: Option<usize>,
    /// Cosine similarity of question and passage, -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<f32>,
    /// The document's rank by meaning, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_rank: Option<usize>,
    /// What a cross-encoder said of the document's best passage, where one is there: sigmoid of its logit, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
    /// How far the passage is to be believed, 0 to 1.
    pub trust: f32,
}

/// A passage that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The passage's identity, for feedback.
    pub id: String,
    /// Final score; comparable within one answer only.
    pub score: f32,
    /// What it is made of.
    pub parts: ScoreParts,
    /// The document's title.
    pub title: String,
    /// The best part of the passage as plain text.
    pub snippet: Snippet,
    /// The whole passage.
    pub text: String,
    /// Where it stands.
    pub citation: Citation,
    /// What is known about its document.
    pub attributes: crate::Attributes,
    /// Where the very same text stands as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Citation>,
}

/// A piece of text with the words that matched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// Plain text, not markup.
    pub text: String,
    /// Byte ranges of `text` that matched, in order, without overlap.
    pub highlights: Vec<(usize, usize)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResponse {
    /// How it was searched in the end.
    pub mode: Mode,
    /// Why it was not searched as asked, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// The passages, the best first.
    pub results: Vec<SearchResult>,
    /// Among the documents that matched: how many have which `key=value`, by key.
    pub facets: std::collections::BTreeMap<String, std::collections::BTreeMap<String, usize>>,
    /// What the question was widened by, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expansions: Vec<String>,
    /// How long it took, milliseconds.
    pub took_ms: f64,
}
