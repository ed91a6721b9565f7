//! Measuring by the time that this thread had a core for.

use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// The first figure of the thread's `schedstat`: nanoseconds on a core.
pub(crate) struct CpuTime;

fn on_core() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with /proc");
    let first = figures.split_whitespace().next().and_then(|figure| figure.parse().ok());
    Duration::from_nanos(first.expect("a number of nanoseconds"))
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        on_core()
    }

    fn end(&self, before: Duration) -> Duration {
        on_core().saturating_sub(before)
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
