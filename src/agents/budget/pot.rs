//! One limit that lives as long as a run: what is spent of it, and what calls under way may spend yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Exceeded, MILLION, Want};
use crate::agents::model::Spent;

/// Tokens, money and turns of a run, or of one agent in it.
#[derive(Debug)]
pub(super) struct Pot {
    /// The agent; none: all of the run.
    agent: Option<String>,
    tokens: u64,
    cost: f64,
    turns: u64,
    used: Mutex<Used>,
}

/// What was used, and what calls under way may use.
#[derive(Debug, Default)]
struct Used {
    tokens: u64,
    cost: f64,
    turns: u64,
}

/// A call's share of a pot. What is dropped stays taken.
#[derive(Debug)]
pub(super) struct Taken {
    pot: Arc<Pot>,
    want: Want,
}

impl Pot {
    pub(super) fn new(agent: Option<String>, tokens: u64, cost: f64, turns: u64) -> Self {
        Self { agent, tokens, cost, turns, used: Mutex::default() }
    }

    pub(super) fn tokens_left(&self) -> u64 {
        self.tokens.saturating_sub(self.used().tokens)
    }

    /// Counts what was used elsewhere.
    pub(super) fn used_before(&self, spent: Spent) {
        let mut used = self.used();
        used.tokens = used.tokens.saturating_add(spent.tokens());
        used.cost += spent.cost;
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a call may use at most, with a shorter answer where the wanted one does not fit.
    pub(super) fn take(self: &Arc<Self>, want: &Want) -> Result<Taken, Exceeded> {
        let mut used = self.used();
        if used.turns >= self.turns {
            return Err(Exceeded::Turns(self.turns));
        }
        let tokens_left = self.tokens.saturating_sub(used.tokens);
        let Some(by_tokens) = tokens_left.checked_sub(want.read).filter(|left| *left >= want.least()) else {
            return Err(Exceeded::Tokens(self.tokens, self.agent.clone()));
        };
        let Some(by_cost) = affordable(want, self.cost - used.cost).filter(|left| *left >= want.least())
        else {
            return Err(Exceeded::Cost(cents(self.cost), self.agent.clone()));
        };
        let want = Want { answer: want.answer.min(by_tokens).min(by_cost), ..*want };
        used.tokens += want.tokens();
        used.cost += want.cost();
        used.turns += 1;
        drop(used);
        Ok(Taken { pot: self.clone(), want })
    }
}

impl Taken {
    /// The longest answer that was taken room for, tokens.
    pub(super) fn answer(&self) -> u64 {
        self.want.answer
    }

    /// Puts what was used in its place.
    pub(super) fn settle(self, spent: Spent) {
        let mut used = self.pot.used();
        used.tokens = used.tokens.saturating_sub(self.want.tokens()) + spent.tokens();
        used.cost = (used.cost - self.want.cost()).max(0.0) + spent.cost;
        // A refusal is no turn.
        used.turns = used.turns.saturating_sub(u64::from(spent.tokens() == 0));
    }

    /// The call was not made.
    pub(super) fn give_back(self) {
        let mut used = self.pot.used();
        used.tokens = used.tokens.saturating_sub(self.want.tokens());
        used.cost = (used.cost - self.want.cost()).max(0.0);
        used.turns = used.turns.saturating_sub(1);
    }
}

/// The longest answer for the money that is left, tokens; none where not even reading is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a count of tokens, cut off at what there is"
)]
fn affordable(want: &Want, left: f64) -> Option<u64> {
    let rest = left - want.read as f64 * want.input_price / MILLION;
    // Nothing more is asked where all is spent, not even what is free: a limit that is reached is reached.
    if left <= 0.0 || rest < 0.0 {
        return None;
    }
    if want.output_price <= 0.0 {
        return Some(want.answer);
    }
    // A hair more than it is in binary fractions.
    Some((rest * MILLION / want.output_price + 1e-6) as u64)
}

/// Money in hundredths of a US dollar.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive amount, for people")]
fn cents(dollars: f64) -> u64 {
    (dollars * 100.0).round() as u64
}
