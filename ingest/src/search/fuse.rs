//! Two rankings of documents into one: weighted reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

use std::collections::HashMap;

/// Dampens how much the first ranks count. The paper's 60 suits long lists; here the first few places say most, and 5 to 60
/// lie on one plateau: see docs/BENCHMARKS.md.
const K: f32 = 10.0;

/// A ranking with its weight.
pub(crate) struct Ranked<'a> {
    /// Keys, the best first.
    pub(crate) keys: Vec<&'a str>,
    /// How much it counts.
    pub(crate) weight: f32,
}

/// Keys with their fused scores, the best first; equal scores in the order of their keys.
pub(crate) fn fuse(rankings: &[Ranked<'_>]) -> Vec<(String, f32)> {
    let mut scores = HashMap::<&str, f32>::new();
    for ranking in rankings {
        for (rank, key) in ranking.keys.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
            let share = ranking.weight / (K + rank as f32 + 1.0);
            *scores.entry(key).or_default() += share;
        }
    }
    let mut fused: Vec<(String, f32)> =
        scores.into_iter().map(|(key, score)| (key.to_owned(), score)).collect();
    fused.sort_by(|(a_key, a), (b_key, b)| b.total_cmp(a).then_with(|| a_key.cmp(b_key)));
    fused
}

#[cfg(test)]
mod tests {
    use super::{Ranked, fuse};

    #[test]
    fn what_both_rankings_like_comes_first() {
        let rankings = [
            Ranked { keys: vec!["words", "both", "other"], weight: 1.0 },
            Ranked { keys: vec!["meaning", "both"], weight: 1.0 },
        ];
        let order: Vec<String> = fuse(&rankings).into_iter().map(|(key, _)| key).collect();
        assert_eq!(order, ["both", "meaning", "words", "other"]);
    }

    #[test]
    fn a_heavier_ranking_wins_a_tie() {
        let rankings = [Ranked { keys: vec!["a"], weight: 1.0 }, Ranked { keys: vec!["b"], weight: 1.5 }];
        assert_eq!(fuse(&rankings)[0].0, "b");
    }
}
