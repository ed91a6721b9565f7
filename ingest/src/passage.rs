//! Passages: the pieces of documents that are embedded, indexed, found and cited.

use serde::{Deserialize, Serialize};

use crate::{Attributes, Validators, analysis, facets};

/// First and last line of a piece of text, from 1, both included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lines {
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

impl Lines {
    /// From `first` to `last`.
    #[must_use]
    pub fn new(first: u32, last: u32) -> Self {
        Self { first, last }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// A piece of a document, as the chunker makes it. Which source and document it belongs to is added by the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// Its text, code blocks between fences.
    pub text: String,
    /// Where it stands in the source text.
    pub lines: Lines,
}

/// One searchable piece of a document with everything that is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Identity: 32 hexadecimal digits over source, path, place and content.
    pub id: String,
    /// The source's name.
    pub source: String,
    /// The document's name within the source.
    pub path: String,
    /// Where people find the document.
    pub uri: String,
    /// The document's title.
    pub title: String,
    /// Which piece of the document, from 0.
    pub ordinal: u32,
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// Its text.
    pub text: String,
    /// Where it stands in the source text.
    pub lines: Lines,
    /// What is known about its document.
    pub attributes: Attributes,
    /// Hash of title, headings and text, hexadecimal: what is embedded.
    pub content_hash: String,
    /// Hash of the whole document as it was read, hexadecimal: whether it has changed.
    pub document_hash: String,
    /// What its web server said, for the next conditional request.
    #[serde(default)]
    pub validators: Validators,
    /// What people said about it.
    #[serde(default)]
    pub feedback: Feedback,
    /// The whole text of a document that cannot be read again (it was uploaded), on its first passage only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
}

/// A document as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Original {
    /// Its text; the values of Secrets are hidden.
    pub text: String,
    /// What its sender said it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// Originals as they are read; once there was only the text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Text(String),
    Whole {
        text: String,
        #[serde(default)]
        media_type: Option<String>,
    },
}

impl From<Kept> for Original {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Text(text) => Self { text, media_type: None },
            Kept::Whole { text, media_type } => Self { text, media_type },
        }
    }
}

/// What people said about a passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// How many found it helpful.
    pub helpful: u32,
    /// How many did not.
    pub unhelpful: u32,
}

/// The trust of a document of which nobody said anything.
const UNKNOWN_TRUST: f32 = 0.5;

/// How many opinions weigh as much as the document's own trust.
const PRIOR_OPINIONS: f32 = 4.0;

impl Passage {
    /// How far it is to be believed, 0 to 1: the document's trust, moved by feedback as a Beta prior of four opinions is.
    #[must_use]
    pub fn trust(&self) -> f32 {
        let prior = self.attributes.trust.unwrap_or(UNKNOWN_TRUST).clamp(0.0, 1.0);
        #[expect(clippy::cast_precision_loss, reason = "counts of people's clicks")]
        let (helpful, unhelpful) = (self.feedback.helpful as f32, self.feedback.unhelpful as f32);
        (prior * PRIOR_OPINIONS + helpful) / (PRIOR_OPINIONS + helpful + unhelpful)
    }

    /// What is embedded, and what the content hash is over: title and headings give the text its place.
    #[must_use]
    pub fn embedded_text(&self) -> String {
        let headings: Vec<&str> =
            self.headings.iter().filter(|heading| **heading != self.title).map(String::as_str).collect();
        let parts = [analysis::spoken(&self.title), headings.join(" > "), self.text.clone()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Everything to filter and count by, as `key=value`.
    #[must_use]
    pub fn facets(&self) -> Vec<String> {
        facets::of(self)
    }
}
