//! All cases in numbers. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calibration::{Calibration, count};
use super::labels::{Labels, normal};
use super::predict::{Prediction, spelt};
use super::score::Outcome;
use super::truth::{LabelledTruth, ObjectTruth, Truth};

/// One case with what was predicted.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The case.
    pub case: String,
    /// Its category.
    pub category: String,
    /// What is true: `root_cause at object`, or the objects; empty where nothing is wrong.
    pub truth: Vec<String>,
    /// What was predicted.
    pub predictions: Vec<Prediction>,
    /// How right that is.
    pub outcome: Outcome,
    /// Reading the dump, ms.
    pub read_ms: f64,
    /// Diagnosing, ms.
    pub diagnose_ms: f64,
    /// What could not be seen, according to the diagnosis.
    pub blind: Vec<String>,
    /// Why there is no diagnosis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Cases with a root cause of a vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelledScore {
    /// How many.
    pub cases: usize,
    /// Share whose first prediction is right in root cause and object.
    pub a1: f64,
    /// Share with a right one among the first three.
    pub a3: f64,
    /// Mean over root causes of their `a1`.
    pub macro_a1: f64,
    /// Share whose first prediction names the right root cause.
    pub cause: f64,
    /// Share whose first prediction names the right object.
    pub object: f64,
    /// By root cause.
    pub by_cause: BTreeMap<String, ByCause>,
    /// What was taken for what, most frequent first.
    pub confusions: Vec<Confusion>,
}

/// The cases of one root cause.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ByCause {
    /// How many.
    pub cases: usize,
    /// Share whose first prediction is right.
    pub a1: f64,
    /// Share with a right one among the first three.
    pub a3: f64,
    /// Share whose first prediction names the right root cause.
    pub cause: f64,
}

/// A wrong first prediction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Confusion {
    /// What is true.
    pub truth: String,
    /// What was predicted first.
    pub predicted: String,
    /// How often.
    pub cases: usize,
}

/// Cases with objects at fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectScore {
    /// How many, healthy clusters included.
    pub cases: usize,
    /// How many begin with a right object, or with nothing where nothing is wrong.
    pub first: usize,
    /// How many name all objects at fault.
    pub complete: usize,
    /// How many begin with a symptom.
    pub symptom_as_cause: usize,
    /// Healthy clusters.
    pub healthy: usize,
    /// Healthy clusters with any prediction.
    pub false_alarms: usize,
}

/// The whole evaluation.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How many cases there are.
    pub cases: usize,
    /// The labels in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Cases with a root cause of a vocabulary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled: Option<LabelledScore>,
    /// Cases with objects at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectScore>,
    /// Whether confidences are what they claim to be.
    pub calibration: Calibration,
    /// Mean time for reading a case, ms.
    pub read_ms: f64,
    /// Mean time for diagnosing it, ms.
    pub diagnose_ms: f64,
    /// Cases in a second, reading included.
    pub cases_per_second: f64,
    /// Every case.
    pub rows: Vec<Row>,
}

/// What is true of a case, for people.
pub(super) fn told(truth: &Truth) -> Vec<String> {
    match truth {
        Truth::Labelled(truth) => vec![format!("{} at {}", truth.root_cause, truth.fault_object)],
        Truth::Objects(truth) => truth.root_causes.iter().map(spelt).collect(),
    }
}

