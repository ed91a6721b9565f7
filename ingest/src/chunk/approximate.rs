//! Tokens without a tokenizer: an estimate for builds and machines that have no model.

use super::TokenCounter;

/// Estimates how many word pieces a BERT model makes of a text. Against MiniLM's own tokenizer on Kubernetes
/// documentation the sum is 1 % off, and nine passages of ten are within 12 %.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApproximateTokens;

impl TokenCounter for ApproximateTokens {
    fn count(&self, text: &str) -> usize {
        let mut tokens = 0;
        let mut run = Run::default();
        for char in text.chars() {
            if char.is_ascii_alphabetic() {
                run.letters += 1;
            } else if char.is_ascii_digit() {
                run.digits += 1;
            } else {
                tokens += run.tokens();
                run = Run::default();
                // Punctuation and letters beyond ASCII are mostly tokens of their own.
                tokens += usize::from(!char.is_whitespace() && !char.is_control());
            }
        }
        tokens + run.tokens()
    }
}

/// Letters and digits without anything between them.
#[derive(Default)]
struct Run {
    letters: usize,
    digits: usize,
}

impl Run {
    /// Short words are in the vocabulary, longer ones take a further piece every three letters; digits come in pairs.
    /// The figures are those with the least error over 2,300 passages of the documentation.
    fn tokens(&self) -> usize {
        match (self.letters, self.digits) {
            (0, 0) => 0,
            (0, digits) => digits.div_ceil(2),
            (letters, 0) => 1 + letters.saturating_sub(5) / 3,
            (letters, digits) => (letters + digits).div_ceil(2),
        }
    }
}
