//! Incidents kept as cases: a dump with the truth about it, and how well the diagnosis finds that truth.
//!
//! `folder` finds cases, `truth` reads what is known of each, `labels` says a Hypothesis in the words of another vocabulary,
//! `predict` makes predictions of a Diagnosis, `score` compares them with the truth, `report` sums up. `scrub` and
//! `export` make a case of an incident. Files are read and written; everything else is pure.

mod calibration;
mod evaluate;
mod export;
mod folder;
pub mod labels;
mod predict;
mod report;
mod score;
mod scrub;
#[cfg(test)]
mod tests;
mod truth;

pub use calibration::{Bin, Calibration};
pub use evaluate::{CasesError, Evaluation, evaluate, evaluate_by};
pub use export::{Confirmed, write_case};
pub use folder::{Case, cases};
pub use labels::{Labels, LabelsError};
pub use predict::{Named, Prediction, PredictionLine, predictions};
pub use report::{ByCause, Confusion, LabelledScore, ObjectScore, Report, Row};
pub use score::Outcome;
pub use scrub::scrubbed;
pub use truth::{LabelledTruth, ObjectTruth, Truth};