/// Sums up.
pub(super) fn report(rows: Vec<(Row, Truth)>, labels: Option<&Labels>) -> Report {
    let labelled: Vec<(&Row, &LabelledTruth)> = rows
        .iter()
        .filter_map(|(row, truth)| match truth {
            Truth::Labelled(truth) => Some((row, truth)),
            Truth::Objects(_) => None,
        })
        .collect();
    let objects: Vec<(&Row, &ObjectTruth)> = rows
        .iter()
        .filter_map(|(row, truth)| match truth {
            Truth::Objects(truth) => Some((row, truth)),
            Truth::Labelled(_) => None,
        })
        .collect();
    let firsts: Vec<(f64, bool)> = rows
        .iter()
        .filter_map(|(row, _)| Some((row.predictions.first()?.confidence, row.outcome.first)))
        .collect();
    let (read, diagnosed) = (mean(&rows, |row| row.read_ms), mean(&rows, |row| row.diagnose_ms));
    Report {
        cases: rows.len(),
        labels: labels.map(|labels| labels.name.clone()),
        labelled: (!labelled.is_empty()).then(|| labelled_score(&labelled, labels)),
        objects: (!objects.is_empty()).then(|| object_score(&objects)),
        calibration: Calibration::of(&firsts),
        read_ms: read,
        diagnose_ms: diagnosed,
        cases_per_second: if read + diagnosed > 0.0 { 1000.0 / (read + diagnosed) } else { 0.0 },
        rows: rows.into_iter().map(|(row, _)| row).collect(),
    }
}

fn mean(rows: &[(Row, Truth)], of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(|(row, _)| of(row)).sum::<f64>() / count(rows.len().max(1))
}

fn share(rows: &[(&Row, &LabelledTruth)], is: impl Fn(&Outcome) -> bool) -> f64 {
    count(rows.iter().filter(|(row, _)| is(&row.outcome)).count()) / count(rows.len().max(1))
}

fn labelled_score(rows: &[(&Row, &LabelledTruth)], labels: Option<&Labels>) -> LabelledScore {
    let canonical = |name: &str| labels.map_or_else(|| normal(name), |labels| labels.canonical(name));
    let mut groups: BTreeMap<String, Vec<(&Row, &LabelledTruth)>> = BTreeMap::new();
    for (row, truth) in rows {
        groups.entry(canonical(&truth.root_cause)).or_default().push((row, truth));
    }
    let by_cause: BTreeMap<String, ByCause> = groups
        .into_iter()
        .map(|(cause, rows)| {
            let (a1, a3) = (share(&rows, |outcome| outcome.first), share(&rows, |outcome| outcome.complete));
            (cause, ByCause { cases: rows.len(), a1, a3, cause: share(&rows, |outcome| outcome.cause) })
        })
        .collect();
    LabelledScore {
        cases: rows.len(),
        a1: share(rows, |outcome| outcome.first),
        a3: share(rows, |outcome| outcome.complete),
        macro_a1: by_cause.values().map(|cause| cause.a1).sum::<f64>() / count(by_cause.len().max(1)),
        cause: share(rows, |outcome| outcome.cause),
        object: share(rows, |outcome| outcome.object),
        by_cause,
        confusions: confusions(rows),
    }
}

fn confusions(rows: &[(&Row, &LabelledTruth)]) -> Vec<Confusion> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (row, truth) in rows.iter().filter(|(row, _)| !row.outcome.first) {
        let said = match row.predictions.first() {
            Some(first) if row.outcome.cause => {
                format!("the same at another object than {} means", first.fault_object)
            }
            Some(first) => first.root_cause.clone(),
            None => "(nothing)".to_owned(),
        };
        *counts.entry((truth.root_cause.clone(), said)).or_default() += 1;
    }
    let mut confusions: Vec<Confusion> =
        counts.into_iter().map(|((truth, predicted), cases)| Confusion { truth, predicted, cases }).collect();
    confusions.sort_by(|a, b| b.cases.cmp(&a.cases).then_with(|| a.cmp(b)));
    confusions
}

fn object_score(rows: &[(&Row, &ObjectTruth)]) -> ObjectScore {
    let number = |is: fn(&Outcome) -> bool| rows.iter().filter(|(row, _)| is(&row.outcome)).count();
    ObjectScore {
        cases: rows.len(),
        first: number(|outcome| outcome.first),
        complete: number(|outcome| outcome.complete),
        symptom_as_cause: number(|outcome| outcome.symptom),
        healthy: rows.iter().filter(|(_, truth)| truth.root_causes.is_empty()).count(),
        false_alarms: number(|outcome| outcome.false_alarm),
    }
}
