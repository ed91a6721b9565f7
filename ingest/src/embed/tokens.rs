//! The model's own tokenizer as the measure of chunks.

use std::sync::Arc;

use tokenizers::Tokenizer;

use crate::chunk::TokenCounter;

/// Counts word pieces as the model sees them, without truncation and special tokens.
#[derive(Clone)]
pub struct ModelTokens(Arc<Tokenizer>);

impl ModelTokens {
    pub(super) fn new(mut tokenizer: Tokenizer) -> Self {
        // The session cuts texts and pads batches; a count must do neither.
        if let Err(error) = tokenizer.with_truncation(None) {
            tracing::debug!(%error, "the tokenizer keeps its truncation");
        }
        tokenizer.with_padding(None);
        Self(Arc::new(tokenizer))
    }
}

impl TokenCounter for ModelTokens {
    /// Text that the tokenizer refuses counts by its length.
    fn count(&self, text: &str) -> usize {
        self.0.encode_fast(text, false).map_or(text.len() / 3, |encoding| encoding.len())
    }
}
