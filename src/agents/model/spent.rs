//! What answers cost.

use std::ops::{Add, AddAssign};

use rig_core::completion::Usage;
use serde::{Deserialize, Serialize};

use crate::settings::ModelSettings;

/// Bytes of a token where nobody counts: what OpenAI and Google give as a rule of thumb for English text.
const BYTES_PER_TOKEN: usize = 4;

/// Prices are for a million tokens.
const MILLION: f64 = 1e6;

/// Tokens and money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written, with those of reasoning.
    pub output_tokens: u64,
    /// US dollars, by the prices of the settings. Discounts for cached text are not counted: never less than the bill.
    pub cost: f64,
    /// Whether any of it is an estimate, because the provider did not say.
    pub estimated: bool,
}

impl Spent {
    /// Tokens read and written.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// From what a provider reports; what it does not is estimated from `read` tokens and `written` bytes.
    pub(super) fn of(usage: Usage, model: &ModelSettings, read: u64, written: usize) -> Self {
        // Some servers report zeros for what they do not count.
        let said = |count: Option<u64>| count.filter(|count| *count > 0);
        let (input, output) = (said(usage.input_tokens), said(usage.output_tokens));
        let estimated = input.is_none() || output.is_none();
        let (input, output) = (input.unwrap_or(read), output.unwrap_or_else(|| estimate_tokens(written)));
        Self::priced(input, output, model, estimated)
    }

    /// An answer that broke off after `written` bytes.
    pub(super) fn broken_off(model: &ModelSettings, read: u64, written: usize) -> Self {
        Self::priced(read, estimate_tokens(written), model, true)
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 tokens")]
    fn priced(input_tokens: u64, output_tokens: u64, model: &ModelSettings, estimated: bool) -> Self {
        let cost =
            (input_tokens as f64 * model.input_price + output_tokens as f64 * model.output_price) / MILLION;
        Self { input_tokens, output_tokens, cost, estimated }
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost: self.cost + other.cost,
            estimated: self.estimated || other.estimated,
        }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// About how many tokens `bytes` of text are.
#[must_use]
pub const fn estimate_tokens(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

#[cfg(test)]
mod tests {
    use rig_core::completion::Usage;

    use super::Spent;
    use crate::settings::ModelSettings;

    fn model() -> ModelSettings {
        ModelSettings {
            provider: "here".to_owned(),
            model: "small".to_owned(),
            context_tokens: 8192,
            answer_tokens: 1024,
            input_price: 2.0,
            output_price: 10.0,
        }
    }

    #[test]
    fn what_the_provider_counts_is_priced_by_the_settings() {
        let mut usage = Usage::default();
        usage.input_tokens = Some(1_000_000);
        usage.output_tokens = Some(500_000);
        let spent = Spent::of(usage, &model(), 1, 1);
        let expected = Spent { input_tokens: 1_000_000, output_tokens: 500_000, cost: 7.0, estimated: false };
        assert_eq!(spent, expected);
    }

    #[test]
    fn what_it_does_not_count_is_estimated_and_says_so() {
        let spent = Spent::of(Usage::default(), &model(), 30, 41);
        assert_eq!((spent.input_tokens, spent.output_tokens, spent.estimated), (30, 11, true));
        let sum = spent + Spent::default();
        assert_eq!(sum, spent, "an estimate stays one when it is added up");
    }
}
