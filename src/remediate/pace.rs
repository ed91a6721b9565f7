//! How long a call to the API server may take and how often it is tried.

use std::time::Duration;

use backon::ExponentialBuilder;

/// Deadline and retry budget of the calls that make one change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Deadline of one call.
    pub(super) call: Duration,
    /// Tries after the first.
    pub(super) retries: usize,
    /// Wait before the first retry; doubles each time, with jitter.
    pub(super) wait: Duration,
}

impl Default for Pace {
    /// Ten seconds a call (an admission webhook alone may take ten), four retries from 100 ms.
    fn default() -> Self {
        Self { call: Duration::from_secs(10), retries: 4, wait: Duration::from_millis(100) }
    }
}

impl Pace {
    /// The retry schedule.
    pub(super) fn schedule(self) -> ExponentialBuilder {
        ExponentialBuilder::default().with_min_delay(self.wait).with_max_times(self.retries).with_jitter()
    }
}
