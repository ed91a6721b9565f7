//! The 0-to-1 scale that signal strengths and confidences share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number from 0 (says nothing) to 1 (certain). Values outside are clamped, NaN becomes 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
#[serde(from = "f64", into = "f64")]
#[schema(value_type = f64, minimum = 0.0, maximum = 1.0)]
pub struct Score(f64);

impl Score {
    /// Clamps `value` into 0..=1.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        if value.is_nan() { Self(0.0) } else { Self(value.clamp(0.0, 1.0)) }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl From<f64> for Score {
    fn from(value: f64) -> Self {
        Self::new(value)
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        score.0
    }
}

#[cfg(test)]
mod tests {
    use super::Score;

    #[test]
    fn values_outside_the_scale_are_clamped() {
        let clamped = [-1.0, 0.25, 7.0, f64::NAN].map(|value| Score::new(value).value());
        assert_eq!(clamped, [0.0, 0.25, 1.0, 0.0]);
    }
}
