//! How long is waited, and how often is tried again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The times of retries, timeouts and circuits. Tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time to connect.
    pub connect: Duration,
    /// Longest silence in an answer that has begun, or before it begins; servers that read in silence get the provider's
    /// whole timeout.
    pub silence: Duration,
    /// Before the first retry; the second waits three times as long. Both are spread by jitter.
    pub first_pause: Duration,
    /// Longest wait that a provider may ask for while another model could be asked instead.
    pub longest_pause: Duration,
    /// How long a model or provider is left alone after it has failed for good.
    pub rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
            rest: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// Retries of one model in one question.
    const RETRIES: usize = 2;

    /// The pauses before the retries.
    pub(super) fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_factor(3.0)
            .with_max_times(Self::RETRIES)
            .with_jitter()
            .build()
    }
}
