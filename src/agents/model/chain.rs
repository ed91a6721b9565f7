//! Models in the order in which they are asked, until one answers.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::{Turn, attempt};
use super::entry::Entry;
use super::fault::Fault;
use super::{Answer, Ask, ModelError, Patience, Spent};
use crate::agents::budget::{Budget, Exceeded};
use crate::telemetry::metrics;

/// Share of a window that an estimated question may fill together with its answer, percent.
const SHARE: u64 = 85;

/// An answer has at least this part of the window: an eighth.
const SMALLEST_ANSWER: u64 = 8;

/// A question that is estimated to be larger than this share of a window is not sent, percent.
const HOPELESS: u64 = 125;

/// Models in the order in which they are asked. Cheap to clone; never empty.
#[derive(Clone)]
pub struct Chain {
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) patience: Patience,
}

/// What became of one model.
enum Verdict {
    /// The question is over.
    Over(ModelError),
    /// The next one is asked.
    Next(Fault),
}

impl Chain {
    /// How much the smallest of the models can read, tokens. What fits into this can be asked of each.
    #[must_use]
    pub fn context_tokens(&self) -> u64 {
        self.entries.iter().map(|entry| entry.window()).min().unwrap_or_default()
    }

    /// How many estimated tokens a question may have, so that each of the models can read it and has room for an answer
    /// of at most `max_tokens`: less than its window, because estimates are estimates.
    #[must_use]
    pub fn readable_tokens(&self, max_tokens: Option<u64>) -> u64 {
        let readable = self.entries.iter().map(|entry| {
            let answer = max_tokens.unwrap_or(u64::MAX).min(entry.settings.answer_tokens);
            let window = entry.window();
            (window * SHARE / 100).saturating_sub(answer.min(window / SMALLEST_ANSWER))
        });
        readable.min().unwrap_or_default()
    }

