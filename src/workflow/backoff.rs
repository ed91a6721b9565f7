//! When a failed step is tried again.

use std::time::Duration;

/// How often a step may fail in a row before the incident goes to people.
pub(super) const MAX_STEP_FAILURES: u32 = 5;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Doubles from one second to a minute; `jitter` (0 to 1) spreads incidents that failed together over half the delay.
pub(super) fn delay(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST);
    doubled.mul_f64(jitter.clamp(0.0, 1.0).mul_add(0.5, 0.75))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::delay;

    #[test]
    fn delays_double_up_to_a_minute() {
        let seconds: Vec<Duration> = [0, 1, 2, 3, 10, 40].map(|failures| delay(failures, 0.5)).to_vec();
        assert_eq!(seconds, [1, 2, 4, 8, 60, 60].map(Duration::from_secs));
    }

    #[test]
    fn jitter_spreads_a_delay_by_a_quarter_either_way() {
        assert_eq!(delay(2, 0.0), Duration::from_secs(3));
        assert_eq!(delay(2, 1.0), Duration::from_secs(5));
    }
}
