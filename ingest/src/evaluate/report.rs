//! The report: JSON for machines, a table for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Figures, bootstrap};

/// The mode that is compared with each other one.
const HYBRID: &str = "hybrid";
/// The order of modes in the table; others follow by name.
const ORDER: [&str; 3] = ["lexical", "vector", HYBRID];

/// How good each mode of a search is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Queries that were asked.
    pub queries: usize,
    /// Relevant paths that the corpus does not have, by the query that names them; each counts as not found.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_in_corpus: BTreeMap<String, Vec<String>>,
    /// The figures of each mode, by its name.
    pub modes: BTreeMap<String, ModeReport>,
    /// How much better hybrid is than each other mode, by the other's name, on the same queries.
    #[serde(rename = "hybrid_minus", skip_serializing_if = "BTreeMap::is_empty")]
    pub hybrid_minus: BTreeMap<String, Difference>,
}

/// The figures of one mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModeReport {
    /// Means over all queries.
    #[serde(flatten)]
    pub mean: Figures,
    /// 95 % confidence intervals of the means.
    pub ci: Intervals,
}

/// How much higher the figures of one mode are than those of another, query by query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Means of the differences; less than 0 where the other mode is better.
    #[serde(flatten)]
    pub mean: Figures,
    /// 95 % confidence intervals; one that does not hold 0 is a difference beyond chance.
    pub ci: Intervals,
}

/// Lower and upper ends, figure by figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intervals {
    /// Of `hit@1`.
    #[serde(rename = "hit@1")]
    pub hit_1: [f64; 2],
    /// Of `hit@5`.
    #[serde(rename = "hit@5")]
    pub hit_5: [f64; 2],
    /// Of `hit@10`.
    #[serde(rename = "hit@10")]
    pub hit_10: [f64; 2],
    /// Of `mrr@10`.
    #[serde(rename = "mrr@10")]
    pub mrr_10: [f64; 2],
    /// Of `ndcg@10`.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: [f64; 2],
}

impl Intervals {
    fn of(figures: &[Figures]) -> Self {
        let (low, high) = bootstrap::interval(figures);
        Self {
            hit_1: [low.hit_1, high.hit_1],
            hit_5: [low.hit_5, high.hit_5],
            hit_10: [low.hit_10, high.hit_10],
            mrr_10: [low.mrr_10, high.mrr_10],
            ndcg_10: [low.ndcg_10, high.ndcg_10],
        }
    }
}

/// The report over the figures that each mode has for each query.
pub(super) fn of(queries: usize, by_query: &BTreeMap<&str, Vec<Figures>>) -> Evaluation {
    let modes = by_query
        .iter()
        .map(|(mode, figures)| {
            let report = ModeReport { mean: Figures::mean(figures), ci: Intervals::of(figures) };
            ((*mode).to_owned(), report)
        })
        .collect();
    let hybrid_minus = by_query.get(HYBRID).map_or_else(BTreeMap::new, |hybrid| {
        let others = by_query.iter().filter(|(mode, _)| **mode != HYBRID);
        others.map(|(mode, other)| ((*mode).to_owned(), difference(hybrid, other))).collect()
    });
    Evaluation { queries, not_in_corpus: BTreeMap::new(), modes, hybrid_minus }
}

fn difference(one: &[Figures], other: &[Figures]) -> Difference {
    let differences: Vec<Figures> =
        one.iter().zip(other).map(|(one, other)| one.with(other, |a, b| a - b)).collect();
    Difference { mean: Figures::mean(&differences), ci: Intervals::of(&differences) }
}

/// The table, each mean with its interval, then what hybrid gains.
impl fmt::Display for Evaluation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} queries, mean and 95 % confidence interval", self.queries)?;
        writeln!(
            out,
            "{:<16}{}",
            "mode",
            ["hit@1", "hit@5", "hit@10", "mrr@10", "ndcg@10"].map(|h| format!("{h:<22}")).concat().trim_end()
        )?;
        let known = ORDER.iter().filter_map(|mode| self.modes.get_key_value(*mode));
        let others = self.modes.iter().filter(|(mode, _)| !ORDER.contains(&mode.as_str()));
        for (mode, report) in known.chain(others) {
            writeln!(out, "{}", row(mode, &report.mean, &report.ci, false))?;
        }
        for (other, gain) in &self.hybrid_minus {
            writeln!(out, "{}", row(&format!("hybrid−{other}"), &gain.mean, &gain.ci, true))?;
        }
        absent(out, &self.not_in_corpus)?;
        Ok(())
    }
}

/// Queries of wrong paths that are named.
const NAMED: usize = 5;

fn absent(out: &mut fmt::Formatter<'_>, not_in_corpus: &BTreeMap<String, Vec<String>>) -> fmt::Result {
    if not_in_corpus.is_empty() {
        return Ok(());
    }
    let count = not_in_corpus.len();
    writeln!(
        out,
        "\n{count} queries name documents that the corpus does not have; they count as not found:"
    )?;
    for (query, paths) in not_in_corpus.iter().take(NAMED) {
        writeln!(out, "  {query}: {}", paths.join(", "))?;
    }
    match count.saturating_sub(NAMED) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more; all of them with -o json"),
    }
}

fn row(name: &str, mean: &Figures, ci: &Intervals, signed: bool) -> String {
    let number = |value: f64| if signed { format!("{value:+.3}") } else { format!("{value:.3}") };
    let cell = |value: f64, [low, high]: [f64; 2]| {
        format!("{:<22}", format!("{} {}…{}", number(value), number(low), number(high)))
    };
    let cells = [
        cell(mean.hit_1, ci.hit_1),
        cell(mean.hit_5, ci.hit_5),
        cell(mean.hit_10, ci.hit_10),
        cell(mean.mrr_10, ci.mrr_10),
        cell(mean.ndcg_10, ci.ndcg_10),
    ];
    format!("{name:<16}{}", cells.concat().trim_end())
}
