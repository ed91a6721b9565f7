//! What was seen before trouble began, and what since. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The log must reach this far back before the onset for its silence to mean something, microseconds.
const MIN_BEFORE: i64 = 60 * 1_000_000;

/// Lines since the onset, and times their rate before it, that make a template more frequent.
const MORE: (u64, u64) = (5, 3);

/// What the onset of trouble changed about a template, from what says most about the trouble to what says least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogTrend {
    /// It was never seen before the onset.
    New,
    /// It is at least three times as frequent as before.
    MoreOften,
    /// It goes on as before, or less often.
    Steady,
    /// It was seen only before.
    Ceased,
}

/// How often and when a template was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) lines: u64,
    before: u64,
    after: u64,
    /// Microseconds since 1970.
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
}

impl Seen {
    /// Counts a line of the time `at`, or without one when the time was about `clock`.
    #[inline]
    pub(super) fn add(&mut self, at: Option<i64>, clock: Option<i64>, window: &Window) {
        self.lines += 1;
        if let Some(at) = at {
            self.first = Some(self.first.map_or(at, |first| first.min(at)));
            self.last = self.last.max(Some(at));
        }
        if let (Some(onset), Some(at)) = (window.onset, clock) {
            let side = if at < onset { &mut self.before } else { &mut self.after };
            *side += 1;
        }
    }

    pub(super) fn fold(&mut self, other: &Self) {
        self.lines += other.lines;
        self.before += other.before;
        self.after += other.after;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }

    pub(super) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let at = |micros| Timestamp::from_microsecond(micros).ok();
        Some((at(self.first?)?, at(self.last?)?))
    }
}

/// The time that a log covers, and where in it trouble began; microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    onset: Option<i64>,
    covered: Option<(i64, i64)>,
}

impl Window {
    pub(super) const fn new(onset: Option<i64>) -> Self {
        Self { onset, covered: None }
    }

    /// Takes in the time of a line.
    #[inline]
    pub(super) fn widen(&mut self, at: Option<i64>) {
        let Some(at) = at else { return };
        let (first, last) = self.covered.unwrap_or((at, at));
        self.covered = Some((first.min(at), last.max(at)));
    }

    /// Lines before the onset and from then on.
    pub(super) fn around(&self, seen: &Seen) -> Option<(u64, u64)> {
        self.onset.map(|_| (seen.before, seen.after))
    }

    /// `None` where no onset is known, or the log does not reach from well before it to after it.
    pub(super) fn trend(&self, seen: &Seen) -> Option<LogTrend> {
        let (onset, (first, last)) = (self.onset?, self.covered?);
        let (before, after) = (onset.saturating_sub(first), last.saturating_sub(onset));
        if before < MIN_BEFORE || after < 0 || seen.before + seen.after == 0 {
            return None;
        }
        let (least, times) = MORE;
        // Lines per time, multiplied out.
        let rate = |lines: u64, of_other: i64| i128::from(lines) * i128::from(of_other);
        Some(match (seen.before, seen.after) {
            (0, _) => LogTrend::New,
            (_, 0) => LogTrend::Ceased,
            (old, new) if new >= least && rate(new, before) >= rate(old * times, after) => {
                LogTrend::MoreOften
            }
            _ => LogTrend::Steady,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LogTrend, Seen, Window};

    const MINUTE: i64 = 60_000_000;

    fn trend(covered: (i64, i64), onset: Option<i64>, minutes: &[i64]) -> Option<LogTrend> {
        let mut window = Window::new(onset.map(|minute| minute * MINUTE));
        window.widen(Some(covered.0 * MINUTE));
        window.widen(Some(covered.1 * MINUTE));
        let mut seen = Seen::default();
        for minute in minutes {
            seen.add(Some(minute * MINUTE), Some(minute * MINUTE), &window);
        }
        window.trend(&seen)
    }

    #[test]
    fn a_trend_is_told_only_when_the_log_reaches_from_before_to_after_the_onset() {
        assert_eq!(trend((0, 60), Some(30), &[31]), Some(LogTrend::New));
        assert_eq!(trend((30, 60), Some(30), &[31]), None);
        assert_eq!(trend((0, 20), Some(30), &[11]), None);
        assert_eq!(trend((0, 60), None, &[31]), None);
        assert_eq!(trend((0, 60), Some(30), &[]), None);
    }

    #[test]
    fn rates_are_compared_not_counts() {
        assert_eq!(trend((0, 60), Some(50), &[1, 51, 52, 53, 54, 55]), Some(LogTrend::MoreOften));
        assert_eq!(trend((0, 60), Some(10), &[1, 51, 52, 53, 54, 55]), Some(LogTrend::Steady));
        assert_eq!(trend((0, 60), Some(30), &[1, 2, 31, 32]), Some(LogTrend::Steady));
        assert_eq!(trend((0, 60), Some(30), &[1, 2]), Some(LogTrend::Ceased));
    }
}
