//! Gathering what could not be read, without saying the same thing twenty times.

use super::ReadError;
use crate::incident::Gap;

/// The collector's name for what is wrong with the API server as a whole.
const WHOLE_SERVER: &str = "kubernetes";

/// From this many collectors with the same reason on, it is told once.
const MANY: usize = 5;

/// What could not be read so far.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    gaps: Vec<Gap>,
}

impl Gaps {
    /// Adds a failure of reading from the API server.
    pub(super) fn add_failure(&mut self, collector: &str, error: &ReadError) {
        let collector = if error.is_about_the_server() { WHOLE_SERVER } else { collector };
        self.add(collector, error.to_string());
    }

    /// Adds a gap, once.
    pub(super) fn add(&mut self, collector: &str, reason: String) {
        let gap = Gap { collector: collector.to_owned(), reason };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// All gaps; a reason that many collectors share becomes one gap that names them.
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
                let reason = format!("{} ({})", gap.reason, alike.join(", "));
                Gap { collector: WHOLE_SERVER.to_owned(), reason }
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
    use std::time::Duration;

    use super::super::ReadError;
    use super::Gaps;

    fn told(gaps: Gaps) -> Vec<(String, String)> {
        gaps.into_vec().into_iter().map(|gap| (gap.collector, gap.reason)).collect()
    }

    #[test]
    fn an_unreachable_server_is_one_gap() {
        let mut gaps = Gaps::default();
        for collector in ["pods", "services"] {
            gaps.add_failure(collector, &ReadError::Unauthorized);
        }
        assert_eq!(told(gaps), [("kubernetes".to_owned(), ReadError::Unauthorized.to_string())]);
    }

    #[test]
    fn a_reason_that_many_share_is_told_once_with_their_names() {
        let late = ReadError::TimedOut { after: Duration::from_secs(1) };
        let mut gaps = Gaps::default();
        for collector in ["a", "b", "c", "d", "e"] {
            gaps.add_failure(collector, &late);
        }
        gaps.add("loki", "other".to_owned());
        let expected = [("kubernetes", format!("{late} (a, b, c, d, e)")), ("loki", "other".to_owned())];
        assert_eq!(told(gaps), expected.map(|(collector, reason)| (collector.to_owned(), reason)));
    }
}
