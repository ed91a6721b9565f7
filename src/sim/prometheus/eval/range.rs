//! Functions of one window of samples. `rate`, `increase` and `delta` extrapolate to the window's edges as Prometheus
//! does (promql/functions.go, `extrapolatedRate`).

use super::Window;

/// How `extrapolated` treats a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Growth {
    /// Per second, of a counter.
    Rate,
    /// In total, of a counter.
    Increase,
    /// In total, of a gauge.
    Delta,
}

/// The growth over a window; nothing with fewer than two samples.
pub(super) fn extrapolated(window: &Window, growth: Growth) -> Option<f64> {
    let (first, last) = (window.points.first()?, window.points.last()?);
    if window.points.len() < 2 || last.0 <= first.0 {
        return None;
    }
    let is_counter = growth != Growth::Delta;
    let mut total = last.1 - first.1;
    if is_counter {
        total += resets_sum(window);
    }
    let sampled = seconds(last.0 - first.0);
    let covered = sampled + edges(window, is_counter.then_some((first.1, total)));
    total *= covered / sampled;
    match growth {
        Growth::Rate => Some(total / seconds(window.to_ms - window.from_ms)),
        Growth::Increase | Growth::Delta => Some(total),
    }
}

fn edges(window: &Window, counter: Option<(f64, f64)>) -> f64 {
    let (Some(first), Some(last)) = (window.points.first(), window.points.last()) else { return 0.0 };
    let sampled = seconds(last.0 - first.0);
    let average = sampled / (window.points.len() - 1) as f64;
    let limit = |gap: f64| if gap >= average * 1.1 { average / 2.0 } else { gap };
    let mut to_start = limit(seconds(first.0 - window.from_ms));
    let to_end = limit(seconds(window.to_ms - last.0));
    if let Some((value, total)) = counter
        && total > 0.0
        && value >= 0.0
    {
        // A counter was never below zero: don't extrapolate past the point where it would have been.
        to_start = to_start.min(sampled * value / total);
    }
    to_start + to_end
}

fn resets_sum(window: &Window) -> f64 {
    pairs(window).filter(|(before, now)| now.1 < before.1).map(|(before, _)| before.1).sum()
}

/// Consecutive points of a window.
pub(super) fn pairs(window: &Window) -> impl Iterator<Item = (&(i64, f64), &(i64, f64))> {
    window.points.iter().zip(window.points.iter().skip(1))
}

/// The rate between the last two samples.
pub(super) fn instant_rate(window: &Window) -> Option<f64> {
    let (before, last) = pairs(window).last()?;
    let grown = if last.1 < before.1 { last.1 } else { last.1 - before.1 };
    Some(grown / seconds(last.0 - before.0))
}

/// A φ-quantile by linear interpolation of the ordered values.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = q * (values.len() - 1) as f64;
    let (lower, upper) = (rank.floor() as usize, rank.ceil() as usize);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    at(lower) + (at(upper) - at(lower)) * (rank - rank.floor())
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
