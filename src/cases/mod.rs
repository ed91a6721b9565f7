//! Incidents kept as cases: a dump with the truth about it, and how well the diagnosis finds that truth.
//!
//! `folder` finds cases, `truth` reads what is known of each, `labels` says a Hypothesis in the words of another vocabulary,
//! `predict` makes predictions of a Diagnosis, `score` compares them with the truth, `report` sums up. Reads files; everything
//! else is pure.

mod calibration;
mod evaluate;
mod folder;
pub mod labels;
mod predict;
mod report;
mod score;
#[cfg(test)]
mod tests;
mod truth;

pub use calibration::{Bin, Calibration};
pub use evaluate::{CasesError, Evaluation, evaluate};
pub use folder::{Case, cases};
pub use labels::{Labels, LabelsError};
pub use predict::{Prediction, PredictionLine, predictions};
pub use report::{ByCause, Confusion, LabelledScore, ObjectScore, Report, Row};
pub use score::Outcome;
pub use truth::{LabelledTruth, ObjectTruth, Truth};
