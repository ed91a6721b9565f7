//! Diagnosing every case and comparing.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::folder::{Case, cases};
use super::labels::{Labels, LabelsError, Vocabulary};
use super::predict::{PredictionLine, predictions};
use super::report::{Report, Row, report, told};
use super::score::{Outcome, score};
use super::truth::Truth;
use crate::diagnose::{Diagnosis, RuleBook};
use crate::observe::{DumpLimits, DumpRequest, Snapshot, read_dump};

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// A folder or file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// There is no case.
    #[error("no folder below {0} holds a truth.json: a case is a folder with dump/ and truth.json")]
    None(PathBuf),
    /// A truth of neither format.
    #[error("{path} is no truth: expected root_cause and fault_object, or root_causes ({error})")]
    Truth {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: serde_json::Error,
    },
    /// The labels cannot be used.
    #[error(transparent)]
    Labels(#[from] LabelsError),
}

/// What is evaluated.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Folder of the cases.
    pub cases: PathBuf,
    /// Label file, vocabulary, or the name of built-in labels; `None`: what fits the cases.
    pub labels: Option<PathBuf>,
    /// The present, for dumps that do not say when they were collected.
    pub now: Timestamp,
}

/// Diagnoses every case below the folder, one after the other, and sums up. `each` is told of every case as it is done.
/// Blocks: it reads files and computes.
///
/// # Errors
/// [`CasesError`] when there are no cases or labels to work with. A dump that cannot be read is a row with an error, and
/// counts as wrong.
pub fn evaluate(
    evaluation: &Evaluation,
    each: impl FnMut(&Row, &PredictionLine),
) -> Result<Report, CasesError> {
    evaluate_by(&RuleBook::built_in(), evaluation, each)
}

/// As [`evaluate`], by these rules.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_by(
    rules: &RuleBook,
    evaluation: &Evaluation,
    mut each: impl FnMut(&Row, &PredictionLine),
) -> Result<Report, CasesError> {
    let cases = cases(&evaluation.cases)?;
    let labels = labels(evaluation, &cases)?;
    let mut rows = Vec::with_capacity(cases.len());
    for case in cases {
        let row = row(&case, rules, labels.as_ref(), evaluation.now);
        each(&row, &PredictionLine { case: row.case.clone(), predictions: row.predictions.clone() });
        rows.push((row, case.truth));
    }
    Ok(report(rows, labels.as_ref()))
}

/// The labels that were asked for; else those that fit the vocabulary beside the cases, else those that fit the truths. The
/// truths only choose among whole files.
fn labels(evaluation: &Evaluation, cases: &[Case]) -> Result<Option<Labels>, CasesError> {
    if let Some(path) = &evaluation.labels {
        return Ok(Some(Labels::read(path)?));
    }
    let named: BTreeSet<String> = cases
        .iter()
        .filter_map(|case| match &case.truth {
            Truth::Labelled(truth) => Some(truth.root_cause.clone()),
            Truth::Objects(_) => None,
        })
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let beside = Vocabulary::beside(&evaluation.cases).and_then(|vocabulary| vocabulary.labels());
    Ok(beside.or_else(|| Labels::fitting(&named)))
}

fn row(case: &Case, rules: &RuleBook, labels: Option<&Labels>, now: Timestamp) -> Row {
    // Labels are for truths in their words only.
    let labels = labels.filter(|_| matches!(case.truth, Truth::Labelled(_)));
    let category = match &case.truth {
        Truth::Labelled(truth) => truth.category.clone(),
        Truth::Objects(truth) => truth.category.clone(),
    };
    let mut row = Row {
        case: case.name.clone(),
        category,
        truth: told(&case.truth),
        predictions: Vec::new(),
        outcome: Outcome::default(),
        read_ms: 0.0,
        diagnose_ms: 0.0,
        blind: Vec::new(),
        error: None,
    };
    let began = Instant::now();
    let read = read(&case.dump, now);
    row.read_ms = began.elapsed().as_secs_f64() * 1000.0;
    let snapshot = match read {
        Ok(snapshot) => snapshot,
        Err(error) => {
            row.error = Some(error);
            return row;
        }
    };
    let began = Instant::now();
    let diagnosis: Diagnosis = rules.diagnose(&snapshot, &[]);
    row.diagnose_ms = began.elapsed().as_secs_f64() * 1000.0;
    row.predictions = predictions(&diagnosis, &snapshot, labels);
    row.outcome = score(&case.truth, &row.predictions, labels);
    row.blind = diagnosis.blind;
    row
}

fn read(dump: &Path, now: Timestamp) -> Result<Snapshot, String> {
    let request = DumpRequest { cluster: "case".to_owned(), namespace: None, workload: None, now };
    read_dump(dump, &request, &DumpLimits::default())
        .map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}
