//! Leaving alone what has just failed for good.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Questions in a row that a provider may fail before it is left alone.
const PATIENCE: u32 = 3;

/// A circuit: open while nothing is asked. After its rest it lets questions through; the first failure opens it again.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    /// Why the last question failed, for people.
    reason: String,
}

impl Circuit {
    /// How long it stays open.
    pub(super) fn open_for(&self, now: Instant) -> Option<Duration> {
        let until = self.state().open_until?;
        Some(until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
    }

    /// Why it was opened last, for people, after the name of the model.
    pub(super) fn reason(&self) -> String {
        self.state().reason.clone()
    }

    /// A failure that will not go away by itself: opens.
    pub(super) fn refused(&self, now: Instant, rest: Duration, reason: String) {
        let mut state = self.state();
        state.failures = PATIENCE;
        state.reason = reason;
        state.open_until = Some(now + rest);
    }

    /// A failure that may pass: opens when there were several in a row.
    pub(super) fn failed(&self, now: Instant, rest: Duration, reason: String) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.reason = reason;
        if state.failures >= PATIENCE {
            state.open_until = Some(now + rest);
        }
    }

    /// An answer.
    pub(super) fn answered(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Circuit;

    const REST: Duration = Duration::from_secs(60);

    #[test]
    fn a_refusal_opens_for_its_rest_and_an_answer_closes() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        assert_eq!(circuit.open_for(now), None);
        circuit.refused(now, REST, "does not accept the key".to_owned());
        assert_eq!(circuit.reason(), "does not accept the key");
        assert_eq!(circuit.open_for(now), Some(REST));
        let later = now + REST;
        assert_eq!(circuit.open_for(later), None);
        circuit.failed(later, REST, String::new());
        assert_eq!(circuit.open_for(later), Some(REST), "the first failure after the rest opens it again");
        circuit.answered();
        assert_eq!(circuit.open_for(later), None);
    }

    #[test]
    fn passing_failures_open_it_only_when_there_are_three_in_a_row() {
        let (circuit, now) = (Circuit::default(), Instant::now());
        for _ in 0..2 {
            circuit.failed(now, REST, String::new());
            circuit.failed(now, REST, String::new());
            assert_eq!(circuit.open_for(now), None);
            circuit.answered();
        }
        for _ in 0..3 {
            circuit.failed(now, REST, String::new());
        }
        assert_eq!(circuit.open_for(now), Some(REST));
    }
}
