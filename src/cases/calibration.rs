//! Whether the diagnosis is as often right as it says: a reliability table. Pure.

use serde::Serialize;

/// How many bins of equal width there are from 0 to 1.
const BINS: u8 = 10;

/// Predictions of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Lowest confidence, included.
    pub from: f64,
    /// Highest, not included but in the last bin.
    pub to: f64,
    /// How many first predictions fall in here.
    pub count: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share of them that is right.
    pub right: f64,
}

/// The reliability of first predictions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins that hold anything, lowest first.
    pub bins: Vec<Bin>,
    /// Expected calibration error: the mean distance between confidence and share right, weighted by the bins' counts
    /// (Guo et al. 2017, "On Calibration of Modern Neural Networks"). 0 is perfect.
    pub expected_error: f64,
}

impl Calibration {
    /// Of confidences with whether each was right.
    #[must_use]
    pub fn of(predictions: &[(f64, bool)]) -> Self {
        let bins: Vec<Bin> = (0..BINS).filter_map(|number| bin(number, predictions)).collect();
        let all = count(predictions.len());
        let error = bins.iter().map(|bin| count(bin.count) / all * (bin.confidence - bin.right).abs()).sum();
        Self { bins, expected_error: error }
    }
}

fn bin(number: u8, predictions: &[(f64, bool)]) -> Option<Bin> {
    let (from, to) = (f64::from(number) / f64::from(BINS), f64::from(number + 1) / f64::from(BINS));
    let last = number + 1 == BINS;
    let within = |confidence: f64| confidence >= from && (confidence < to || last);
    let inside: Vec<&(f64, bool)> =
        predictions.iter().filter(|(confidence, _)| within(*confidence)).collect();
    if inside.is_empty() {
        return None;
    }
    let size = count(inside.len());
    Some(Bin {
        from,
        to,
        count: inside.len(),
        confidence: inside.iter().map(|(confidence, _)| confidence).sum::<f64>() / size,
        right: count(inside.iter().filter(|(_, right)| *right).count()) / size,
    })
}

pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::{Bin, Calibration};

    #[test]
    fn the_error_is_the_distance_between_what_is_said_and_what_is_right() {
        let calibration = Calibration::of(&[
            (0.95, true),
            (1.0, true),
            (0.5, true),
            (0.5, false),
            (0.5, false),
            (0.5, false),
        ]);
        let low = Bin { from: 0.5, to: 0.6, count: 4, confidence: 0.5, right: 0.25 };
        let high = Bin { from: 0.9, to: 1.0, count: 2, confidence: 0.975, right: 1.0 };
        assert_eq!(calibration.bins, [low, high]);
        assert!((calibration.expected_error - (4.0 * 0.25 + 2.0 * 0.025) / 6.0).abs() < 1e-9);
        assert_eq!(Calibration::of(&[]), Calibration::default());
    }
}
