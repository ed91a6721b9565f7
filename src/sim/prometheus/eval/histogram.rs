//! `histogram_quantile` over classic histograms (promql/quantile.go, `BucketQuantile`).

use std::collections::BTreeMap;

use super::{Element, without_name};
use crate::sim::prometheus::series::Labels;

const BUCKET: &str = "le";

/// The φ-quantile of each histogram in a vector of buckets.
pub(super) fn histogram_quantile(q: f64, buckets: Vec<Element>) -> Vec<Element> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for element in buckets {
        let mut labels = without_name(element.labels);
        let Some(bound) = labels.remove(BUCKET).and_then(|le| parse_bound(&le)) else { continue };
        histograms.entry(labels).or_default().push((bound, element.value));
    }
    histograms.into_iter().map(|(labels, buckets)| Element { labels, value: quantile(q, buckets) }).collect()
}

fn parse_bound(le: &str) -> Option<f64> {
    match le {
        "+Inf" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

fn quantile(q: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(highest, total)) = buckets.last() else { return f64::NAN };
    if highest != f64::INFINITY || buckets.len() < 2 || total <= 0.0 || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * total;
    let mut below = (0.0_f64, 0.0_f64);
    for (bound, count) in buckets {
        if count >= rank {
            return interpolate(rank, below, (bound, count));
        }
        below = (bound, count.max(below.1));
    }
    f64::NAN
}

fn interpolate(rank: f64, below: (f64, f64), bucket: (f64, f64)) -> f64 {
    if bucket.0 == f64::INFINITY {
        return below.0;
    }
    if bucket.0 <= 0.0 {
        return bucket.0;
    }
    let inside = bucket.1 - below.1;
    if inside <= 0.0 { bucket.0 } else { below.0 + (bucket.0 - below.0) * (rank - below.1) / inside }
}
