//! The time that the simulated world lives by.
//!
//! Timestamps are always wall-clock times, so that objects look right to whoever reads them. What is sped up is
//! waiting: a delay of 30 s at speed 10 is over after 3 s. While the world's past is replayed at start, the clock
//! stands where it was put and runs at speed 1; then it goes live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A shared clock; clones show the same time.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    live: Arc<AtomicBool>,
    replayed_ms: Arc<AtomicI64>,
    speed: f64,
}

impl Clock {
    /// A clock that stands at `at` until it is moved or goes live. Speeds that make no sense count as 1.
    pub(crate) fn replaying(at: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        let replayed_ms = Arc::new(AtomicI64::new(at.as_millisecond()));
        Self { live: Arc::new(AtomicBool::new(false)), replayed_ms, speed }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        if self.is_live() {
            return Timestamp::now();
        }
        Timestamp::from_millisecond(self.replayed_ms.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Puts a replaying clock to another time; a live one doesn't mind.
    pub(crate) fn set(&self, to: Timestamp) {
        self.replayed_ms.store(to.as_millisecond(), Ordering::Relaxed);
    }

    /// From here on the clock shows real time.
    pub(crate) fn go_live(&self) {
        self.live.store(true, Ordering::Relaxed);
    }

    /// Whether the clock shows real time.
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// How many simulated seconds pass in one real one; 1 while the past is replayed.
    pub(crate) fn speed(&self) -> f64 {
        if self.is_live() { self.speed } else { 1.0 }
    }

    /// Simulated time since `since`; zero when that lies in the future.
    pub(crate) fn elapsed(&self, since: Timestamp) -> Duration {
        let real = self.now().duration_since(since).as_secs_f64().max(0.0);
        Duration::from_secs_f64((real * self.speed()).min(1e12))
    }

    /// Whether a simulated delay that began at `since` is over.
    pub(crate) fn is_over(&self, since: Timestamp, delay: Duration) -> bool {
        self.elapsed(since) >= delay
    }
}

/// A time some duration earlier, the epoch if that is too far back.
pub(crate) fn before(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    time.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A time some duration later, unchanged if that is too far off.
pub(crate) fn after(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO);
    time.checked_add(by).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaying_clock_stands_until_it_is_moved() {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        let clock = Clock::replaying(start, 10.0);
        assert_eq!(clock.now(), start);
        clock.set(after(start, Duration::from_secs(30)));
        assert_eq!(clock.elapsed(start), Duration::from_secs(30));
        assert!(clock.is_over(start, Duration::from_secs(30)));
        assert!(!clock.is_over(start, Duration::from_secs(31)));
    }

    #[test]
    fn a_live_clock_waits_shorter_by_its_speed() {
        let clock = Clock::replaying(Timestamp::UNIX_EPOCH, 20.0);
        clock.go_live();
        assert!(clock.is_over(before(Timestamp::now(), Duration::from_secs(2)), Duration::from_secs(40)));
    }

    #[test]
    fn senseless_speeds_count_as_one() {
        for speed in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            let clock = Clock::replaying(Timestamp::UNIX_EPOCH, speed);
            clock.go_live();
            assert!((clock.speed() - 1.0).abs() < f64::EPSILON);
        }
    }
}
