//! The figures that retrieval is judged by. A document is right or wrong; there are no shades (binary relevance).

use std::collections::BTreeSet;

use serde::Serialize;

use super::queries::relative;

/// How deep the deepest figure looks.
const DEPTH: usize = 10;

/// Figures of one query, or their means over many; each from 0 to 1, more is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Share of queries with a right document in the first place.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Share of queries with a right document among the first five.
    #[serde(rename = "hit@5")]
    pub hit_5: f64,
    /// Share of queries with a right document among the first ten.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// Mean of 1 / place of the first right document; 0 for one beyond the tenth place.
    #[serde(rename = "mrr@10")]
    pub mrr_10: f64,
    /// Normalized discounted cumulative gain of the first ten: each right document gains 1 / log2(place + 1),
    /// divided by what the best possible order would gain (Järvelin and Kekäläinen, 2002).
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
}

impl Figures {
    /// The figures of one query. A path that was found several times counts at its first place only.
    #[must_use]
    pub fn of(found: &[String], relevant: &BTreeSet<String>) -> Self {
        let mut seen = BTreeSet::new();
        let places: Vec<usize> = found
            .iter()
            .map(|path| relative(path))
            .filter(|path| seen.insert(*path))
            .take(DEPTH)
            .zip(1..)
            .filter(|(path, _)| relevant.contains(*path))
            .map(|(_, place)| place)
            .collect();
        let first = places.first().copied();
        let hit = |depth| if first.is_some_and(|place| place <= depth) { 1.0 } else { 0.0 };
        let best: f64 = (1..=relevant.len().min(DEPTH)).map(gain).sum();
        let reached: f64 = places.iter().copied().map(gain).sum();
        Self {
            hit_1: hit(1),
            hit_5: hit(5),
            hit_10: hit(DEPTH),
            mrr_10: first.map_or(0.0, |place| 1.0 / place as f64),
            ndcg_10: if best > 0.0 { reached / best } else { 0.0 },
        }
    }

    /// The means; all 0 for none.
    #[must_use]
    pub fn mean<'a>(figures: impl IntoIterator<Item = &'a Self>) -> Self {
        let (sum, count) = figures
            .into_iter()
            .fold((Self::default(), 0_usize), |(sum, count), one| (sum.with(one, |a, b| a + b), count + 1));
        sum.map(|value| value / count.max(1) as f64)
    }

    /// Figure by figure, out of these and others.
    pub(super) fn with(self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            hit_1: combine(self.hit_1, other.hit_1),
            hit_5: combine(self.hit_5, other.hit_5),
            hit_10: combine(self.hit_10, other.hit_10),
            mrr_10: combine(self.mrr_10, other.mrr_10),
            ndcg_10: combine(self.ndcg_10, other.ndcg_10),
        }
    }

    pub(super) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        self.with(&self, |value, _| change(value))
    }
}

fn gain(place: usize) -> f64 {
    1.0 / (place as f64 + 1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(found: &[&str], relevant: &[&str]) -> Figures {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        Figures::of(&found, &relevant.iter().map(ToString::to_string).collect())
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    #[test]
    fn the_first_place_is_worth_everything() {
        let all = Figures { hit_1: 1.0, hit_5: 1.0, hit_10: 1.0, mrr_10: 1.0, ndcg_10: 1.0 };
        assert_eq!(figures(&["a", "b"], &["a"]), all);
    }

    #[test]
    fn a_later_place_is_worth_less_and_the_eleventh_nothing() {
        let third = figures(&["x", "y", "a"], &["a"]);
        assert_eq!((third.hit_1, third.hit_5, third.hit_10), (0.0, 1.0, 1.0));
        assert!(close(third.mrr_10, 1.0 / 3.0) && close(third.ndcg_10, 0.5));
        let eleventh = figures(&["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "a"], &["a"]);
        assert_eq!(eleventh, Figures::default());
        assert_eq!(figures(&[], &["a"]), Figures::default());
    }

    #[test]
    fn a_document_found_twice_counts_once_and_takes_one_place() {
        assert!(close(figures(&["x", "./x", "a"], &["a"]).mrr_10, 0.5));
        assert!(close(figures(&["a", "a"], &["a", "b"]).ndcg_10, 1.0 / (1.0 + gain(2))));
    }

    #[test]
    fn several_right_documents_are_measured_against_the_best_order() {
        let found = figures(&["x", "a", "b"], &["a", "b"]);
        assert!(close(found.ndcg_10, (gain(2) + gain(3)) / (gain(1) + gain(2))));
        assert!(close(found.mrr_10, 0.5));
    }

    #[test]
    fn the_mean_is_over_queries_and_zero_for_none() {
        let mean = Figures::mean(&[figures(&["a"], &["a"]), figures(&["x"], &["a"])]);
        assert_eq!((mean.hit_1, mean.mrr_10), (0.5, 0.5));
        assert_eq!(Figures::mean(&[]), Figures::default());
    }
}
