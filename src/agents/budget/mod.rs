//! What a run may use of tokens, money, turns and time: hard limits of the run and of each agent in it, kept here, and of
//! the incident, the day and the tenant, kept in the store.
//!
//! Every call of a model is admitted before it is made: what it may use at most is reserved under all limits at once, so
//! that agents that work at the same time cannot go over one together. Afterwards what it has really used takes the place
//! of the reservation. An answer that would not fit is asked for shorter; where not even a short one fits, or what was used
//! cannot be read, the call is not made.

mod books;
mod exceeded;
mod pot;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::model::Spent;
use crate::settings::{ModelSettings, RunLimits};
use books::Booked;
pub(crate) use books::Books;
pub use exceeded::Exceeded;
use pot::{Pot, Taken};

/// An answer shorter than this is not worth a call, tokens; unless somebody asks for a shorter one.
const SHORTEST_ANSWER: u64 = 256;

/// Prices are for a million tokens.
const MILLION: f64 = 1e6;

/// What is left of the limits that one agent works under. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Of the run as a whole, then of the agent.
    pots: Vec<Arc<Pot>>,
    /// What is stored; none in tests of one run alone.
    books: Option<Books>,
    limit: Duration,
    /// When the run must be over.
    pub(crate) deadline: Instant,
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Want {
    /// About what is read, tokens.
    pub(crate) read: u64,
    /// The longest answer, tokens.
    pub(crate) answer: u64,
    /// US dollars for a million tokens read.
    pub(crate) input_price: f64,
    /// US dollars for a million tokens written.
    pub(crate) output_price: f64,
}

impl Want {
    /// A question of `read` tokens to a model.
    pub(crate) fn of(model: &ModelSettings, read: u64, answer: u64) -> Self {
        Self { read, answer, input_price: model.input_price, output_price: model.output_price }
    }

    /// The shortest answer that is worth the call.
    fn least(&self) -> u64 {
        self.answer.min(SHORTEST_ANSWER)
    }

    fn tokens(&self) -> u64 {
        self.read.saturating_add(self.answer)
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 tokens")]
    fn cost(&self) -> f64 {
        (self.read as f64 * self.input_price + self.answer as f64 * self.output_price) / MILLION
    }
}

/// Room for one call. Dropped without being settled, all of it counts as used: nobody knows how far the call came.
#[derive(Debug)]
pub(crate) struct Room {
    taken: Vec<Taken>,
    booked: Option<Booked>,
    /// The longest answer that fits, tokens.
    pub(crate) answer: u64,
    /// When the call must be over.
    pub(crate) until: Instant,
    began: Instant,
}

impl Budget {
    /// A whole budget, beginning now.
    pub(crate) fn begin(limits: RunLimits, books: Option<Books>) -> Self {
        let whole = Pot::new(None, limits.tokens, limits.cost, u64::from(limits.turns));
        let deadline = Instant::now() + limits.deadline;
        Self { pots: vec![Arc::new(whole)], books, limit: limits.deadline, deadline }
    }

    /// The same for one agent, within limits of its own, of which `before` is used already.
    pub(crate) fn part(&self, agent: &str, tokens: u64, cost: f64, before: Spent) -> Self {
        let part = Pot::new(Some(agent.to_owned()), tokens, cost, u64::MAX);
        part.used_before(before);
        Self { pots: self.pots.iter().cloned().chain([Arc::new(part)]).collect(), ..self.clone() }
    }

    /// Counts what an earlier process has used of the same run. In the store it is booked already.
    pub(crate) fn used_before(&self, spent: Spent) {
        self.pots.iter().for_each(|pot| pot.used_before(spent));
    }

    /// How many tokens the run, or the agent, may use yet.
    pub(crate) fn tokens_left(&self) -> u64 {
        self.pots.iter().map(|pot| pot.tokens_left()).min().unwrap_or_default()
    }

    /// Room for a call under every limit.
    ///
    /// # Errors
    /// The limit that it does not fit under.
    pub(crate) async fn reserve(&self, want: Want) -> Result<Room, Exceeded> {
        let room = self.try_reserve(want).await;
        room.inspect_err(|exceeded| crate::telemetry::metrics::budget_refused(exceeded.limit()))
    }

    async fn try_reserve(&self, want: Want) -> Result<Room, Exceeded> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(Exceeded::Time(self.limit.as_secs()));
        }
        let (taken, want) = self.take(want)?;
        let room = Room { taken, booked: None, answer: want.answer, until: self.deadline, began: now };
        let Some(books) = &self.books else { return Ok(room) };
        let booked = match books.reserve(&want).await {
            Err(exceeded) if exceeded.may_fit_shorter() && want.answer > want.least() => {
                let short = Want { answer: want.least(), ..want };
                books.reserve(&short).await.map(|booked| (booked, short.answer))
            }
            booked => booked.map(|booked| (booked, want.answer)),
        };
        match booked {
            Ok((booked, answer)) => {
                let until = booked.time_left.map_or(room.until, |left| room.until.min(now + left));
                Ok(Room { answer, until, booked: Some(booked), ..room })
            }
            Err(exceeded) => {
                room.give_back();
                Err(exceeded)
            }
        }
    }

    /// Takes a call's share out of every pot, with the longest answer that all of them have room for.
    fn take(&self, want: Want) -> Result<(Vec<Taken>, Want), Exceeded> {
        let mut taken: Vec<Taken> = Vec::with_capacity(self.pots.len());
        let mut want = want;
        for pot in &self.pots {
            match pot.take(&want) {
                Ok(one) => {
                    want.answer = one.answer();
                    taken.push(one);
                }
                Err(exceeded) => {
                    taken.into_iter().for_each(Taken::give_back);
                    return Err(exceeded);
                }
            }
        }
        Ok((taken, want))
    }
}

