//! How good a search is: figures over queries whose right documents are known.
//!
//! Owns the query file, the figures with their confidence intervals, and the report as JSON and as a table. Knows
//! nothing of searching: what comes in is, for every query, the document paths that each mode found, best first.

mod bootstrap;
mod metrics;
mod queries;
mod report;

pub use metrics::Figures;
pub use queries::{QueriesError, Query, not_among, read};
pub use report::{Difference, Evaluation, Intervals, ModeReport};

use std::collections::BTreeMap;

/// The documents that one mode found: for each query in order, paths relative to the corpus, best first.
pub type Run = Vec<Vec<String>>;

/// Why results cannot be judged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EvaluationError {
    /// There is nothing to judge by.
    #[error("there are no queries to judge by; the query file is empty")]
    NoQueries,
    /// A mode was not asked every query.
    #[error("mode {mode} has results for {results} of {queries} queries; every mode must answer every query")]
    Incomplete {
        /// Which mode.
        mode: String,
        /// Queries that it has results for.
        results: usize,
        /// Queries there are.
        queries: usize,
    },
}

impl Evaluation {
    /// Judges the results of each mode. Where there is a mode `hybrid`, it is also compared with each other mode.
    ///
    /// A path that comes several times in one result counts at its first place. The intervals are those of a
    /// bootstrap with a fixed seed, so equal results give an equal report.
    ///
    /// # Errors
    /// There are no queries, or a mode has not exactly one result for each.
    pub fn of(queries: &[Query], runs: &BTreeMap<String, Run>) -> Result<Self, EvaluationError> {
        if queries.is_empty() {
            return Err(EvaluationError::NoQueries);
        }
        if let Some((mode, run)) = runs.iter().find(|(_, run)| run.len() != queries.len()) {
            let (mode, results) = (mode.clone(), run.len());
            return Err(EvaluationError::Incomplete { mode, results, queries: queries.len() });
        }
        let by_query: BTreeMap<&str, Vec<Figures>> =
            runs.iter().map(|(mode, run)| (mode.as_str(), each(queries, run))).collect();
        Ok(report::of(queries.len(), &by_query))
    }
}

/// The figures of every single query.
fn each(queries: &[Query], run: &Run) -> Vec<Figures> {
    queries.iter().zip(run).map(|(query, found)| Figures::of(found, &query.relevant)).collect()
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
