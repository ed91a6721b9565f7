//! Passages: the pieces of documents that are embedded, indexed, found and cited.

use serde::{Deserialize, Serialize};

use crate::Attributes;

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
}
