//! Documents into passages: by structure first, then by tokens of the embedding model.
//!
//! Owns how long a passage is and where it ends. Parts of one section share passages; sections share one only if
//! they are small and have the same parent; code and tables stay whole while they can. Knows neither formats nor
//! models: whoever counts tokens is handed in.

mod approximate;
mod merge;
mod pack;
mod prose;
mod units;

#[cfg(test)]
mod chunk_tests;
#[cfg(test)]
mod property_tests;

use std::sync::Arc;

pub use approximate::ApproximateTokens;

use crate::{Document, document::Block, passage::Piece};

/// Changes whenever the same document would be cut differently; passages of different versions never mix.
pub const CHUNKER_VERSION: u32 = 1;

/// Counts the tokens that a model makes of a text, without the marks that it puts around the whole.
pub trait TokenCounter: Send + Sync {
    /// How many tokens.
    fn count(&self, text: &str) -> usize;
}

/// How long passages are, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSettings {
    /// Most tokens of a passage with its title and headings. The default leaves room below the 256 tokens that
    /// MiniLM reads.
    pub max_tokens: usize,
    /// How much of a passage is repeated at the beginning of the next one of the same section.
    pub overlap_tokens: usize,
    /// A section with fewer may share a passage with its neighbours. The default lets all that fit: measured on
    /// runbooks, a passage of several short sections is found as well as one for each, and there are far fewer.
    pub min_tokens: usize,
}

impl Default for ChunkSettings {
    fn default() -> Self {
        Self { max_tokens: 220, overlap_tokens: 32, min_tokens: 200 }
    }
}

/// Cuts documents into pieces.
pub struct Chunker {
    counter: Arc<dyn TokenCounter>,
    settings: ChunkSettings,
}

impl Chunker {
    /// A chunker that counts with `counter`.
    #[must_use]
    pub fn new(counter: Arc<dyn TokenCounter>, settings: ChunkSettings) -> Self {
        Self { counter, settings }
    }

    /// The pieces of a document in reading order. No piece is blank; a code block or table that stands alone may have
    /// up to twice the tokens of `max_tokens`.
    #[must_use]
    pub fn pieces(&self, document: &Document) -> Vec<Piece> {
        let sections = document.blocks.chunk_by(|one, other| one.headings == other.headings);
        let mut merge = merge::Merge::new(self, &document.title);
        for section in sections {
            let Some(headings) = section.first().map(|block| block.headings.as_slice()) else { continue };
            let budget = self.budget(&document.title, headings);
            let units = section.iter().flat_map(|block| units::of(self, block, budget)).collect();
            merge.section(headings, pack::pack(units, budget, self.settings.overlap_tokens));
        }
        merge.finish()
    }

    fn count(&self, text: &str) -> usize {
        self.counter.count(text)
    }

    /// Tokens left for the text below a title and headings: never less than half, however long they are.
    fn budget(&self, title: &str, headings: &[String]) -> usize {
        let above = self.count(title) + headings.iter().map(|heading| self.count(heading) + 1).sum::<usize>();
        let max = self.settings.max_tokens.max(2);
        max.saturating_sub(above).max(max / 2)
    }
}

/// Whether every line of a block's text stands on a line of its own in the source.
fn line_for_line(block: &Block, newlines: usize) -> bool {
    usize::try_from(block.lines.last.saturating_sub(block.lines.first)) == Ok(newlines)
}
