//! Events that say the same thing again and again: how often, since when, and whether they go on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

use crate::diagnose::index::{Index, last_seen};

/// What is said so often is no accident.
const OFTEN: i64 = 3;

/// What has not been said for so long is over, unless it is said more rarely than that. Controllers wait at most five
/// minutes before they try again.
const SILENCE: SignedDuration = SignedDuration::from_mins(6);

/// What has not been said for so long is over in any case.
const OVER: SignedDuration = SignedDuration::from_mins(15);

/// Events of one reason about one object, together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Repeated<'a> {
    /// How often it was said.
    pub(super) times: i64,
    /// When it was said first and last.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// What was said last.
    pub(super) message: &'a str,
}

impl<'a> Repeated<'a> {
    /// Adds the events up; `None` where there is none that has a time.
    pub(super) fn of(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut whole: Option<Self> = None;
        for event in events {
            let Some(last) = last_seen(event) else { continue };
            let first = event.first_timestamp.as_ref().map_or(last, |time| time.0.min(last));
            let message = event.message.as_deref().unwrap_or_default();
            let one = Self { times: times(event), first, last, message };
            whole = Some(whole.map_or(one, |whole| whole.with(one)));
        }
        whole
    }

    /// Adds the events up by their reasons.
    pub(super) fn by_reason(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<&'a str, Self> {
        let mut alike: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in events {
            alike.entry(event.reason.as_deref().unwrap_or_default()).or_default().push(event);
        }
        alike.into_iter().filter_map(|(reason, events)| Some((reason, Self::of(events)?))).collect()
    }

    fn with(self, other: Self) -> Self {
        let newest = (other.last, other.message).max((self.last, self.message));
        Self {
            times: self.times.saturating_add(other.times),
            first: self.first.min(other.first),
            last: newest.0,
            message: newest.1,
        }
    }

    /// The time between one and the next, on average.
    pub(super) fn interval(&self) -> SignedDuration {
        let gaps = i32::try_from(self.times.saturating_sub(1)).unwrap_or(i32::MAX).max(1);
        self.last.duration_since(self.first).checked_div(gaps).unwrap_or_default()
    }

    /// Whether it was said often and is still being said.
    pub(super) fn goes_on(&self, index: &Index<'_>) -> bool {
        let silent = index.snapshot.taken_at.duration_since(self.last);
        let twice = self.interval().saturating_add(self.interval());
        self.times >= OFTEN && silent <= twice.clamp(SILENCE, OVER)
    }
}

fn times(event: &Event) -> i64 {
    let series = event.series.as_ref().and_then(|series| series.count);
    i64::from(event.count.max(series).unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event;
    use serde_json::json;

    use super::Repeated;
    use crate::diagnose::index::Index;
    use crate::diagnose::world::{World, ago, object};

    fn event(count: i32, first: i64, last: i64) -> Event {
        object(json!({"metadata": {}, "involvedObject": {}, "message": format!("{last}"), "count": count,
            "firstTimestamp": ago(first).to_string(), "lastTimestamp": ago(last).to_string()}))
    }

    fn goes_on(events: &[Event]) -> bool {
        let world = World::new();
        Repeated::of(events).unwrap().goes_on(&Index::new(&world.snapshot))
    }

    #[test]
    fn events_are_added_up_and_the_newest_speaks() {
        let events = [event(2, 30, 10), event(3, 20, 1), event(1, 40, 40)];
        let whole = Repeated::of(&events).unwrap();
        assert_eq!((whole.times, whole.first, whole.last, whole.message), (6, ago(40), ago(1), "1"));
        assert_eq!(Repeated::of([&object(json!({"metadata": {}, "involvedObject": {}}))]), None);
    }

    #[test]
    fn what_was_said_often_and_lately_goes_on() {
        assert!(goes_on(&[event(9, 30, 1)]));
        assert!(goes_on(&[event(1, 5, 5), event(1, 3, 3), event(1, 1, 1)]));
        assert!(!goes_on(&[event(2, 30, 1)]));
        assert!(!goes_on(&[event(9, 60, 30)]));
    }

    #[test]
    fn what_is_said_rarely_goes_on_for_longer() {
        assert!(goes_on(&[event(4, 39, 12)]));
        assert!(!goes_on(&[event(9, 39, 12)]));
        assert!(!goes_on(&[event(4, 99, 20)]));
    }
}
