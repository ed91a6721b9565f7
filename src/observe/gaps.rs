//! Gathering what could not be read, without saying the same thing twenty times.

use super::ReadError;
use crate::incident::Gap;

/// From this many collectors with the same reason on, it is told once, with their names.
const MANY: usize = 5;

/// What could not be read so far.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    gaps: Vec<Gap>,
}

impl Gaps {
    /// Adds a failed read.
    pub(super) fn add_failure(&mut self, collector: &str, error: &ReadError) {
        self.add(collector, error.to_string());
    }

    /// Adds a gap, once.
    pub(super) fn add(&mut self, collector: &str, reason: String) {
        let gap = Gap { collector: collector.to_owned(), reason };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// All gaps; a reason that many collectors share (no connection, usually) becomes one gap of the collector
    /// `kubernetes (pods, services, …)`.
    pub(super) fn into_vec(self) -> Vec<Gap> {
        let mut told: Vec<Gap> = Vec::new();
        for gap in &self.gaps {
            let alike: Vec<&str> = self
                .gaps
                .iter()
                .filter(|other| other.reason == gap.reason)
                .map(|other| other.collector.as_str())
                .collect();
            let gap = if alike.len() < MANY {
                gap.clone()
            } else {
                let collector = format!("kubernetes ({})", alike.join(", "));
                Gap { collector, reason: gap.reason.clone() }
            };
            if !told.contains(&gap) {
                told.push(gap);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReadError;
    use super::Gaps;

    #[test]
    fn a_reason_that_many_share_is_told_once_with_their_names() {
        let mut gaps = Gaps::default();
        for collector in ["a", "b", "c", "d", "e", "e"] {
            gaps.add_failure(collector, &ReadError::Unauthorized);
        }
        gaps.add("loki", "other".to_owned());
        let told: Vec<(String, String)> =
            gaps.into_vec().into_iter().map(|gap| (gap.collector, gap.reason)).collect();
        let expected = [
            ("kubernetes (a, b, c, d, e)", ReadError::Unauthorized.to_string()),
            ("loki", "other".to_owned()),
        ];
        assert_eq!(told, expected.map(|(collector, reason)| (collector.to_owned(), reason)));
    }
}