impl Room {
    /// Puts what was really used in the place of the reservation.
    pub(crate) fn settle(self, spent: Spent) {
        self.taken.into_iter().for_each(|taken| taken.settle(spent));
        if let Some(booked) = self.booked {
            booked.settle(spent, self.began.elapsed());
        }
    }

    /// The call is not made.
    fn give_back(self) {
        self.taken.into_iter().for_each(Taken::give_back);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Budget, Exceeded, Want};
    use crate::agents::model::Spent;
    use crate::settings::RunLimits;

    fn limits() -> RunLimits {
        RunLimits { tokens: 1_000, cost: 0.5, deadline: Duration::from_secs(60), ..RunLimits::default() }
    }

    fn want(read: u64, answer: u64) -> Want {
        Want { read, answer, input_price: 0.0, output_price: 0.0 }
    }

    fn spent(tokens: u64, cost: f64) -> Spent {
        Spent { input_tokens: tokens, cost, ..Spent::default() }
    }

    #[tokio::test]
    async fn a_call_that_would_go_over_the_tokens_is_not_made() {
        let budget = Budget::begin(limits(), None);
        budget.clone().reserve(want(700, 100)).await.unwrap().settle(spent(800, 0.0));
        let room = budget.reserve(want(100, 100)).await.unwrap();
        assert_eq!(budget.reserve(want(1, 0)).await.unwrap_err(), Exceeded::Tokens(1_000, None));
        room.settle(Spent::default());
        assert!(budget.reserve(want(200, 0)).await.is_ok());
        assert_eq!(budget.reserve(want(201, 0)).await.unwrap_err(), Exceeded::Tokens(1_000, None));
    }

    #[tokio::test]
    async fn agents_at_the_same_time_cannot_overspend_together() {
        let budget = Budget::begin(RunLimits { tokens: 100_000, cost: 0.01, ..limits() }, None);
        let dear = Want { read: 1_000, answer: 500, input_price: 2.0, output_price: 4.0 };
        let parts: Vec<Budget> =
            (0..4).map(|n| budget.part(&n.to_string(), 50_000, 1.0, Spent::default())).collect();
        let mut rooms = Vec::new();
        for part in &parts {
            rooms.extend(part.reserve(dear).await.ok());
        }
        assert_eq!(rooms.len(), 2, "each may cost 0.004 of 0.01");
        let refused = parts[3].reserve(dear).await.unwrap_err();
        assert_eq!(refused.to_string(), "the budget of 0.01 US dollars is used up");
        for room in rooms {
            room.settle(spent(1_000, 0.002));
        }
        assert!(parts[3].reserve(dear).await.is_ok(), "what was reserved and not used is there again");
    }

    #[tokio::test]
    async fn an_answer_that_does_not_fit_is_asked_for_shorter() {
        let budget = Budget::begin(limits(), None);
        let room = budget.reserve(want(600, 4_096)).await.unwrap();
        assert_eq!(room.answer, 400);
        room.settle(spent(700, 0.0));
        assert!(budget.reserve(want(100, 4_096)).await.is_err(), "200 tokens are no answer");
        assert_eq!(budget.reserve(want(100, 50)).await.unwrap().answer, 50);
        let rich = RunLimits { tokens: 1_000_000, cost: 0.01, ..limits() };
        let dear = Want { read: 1_000, answer: 10_000, input_price: 2.0, output_price: 8.0 };
        assert_eq!(Budget::begin(rich, None).reserve(dear).await.unwrap().answer, 1_000);
    }

    #[tokio::test]
    async fn an_agent_has_limits_of_its_own() {
        let budget = Budget::begin(limits(), None);
        let part = budget.part("judge", 300, 0.5, Spent::default());
        assert_eq!(part.tokens_left(), 300);
        let refused = part.reserve(want(301, 0)).await.unwrap_err();
        assert_eq!(refused.to_string(), "the budget of 300 tokens of the judge agent is used up");
        assert_eq!(budget.tokens_left(), 1_000, "what one limit refuses is taken from no other");
    }

    #[tokio::test]
    async fn questions_are_counted_where_they_brought_something() {
        let budget = Budget::begin(RunLimits { turns: 2, ..limits() }, None);
        for used in [0, 1, 0, 1] {
            budget.reserve(want(1, 0)).await.unwrap().settle(spent(used, 0.0));
        }
        assert_eq!(budget.reserve(want(1, 0)).await.unwrap_err(), Exceeded::Turns(2));
    }

    #[tokio::test]
    async fn what_nobody_settled_counts_as_used() {
        let budget = Budget::begin(limits(), None);
        drop(budget.reserve(want(900, 0)).await.unwrap());
        assert_eq!(budget.tokens_left(), 100);
    }

    #[tokio::test]
    async fn money_and_time_are_limits_too() {
        let budget = Budget::begin(limits(), None);
        budget.reserve(want(1, 0)).await.unwrap().settle(spent(1, 0.5));
        let refused = budget.reserve(want(0, 0)).await.unwrap_err();
        assert_eq!(refused.to_string(), "the budget of 0.50 US dollars is used up");
        let over = Budget::begin(RunLimits { deadline: Duration::ZERO, ..limits() }, None);
        assert_eq!(over.reserve(want(0, 0)).await.unwrap_err(), Exceeded::Time(0));
    }
}
