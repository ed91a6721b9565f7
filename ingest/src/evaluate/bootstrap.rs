//! How sure a mean is: percentile bootstrap (Efron and Tibshirani, 1993) with a fixed seed.

use super::Figures;

/// Times that the queries are drawn anew, with replacement.
const DRAWS: usize = 2_000;
/// Largest number of single figures that are drawn; with very many queries there are fewer draws, and enough.
const WORK: usize = 20_000_000;
const SEED: u64 = 0x6b75_6265_7772_6967;
/// Share of the draws left out at each end: what remains is a 95 % interval.
const TAIL: f64 = 0.025;

/// Lower and upper end of the 95 % confidence interval of the mean of each figure.
pub(super) fn interval(figures: &[Figures]) -> (Figures, Figures) {
    let draws = (WORK / figures.len().max(1)).clamp(100, DRAWS);
    let mut random = SplitMix(SEED);
    let means: Vec<Figures> = (0..draws).map(|_| Figures::mean(drawn(figures, &mut random))).collect();
    (percentile(&means, TAIL), percentile(&means, 1.0 - TAIL))
}

fn drawn<'a>(figures: &'a [Figures], random: &mut SplitMix) -> Vec<&'a Figures> {
    figures.iter().filter_map(|_| figures.get(random.below(figures.len()))).collect()
}

fn percentile(means: &[Figures], share: f64) -> Figures {
    let pick = |figure: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = means.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let place = (share * values.len().saturating_sub(1) as f64).round() as usize;
        values.get(place).copied().unwrap_or_default()
    };
    Figures {
        hit_1: pick(|means| means.hit_1),
        hit_5: pick(|means| means.hit_5),
        hit_10: pick(|means| means.hit_10),
        mrr_10: pick(|means| means.mrr_10),
        ndcg_10: pick(|means| means.ndcg_10),
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, fast, the same everywhere; not for secrets.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below the bound; the tiny bias of the remainder does not matter here.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_hits(hits: usize, of: usize) -> Vec<Figures> {
        (0..of).map(|n| Figures { hit_1: f64::from(u8::from(n < hits)), ..Figures::default() }).collect()
    }

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_more_queries() {
        let (low, high) = interval(&with_hits(80, 100));
        assert!(low.hit_1 < 0.8 && 0.8 < high.hit_1);
        // The normal approximation gives 0.8 ± 0.078.
        assert!((low.hit_1 - 0.722).abs() < 0.02 && (high.hit_1 - 0.878).abs() < 0.02, "{low:?} {high:?}");
        let (narrow_low, narrow_high) = interval(&with_hits(1_200, 1_500));
        assert!(narrow_high.hit_1 - narrow_low.hit_1 < 0.05);
    }

    #[test]
    fn what_never_differs_has_no_width_and_equal_figures_give_equal_intervals() {
        let (low, high) = interval(&with_hits(5, 5));
        assert_eq!((low.hit_1, high.hit_1), (1.0, 1.0));
        assert_eq!(interval(&with_hits(3, 7)), interval(&with_hits(3, 7)));
        assert_eq!(interval(&[]), Default::default());
    }
}
