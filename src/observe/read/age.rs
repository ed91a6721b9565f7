//! Ages as kubectl writes them.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// The time from `since` to `now`, at most two units: `45s`, `2m30s`, `5h10m`, `12d`. The steps are those of
/// `k8s.io/apimachinery/pkg/util/duration.HumanDuration`. A time that has not come yet is `0s`.
#[must_use]
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let two = |large: i64, name: char, small: i64, rest: char| {
        let (whole, left) = (seconds / large, seconds % large / small);
        if left == 0 { format!("{whole}{name}") } else { format!("{whole}{name}{left}{rest}") }
    };
    match seconds {
        seconds if seconds < 2 * MINUTE => format!("{seconds}s"),
        seconds if seconds < 10 * MINUTE => two(MINUTE, 'm', 1, 's'),
        seconds if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 8 * HOUR => two(HOUR, 'h', MINUTE, 'm'),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 8 * DAY => two(DAY, 'd', HOUR, 'h'),
        seconds if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        seconds if seconds < 8 * YEAR => two(YEAR, 'y', DAY, 'd'),
        seconds => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::age;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let cases = [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (700, "11m"),
            (10_800, "3h"),
            (18_600, "5h10m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (70_000_000, "2y80d"),
            (400_000_000, "12y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(now - SignedDuration::from_secs(seconds), now), expected);
        }
    }
}
