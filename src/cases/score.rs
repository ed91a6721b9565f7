//! Comparing the predictions of one case with its truth. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::labels::{Labels, normal};
use super::predict::Prediction;
use super::truth::{LabelledTruth, ObjectTruth, Truth};

/// How right the predictions of one case are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The first is right; nothing predicted, where nothing is wrong.
    pub first: bool,
    /// One of the first three is right; where several objects are at fault, all are among the first predictions, one more
    /// than there are objects.
    pub complete: bool,
    /// The first names the right root cause, whatever the object.
    pub cause: bool,
    /// The first names the right object, whatever the root cause.
    pub object: bool,
    /// The first names an object where the trouble only shows.
    pub symptom: bool,
    /// Something was predicted although nothing is wrong.
    pub false_alarm: bool,
}

/// Scores one case.
#[must_use]
pub(super) fn score(truth: &Truth, predictions: &[Prediction], labels: Option<&Labels>) -> Outcome {
    match truth {
        Truth::Labelled(truth) => labelled(truth, predictions, labels),
        Truth::Objects(truth) => objects(truth, predictions),
    }
}

fn labelled(truth: &LabelledTruth, predictions: &[Prediction], labels: Option<&Labels>) -> Outcome {
    let canonical = |name: &str| labels.map_or_else(|| normal(name), |labels| labels.canonical(name));
    let wanted = (canonical(&truth.root_cause), normal(&truth.fault_object));
    let said: Vec<(String, String)> = predictions
        .iter()
        .take(3)
        .map(|prediction| (canonical(&prediction.root_cause), normal(&prediction.fault_object)))
        .collect();
    let first = said.first();
    Outcome {
        first: first == Some(&wanted),
        complete: said.contains(&wanted),
        cause: first.is_some_and(|(cause, _)| *cause == wanted.0),
        object: first.is_some_and(|(_, object)| *object == wanted.1),
        symptom: false,
        false_alarm: false,
    }
}

/// An object by kind, namespace and name, case ignored.
type Key = (String, String, String);

fn objects(truth: &ObjectTruth, predictions: &[Prediction]) -> Outcome {
    let keys = |objects: &[crate::incident::ObjectRef]| -> BTreeSet<Key> {
        objects.iter().map(|object| key(&object.kind, &object.namespace, &object.name)).collect()
    };
    let said: Vec<Key> = predictions
        .iter()
        .map(|prediction| key(&prediction.object.kind, &prediction.object.namespace, &prediction.object.name))
        .collect();
    let causes = keys(&truth.root_causes);
    if truth.root_causes.is_empty() {
        let quiet = said.is_empty();
        return Outcome {
            first: quiet,
            complete: quiet,
            cause: quiet,
            object: quiet,
            symptom: false,
            false_alarm: !quiet,
        };
    }
    let mut fair = causes.clone();
    fair.extend(keys(&truth.also_accept));
    let first = said.first().is_some_and(|first| fair.contains(first));
    let near: Vec<&Key> = said.iter().take(truth.root_causes.len() + 1).collect();
    let all = causes.iter().all(|cause| near.contains(&cause));
    let any = truth.root_causes.len() == 1 && near.iter().any(|object| fair.contains(*object));
    let symptoms = keys(&truth.symptoms);
    Outcome {
        first,
        complete: all || any,
        cause: first,
        object: first,
        symptom: !first && said.first().is_some_and(|first| symptoms.contains(first)),
        false_alarm: false,
    }
}

fn key(kind: &str, namespace: &str, name: &str) -> Key {
    (kind.to_lowercase(), namespace.to_lowercase(), name.to_lowercase())
}
