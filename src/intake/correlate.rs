//! Which incident a Signal belongs to: a pure decision over what the store knows.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::incident::{IncidentId, Phase, Signal, SignalState};

/// Senders that write times in whole seconds end an episode up to this long before it began.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);

/// What the store knows that bears on one Signal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// This very firing episode (same fingerprint, same start), if it was delivered before.
    pub episode: Option<Episode>,
    /// The newest episode of the same alert, if its incident is open.
    pub current: Option<Current>,
    /// The newest open incident with the same correlation key.
    pub neighbour: Option<OpenIncident>,
}

/// A firing episode that was delivered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// Its incident; `None` when only its end was ever delivered.
    pub incident: Option<IncidentId>,
    /// Firing, or resolved for good: an episode never fires again.
    pub state: SignalState,
}

/// The newest episode of an alert, in an incident that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// When that episode began.
    pub starts_at: Timestamp,
    /// Its incident.
    pub incident: IncidentId,
}

/// An open incident that a Signal might join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// Its identifier.
    pub id: IncidentId,
    /// Where it stands.
    pub phase: Phase,
    /// When it last got a Signal that was new to it.
    pub last_signal_at: Timestamp,
}

/// Where a Signal goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A new incident.
    Open,
    /// An open incident, as something new about it.
    Attach(IncidentId),
    /// Nothing new about this incident, open or closed; only counted.
    Repeat(IncidentId),
    /// An open incident, one of whose alerts is over.
    Resolve(IncidentId),
    /// No incident. The episode is remembered, so that a firing copy that comes late opens nothing.
    Remember,
}

/// Decides where `signal` goes.
///
/// An episode that was delivered before never opens an incident. A closed incident never takes anything new. When in
/// doubt the answer is a new incident: one too many is an annoyance, one too few is an outage that nobody hears of.
#[must_use]
pub fn correlate(signal: &Signal, known: &Known, now: Timestamp, window: Duration) -> Route {
    match signal.state {
        SignalState::Firing => firing(signal, known, now, window),
        SignalState::Resolved => resolved(signal, known),
    }
}

fn firing(signal: &Signal, known: &Known, now: Timestamp, window: Duration) -> Route {
    if let Some(episode) = &known.episode {
        return episode.incident.clone().map_or(Route::Remember, Route::Repeat);
    }
    if let Some(current) = &known.current {
        // Replicas of a sender disagree a little about the start, and deliveries overtake each other.
        let older = signal.starts_at < current.starts_at;
        let id = current.incident.clone();
        return if older { Route::Repeat(id) } else { Route::Attach(id) };
    }
    match &known.neighbour {
        Some(neighbour) if joins(neighbour, now, window) => Route::Attach(neighbour.id.clone()),
        _ => Route::Open,
    }
}

/// An incident that is being worked on takes whatever comes about its workload; one that waits for people only what
/// comes soon, so that old unattended incidents do not hide new trouble.
fn joins(incident: &OpenIncident, now: Timestamp, window: Duration) -> bool {
    let quiet = now.duration_since(incident.last_signal_at);
    let soon = SignedDuration::try_from(window).map_or(true, |window| quiet <= window);
    match incident.phase {
        Phase::Closed => false,
        Phase::Escalated => soon,
        _ => true,
    }
}

fn resolved(signal: &Signal, known: &Known) -> Route {
    let seen = known.episode.as_ref();
    let incident = seen.and_then(|episode| episode.incident.clone());
    let Some(current) = &known.current else {
        return incident.map_or(Route::Remember, Route::Repeat);
    };
    let news = seen.is_none_or(|episode| episode.state == SignalState::Firing);
    if news && ends(signal, current) {
        return Route::Resolve(current.incident.clone());
    }
    Route::Repeat(incident.unwrap_or_else(|| current.incident.clone()))
}

/// Whether `signal` is the end of the current episode, and not that of an older one that arrives late. The start alone
/// does not tell: senders round it, and Alertmanager moves it when replicas of Prometheus disagree.
fn ends(signal: &Signal, current: &Current) -> bool {
    let end = signal.ends_at.unwrap_or(signal.starts_at).max(signal.starts_at);
    current.starts_at.duration_since(end) < ROUNDING
}

#[cfg(test)]
#[path = "correlate_tests.rs"]
mod tests;
