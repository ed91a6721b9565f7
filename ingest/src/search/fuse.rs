//! Two rankings of documents into one: weighted reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

use std::collections::HashMap;
use std::hash::Hash;

/// Dampens how much the first ranks count. The paper's 60 suits long lists; here the first few places say most, and 5 to 60
/// lie on one plateau: see docs/BENCHMARKS.md.
const DAMPING: f32 = 10.0;

/// A ranking with its weight.
pub(crate) struct Ranked<K> {
    /// Keys, the best first.
    pub(crate) keys: Vec<K>,
    /// How much it counts.
    pub(crate) weight: f32,
}

/// Keys with their fused scores, the best first; equal scores in the order of their keys.
pub(crate) fn fuse<K: Copy + Eq + Hash + Ord>(rankings: &[Ranked<K>]) -> Vec<(K, f32)> {
    let mut scores = HashMap::<K, f32>::new();
    for ranking in rankings {
        for (rank, key) in ranking.keys.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
            let share = ranking.weight / (DAMPING + rank as f32 + 1.0);
            *scores.entry(*key).or_default() += share;
        }
    }
    let mut fused: Vec<(K, f32)> = scores.into_iter().collect();
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
        let order: Vec<&str> = fuse(&rankings).into_iter().map(|(key, _)| key).collect();
        assert_eq!(order, ["both", "meaning", "words", "other"]);
    }

    #[test]
    fn a_heavier_ranking_wins_a_tie() {
        let rankings = [Ranked { keys: vec!["a"], weight: 1.0 }, Ranked { keys: vec!["b"], weight: 1.5 }];
        assert_eq!(fuse(&rankings)[0].0, "b");
    }
}
