//! What a run may use of tokens, money and time: hard limits, shared by all agents of one incident or chat turn.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::model::Spent;
use crate::settings::RunLimits;

/// What is left of an agent's own limits and of those of the whole.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    whole: Arc<Mutex<Whole>>,
    limits: RunLimits,
    /// When the whole must be over.
    pub(crate) deadline: Instant,
}

/// What was used, and what calls under way may use yet.
#[derive(Debug, Default)]
struct Whole {
    spent: Spent,
    reserved: u64,
}

/// Room for one call; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    whole: Arc<Mutex<Whole>>,
    tokens: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.reserved = whole.reserved.saturating_sub(self.tokens);
    }
}

/// Why nothing more may be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    /// Tokens of the whole.
    #[error("the budget of {0} tokens is used up")]
    Tokens(u64),
    /// Money of the whole, in hundredths of a US dollar.
    #[error("the budget of {}.{:02} US dollars is used up", .0 / 100, .0 % 100)]
    Cost(u64),
    /// Time of the whole.
    #[error("the time of {0} s is over")]
    Time(u64),
}

impl Budget {
    /// A whole budget, beginning now.
    pub(crate) fn begin(limits: RunLimits) -> Self {
        Self { whole: Arc::default(), limits, deadline: Instant::now() + limits.deadline }
    }

    /// Books what a call has used.
    pub(crate) fn book(&self, spent: Spent) {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).spent += spent;
    }

    /// Counts what an earlier process has used of the same budget.
    pub(crate) fn used_before(&self, spent: Spent) {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).spent += spent;
    }

    /// Room for a call that reads and writes at most about `tokens`. Agents that work at the same time cannot go over
    /// the limit together.
    pub(crate) fn admit(&self, tokens: u64) -> Result<Reservation, Exceeded> {
        if Instant::now() >= self.deadline {
            return Err(Exceeded::Time(self.limits.deadline.as_secs()));
        }
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let used = whole.spent.input_tokens + whole.spent.output_tokens + whole.reserved;
        if used + tokens > self.limits.tokens {
            return Err(Exceeded::Tokens(self.limits.tokens));
        }
        if whole.spent.cost >= self.limits.cost {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive amount of money, for people"
            )]
            return Err(Exceeded::Cost((self.limits.cost * 100.0).round() as u64));
        }
        whole.reserved += tokens;
        Ok(Reservation { whole: self.whole.clone(), tokens })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Budget, Exceeded};
    use crate::agents::model::Spent;
    use crate::settings::RunLimits;

    fn limits() -> RunLimits {
        RunLimits { tokens: 1_000, cost: 0.5, deadline: Duration::from_secs(60), ..RunLimits::default() }
    }

    #[tokio::test]
    async fn a_call_that_would_go_over_the_tokens_is_not_made() {
        let budget = Budget::begin(limits());
        budget.clone().book(Spent { input_tokens: 700, output_tokens: 100, ..Spent::default() });
        let room = budget.admit(200).unwrap();
        assert_eq!(budget.admit(1).unwrap_err(), Exceeded::Tokens(1_000));
        drop(room);
        assert!(budget.admit(200).is_ok());
        assert_eq!(budget.admit(201).unwrap_err(), Exceeded::Tokens(1_000));
    }

    #[tokio::test]
    async fn money_and_time_are_limits_too() {
        let budget = Budget::begin(limits());
        budget.book(Spent { cost: 0.5, ..Spent::default() });
        assert_eq!(budget.admit(0).unwrap_err().to_string(), "the budget of 0.50 US dollars is used up");
        let over = Budget::begin(RunLimits { deadline: Duration::ZERO, ..limits() });
        assert_eq!(over.admit(0).unwrap_err(), Exceeded::Time(0));
    }
}
