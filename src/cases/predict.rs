//! Predictions of a Diagnosis. Pure.

use serde::{Deserialize, Serialize};

use super::labels::{App, Labels};
use crate::diagnose::Diagnosis;
use crate::incident::{Hypothesis, ObjectRef};
use crate::observe::Snapshot;

/// Most predictions of one case.
pub(super) const MOST: usize = 3;

/// One predicted root cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Its name in the vocabulary; our own code where none is used.
    pub root_cause: String,
    /// The object at fault in the words of the vocabulary; `kind/namespace/name` where none is used.
    pub fault_object: String,
    /// The object at fault as the cluster knows it.
    pub object: Named,
    /// How sure the diagnosis is, 0 to 1.
    pub confidence: f64,
    /// Our own code.
    pub code: String,
}

/// An object with its namespace always written, empty for cluster-wide kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The kind as the API spells it.
    pub kind: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl From<&ObjectRef> for Named {
    fn from(object: &ObjectRef) -> Self {
        Self { kind: object.kind.clone(), namespace: object.namespace.clone(), name: object.name.clone() }
    }
}

/// One line of `predictions.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionLine {
    /// The case's folder.
    pub case: String,
    /// Best first; empty: nothing is wrong.
    pub predictions: Vec<Prediction>,
}

/// The first predictions, best first. With `labels`, Hypotheses that the vocabulary has no word for are left out, and what
/// means the same is predicted once.
#[must_use]
pub fn predictions(diagnosis: &Diagnosis, snapshot: &Snapshot, labels: Option<&Labels>) -> Vec<Prediction> {
    let mut found: Vec<Prediction> = Vec::new();
    let app = labels.map(|_| App::new(snapshot));
    for hypothesis in &diagnosis.hypotheses {
        let said = match (labels, &app) {
            (Some(labels), Some(app)) => labels.label(hypothesis, &diagnosis.evidence, app),
            _ => Some((hypothesis.code.clone(), spelt(&hypothesis.object))),
        };
        let Some((root_cause, fault_object)) = said else { continue };
        let is_known =
            found.iter().any(|known| known.root_cause == root_cause && known.fault_object == fault_object);
        if !is_known {
            found.push(prediction(hypothesis, root_cause, fault_object));
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

fn prediction(hypothesis: &Hypothesis, root_cause: String, fault_object: String) -> Prediction {
    Prediction {
        root_cause,
        fault_object,
        object: Named::from(&hypothesis.object),
        confidence: hypothesis.confidence.value(),
        code: hypothesis.code.clone(),
    }
}

/// `kind/namespace/name`, or `kind/name` for what belongs to no namespace.
pub(super) fn spelt(object: &ObjectRef) -> String {
    let ObjectRef { kind, namespace, name } = object;
    if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") }
}
