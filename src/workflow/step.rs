//! What a step hands back to the runner.

use std::time::Duration;

use crate::incident::{Event, Outcome};
use crate::observe::Snapshot;

/// The result of one step: what happened, and when to look again.
pub(super) struct Step {
    /// Events to apply and save, in order.
    pub(super) events: Vec<Event>,
    /// The Snapshot to keep with the incident.
    pub(super) snapshot: Option<Snapshot>,
    /// Look again after this long; `None`: when the incident's state says.
    pub(super) wait: Option<Duration>,
    /// What went wrong after the events, which are saved all the same.
    pub(super) then_failed: Option<anyhow::Error>,
}

impl Step {
    /// Something happened.
    pub(super) fn events(events: impl IntoIterator<Item = Event>) -> Self {
        Self { events: events.into_iter().collect(), snapshot: None, wait: None, then_failed: None }
    }

    /// For people, and why.
    pub(super) fn escalate(reason: impl Into<String>) -> Self {
        Self::events([escalated(reason)])
    }
}

/// The event that hands an incident to people.
pub(super) fn escalated(reason: impl Into<String>) -> Event {
    Event::Escalated { reason: reason.into() }
}

/// The event that ends an incident.
pub(super) fn closed(outcome: Outcome, reason: impl Into<String>) -> Event {
    Event::Closed { outcome, reason: reason.into() }
}
