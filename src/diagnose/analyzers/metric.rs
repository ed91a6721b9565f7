//! Metric readings beyond what healthy programs show.

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::observe::{Reading, ReadingKind};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.readings.iter().filter(|reading| reading.value.is_finite()).filter_map(check).collect()
}

fn check(reading: &Reading) -> Option<Finding> {
    let (code, what) = beyond(reading)?;
    let before = reading.before.map(|before| format!(", an hour ago {}", number(before)));
    let statement =
        format!("{}: {what} is {}{}", reading.object, number(reading.value), before.unwrap_or_default());
    let finding = Finding::new(code, reading.object.clone(), statement)
        .field("value", number(reading.value))
        .field_if("before", reading.before.map(number))
        .field_if("container", reading.container.as_ref())
        .field("query", &reading.query);
    Some(finding)
}

/// Thresholds: those of the common kubernetes-mixin alerts where there is one (throttling 25 %), else values that programs
/// reach only in trouble.
fn beyond(reading: &Reading) -> Option<(Code, &'static str)> {
    let (value, before) = (reading.value, reading.before.unwrap_or(0.0));
    let (beyond, code, what) = match reading.kind {
        ReadingKind::Restarts => (value >= 1.5, codes::METRIC_RESTARTS, "restarts in 15 minutes"),
        ReadingKind::MemoryOfLimit => (value > 0.9, codes::METRIC_MEMORY, "memory use of its limit"),
        ReadingKind::CpuThrottling => {
            (value > 0.25, codes::METRIC_THROTTLING, "share of throttled CPU periods")
        }
        ReadingKind::ErrorRate => {
            (value > 0.05 && value > before * 1.5, codes::METRIC_ERRORS, "share of requests answered 5xx")
        }
        ReadingKind::LatencyP99 => {
            (is_slow(value, reading.before), codes::METRIC_LATENCY, "p99 latency in seconds")
        }
        ReadingKind::HpaUtilisation => {
            (value >= 1.0, codes::METRIC_HPA, "replicas of the autoscaler's maximum")
        }
    };
    beyond.then_some((code, what))
}

/// Twice as slow as before and noticeable; without a comparison only what nobody would call fast.
fn is_slow(seconds: f64, before: Option<f64>) -> bool {
    match before.filter(|before| before.is_finite() && *before > 0.0) {
        Some(before) => seconds > before * 2.0 && seconds > 0.1,
        None => seconds > 1.0,
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}