    /// The names of the models, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Asks until a model answers. `on_text` is given the text while it comes, each piece once: after the first piece
    /// there is no other attempt.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn ask(
        &self,
        ask: &Ask,
        on_text: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
        deadline: Instant,
    ) -> Result<Answer, ModelError> {
        let mut spent = Spent::default();
        self.ask_counting(ask, on_text, cancel, deadline, &mut spent).await
    }

    /// As [`Chain::ask`], adding to `spent` what was used even where there is no answer.
    ///
    /// # Errors
    /// [`ModelError`].
    pub async fn ask_counting(
        &self,
        ask: &Ask,
        on_text: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
        deadline: Instant,
        spent: &mut Spent,
    ) -> Result<Answer, ModelError> {
        let turn = Turn::new(ask, on_text, cancel, deadline);
        self.ask_turn(turn, spent).await
    }

    /// As [`Chain::ask_counting`], with room in `budget` for every attempt before it is made, and until its deadline.
    ///
    /// # Errors
    /// [`ModelError`].
    pub(crate) async fn ask_within(
        &self,
        ask: &Ask,
        on_text: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
        budget: &Budget,
        spent: &mut Spent,
    ) -> Result<Answer, ModelError> {
        let turn = Turn::new(ask, on_text, cancel, budget.deadline).within(budget);
        self.ask_turn(turn, spent).await
    }

    async fn ask_turn(&self, mut turn: Turn<'_>, spent: &mut Spent) -> Result<Answer, ModelError> {
        let result = self.ask_in_order(&mut turn).await;
        *spent += turn.spent;
        result.map(|answer| Answer { spent: turn.spent, ..answer })
    }

    async fn ask_in_order(&self, turn: &mut Turn<'_>) -> Result<Answer, ModelError> {
        let mut failures: Vec<String> = Vec::new();
        let mut too_small: Option<u64> = None;
        let mut exceeded: Option<Exceeded> = None;
        for (position, entry) in self.entries.iter().enumerate() {
            if too_small.is_some_and(|size| entry.window() <= size) {
                continue;
            }
            if turn.read > entry.window() * HOPELESS / 100 {
                too_small = too_small.max(Some(entry.window()));
                failures.push(format!("{} {}", entry.name, Fault::Overflow.reason()));
                if turn.ask.shrinks {
                    break;
                }
                continue;
            }
            if let Some((rest, reason)) = entry.resting() {
                let seconds = rest.as_secs().max(1);
                failures.push(format!("{} {reason}, and is left alone for {seconds} s", entry.name));
                continue;
            }
            if let Some(reason) = failures.last() {
                tracing::warn!(model = entry.name, reason, "falling back to another model");
                metrics::model_fell_back();
            }
            let is_last = position + 1 == self.entries.len();
            match self.ask_one(entry, turn, is_last).await {
                Ok(answer) => return Ok(answer),
                Err(Verdict::Over(error)) => return Err(error),
                Err(Verdict::Next(fault)) => {
                    match &fault {
                        Fault::Overflow => too_small = too_small.max(Some(entry.window())),
                        Fault::Budget(limit) => exceeded = Some(limit.clone()),
                        _ => {}
                    }
                    failures.push(format!("{} {}", entry.name, fault.reason()));
                    if turn.ask.shrinks && fault == Fault::Overflow {
                        break;
                    }
                }
            }
        }
        if !turn.ask.shrinks || too_small.is_none() {
            tracing::warn!(failures = failures.join("; "), "no model has answered");
        }
        Err(match (too_small, exceeded) {
            // A shorter conversation may be answered, whatever else is wrong.
            (Some(_), _) => ModelError::ContextOverflow,
            (None, Some(limit)) => ModelError::Budget(limit),
            (None, None) => ModelError::Exhausted(failures.join("; ")),
        })
    }

    /// Asks one model, again where that may help.
    async fn ask_one(&self, entry: &Entry, turn: &mut Turn<'_>, is_last: bool) -> Result<Answer, Verdict> {
        let mut pauses = self.patience.pauses();
        loop {
            let fault = match attempt(entry, turn).await {
                Ok(answer) => {
                    entry.circuit.answered();
                    entry.provider_circuit.answered();
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            let again = match &fault {
                Fault::Cancelled => return Err(Verdict::Over(ModelError::Cancelled)),
                Fault::Deadline => return Err(Verdict::Over(ModelError::Deadline)),
                _ if turn.passed_on > 0 => return Err(Verdict::Over(broke_off(entry, &fault))),
                Fault::AskOtherwise => continue,
                Fault::Busy(Some(wait)) if is_last || *wait <= self.patience.longest_pause => {
                    pauses.next().map(|pause| pause.max(*wait))
                }
                Fault::Busy(None) | Fault::Passing(_) => pauses.next(),
                _ => None,
            };
            tracing::debug!(model = entry.name, reason = fault.reason(), ?again, "an attempt failed");
            let Some(pause) = again.filter(|pause| Instant::now() + *pause < turn.deadline) else {
                self.note(entry, &fault);
                return Err(Verdict::Next(fault));
            };
            if turn.cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(Verdict::Over(ModelError::Cancelled));
            }
        }
    }

    /// What the failure of a whole question says about the next ones.
    fn note(&self, entry: &Entry, fault: &Fault) {
        let (now, reason) = (Instant::now(), fault.reason());
        match fault {
            Fault::Refused(_) => entry.circuit.refused(now, self.patience.rest, reason),
            Fault::Busy(Some(wait)) => entry.circuit.refused(now, *wait, reason),
            Fault::Busy(None) | Fault::Passing(_) => {
                entry.provider_circuit.failed(now, self.patience.rest, reason);
            }
            _ => {}
        }
    }
}

fn broke_off(entry: &Entry, fault: &Fault) -> ModelError {
    ModelError::Exhausted(format!("{} {}, after part of its answer was shown", entry.name, fault.reason()))
}
