//! When trouble began, and which changes are close enough before it to have caused it.

use jiff::{SignedDuration, Timestamp};

use crate::incident::SignalState;
use crate::observe::Snapshot;

/// A change this long before the onset may still be its cause.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Clocks of alert senders, API servers and nodes differ: a change may seem to come this long after what it caused.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// The earliest start of an alert that fires.
pub(super) fn alerted(snapshot: &Snapshot) -> Option<Timestamp> {
    let firing = snapshot.signals.iter().filter(|signal| signal.state == SignalState::Firing);
    firing.map(|signal| signal.starts_at).min()
}

/// Whether a change at that time may have caused trouble that began at `onset`.
pub(super) fn is_recent(change: Timestamp, onset: Timestamp) -> bool {
    let lead = onset.duration_since(change);
    (-SKEW..=WINDOW).contains(&lead)
}

/// Whether a change came too late to have caused trouble that began at `onset`.
pub(super) fn is_too_late(change: Timestamp, onset: Timestamp) -> bool {
    onset.duration_since(change) < -SKEW
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::is_recent;

    #[test]
    fn only_changes_within_the_hour_before_and_the_skew_after_are_recent() {
        let onset = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        let at = |minutes| is_recent(onset + SignedDuration::from_mins(minutes), onset);
        let answers = [-61, -60, -1, 0, 2, 3].map(at);
        assert_eq!(answers, [false, true, true, true, true, false]);
    }
}
