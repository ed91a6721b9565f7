//! Asking a rule: for each subject whose Evidence fits, whether its conditions hold, and what it then proposes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::rule::{Condition, Rule, Subject};
use super::scene::Scene;
use super::statement::Filling;
use crate::diagnose::confidence::Cause;
use crate::diagnose::rules::{Candidate, Told};
use crate::incident::{Evidence, ObjectRef};

/// Most objects that a rule blames for one subject: one that blames everything says nothing.
const MOST_BLAMED: usize = 10;

/// Deepest object that a dotted path walks through.
const DEEPEST: usize = 24;

/// What a rule proposes in this diagnosis.
pub(super) fn candidates(rule: &Arc<Rule>, scene: &Scene<'_>) -> Vec<Candidate> {
    let mut subjects: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in scene.facts.evidence.iter().filter(|piece| rule.when.fits(piece)) {
        let subject = match rule.subject {
            Subject::Workload => scene.facts.index.workload_of(&piece.object),
            Subject::Object => piece.object.clone(),
        };
        subjects.entry(subject).or_default().push(piece);
    }
    let fitting = subjects.into_iter().filter(|(subject, _)| rule.when.is_met_by(scene, subject));
    fitting.flat_map(|(subject, evidence)| about(rule, scene, &subject, evidence)).collect()
}

fn about(
    rule: &Arc<Rule>,
    scene: &Scene<'_>,
    subject: &ObjectRef,
    evidence: Vec<&Evidence>,
) -> Vec<Candidate> {
    let mut found = evidence;
    for required in &rule.requires {
        let Some(cited) = required.holds(scene, subject, &found) else { return Vec::new() };
        found.extend(cited);
    }
    if rule.unless.iter().any(|unless| unless.holds(scene, subject, &found).is_some()) {
        return Vec::new();
    }
    let blamed = rule.blame.follow(scene, subject, &found);
    let explained: BTreeSet<ObjectRef> =
        rule.explains.iter().flat_map(|path| path.follow(scene, subject, &found)).collect();
    let each = |object: ObjectRef| {
        let filling = Filling { object: &object, subject, evidence: &found };
        let statement = rule.statement.filled(&filling);
        let candidate = Candidate::new(rule.cause(), object, statement)
            .told(rule.told())
            .because(found.iter().copied())
            .explaining([subject.clone()])
            .explaining(explained.clone());
        weighed(rule, scene, subject, candidate, &found)
    };
    blamed.into_iter().take(MOST_BLAMED).map(each).collect()
}

fn weighed(
    rule: &Rule,
    scene: &Scene<'_>,
    subject: &ObjectRef,
    mut candidate: Candidate,
    found: &[&Evidence],
) -> Candidate {
    for support in &rule.supports {
        if let Some(cited) = support.condition.holds(scene, subject, found) {
            candidate = candidate.times(support.times).because(cited);
        }
    }
    for against in &rule.contradicts {
        if let Some(cited) = against.condition.holds(scene, subject, found) {
            candidate = candidate.times(against.times).despite(cited, 1.0);
        }
    }
    candidate
}

impl Rule {
    fn cause(&self) -> Cause {
        let meaning = "A cause that a rule of a file describes.";
        Cause { code: "rule", confidence: self.confidence, specificity: self.level, meaning }
    }

    fn told(&self) -> Told {
        Told { code: self.code.clone(), runbook: self.runbook.clone(), playbook: self.playbook.clone() }
    }
}

impl Condition {
    /// The Evidence that it finds; `None` where it does not hold. One that asks for no Evidence finds none.
    fn holds<'a>(
        &self,
        scene: &Scene<'a>,
        subject: &ObjectRef,
        found: &[&Evidence],
    ) -> Option<Vec<&'a Evidence>> {
        let objects = self.along.follow(scene, subject, found);
        let mut cited = Vec::new();
        let mut holds = false;
        for object in objects.iter().filter(|object| self.is_met_by(scene, object)) {
            let fitting = scene.about(object).iter().copied().filter(|piece| self.fits(piece));
            let before = cited.len();
            if self.asks_for_evidence() {
                cited.extend(fitting);
            }
            holds |= !self.asks_for_evidence() || cited.len() > before;
        }
        holds.then_some(cited)
    }

    /// Whether a piece of Evidence is such as it asks for.
    fn fits(&self, piece: &Evidence) -> bool {
        let says = |pattern: &Regex| {
            pattern.is_match(&piece.statement) || piece.fields.values().any(|value| pattern.is_match(value))
        };
        self.findings.fit(&piece.code)
            && self.says.as_ref().is_none_or(says)
            && self
                .fields
                .iter()
                .all(|(name, pattern)| piece.fields.get(name).is_some_and(|value| pattern.is_match(value)))
    }

    /// Whether an object is such as it asks for.
    fn is_met_by(&self, scene: &Scene<'_>, object: &ObjectRef) -> bool {
        self.kind.fit(&object.kind)
            && self.namespace.fit(&object.namespace)
            && self.name.fit(&object.name)
            && self.has_labels(scene, object)
            && self.has_values(scene, object)
            && self.log.as_ref().is_none_or(|log| scene.logs(object).any(|text| log.is_match(text)))
    }

    fn has_labels(&self, scene: &Scene<'_>, object: &ObjectRef) -> bool {
        if self.labels.is_empty() {
            return true;
        }
        let value = scene.object(object);
        let places = ["/metadata/labels", "/spec/template/metadata/labels"];
        self.labels.iter().all(|(name, pattern)| {
            let labels = places.iter().filter_map(|place| value.pointer(place)?.get(name)?.as_str());
            labels.into_iter().any(|label| pattern.is_match(label))
        })
    }

    fn has_values(&self, scene: &Scene<'_>, object: &ObjectRef) -> bool {
        if self.object.is_empty() {
            return true;
        }
        let value = scene.object(object);
        self.object.iter().all(|(path, pattern)| {
            let words: Vec<&str> = path.split('.').take(DEEPEST).collect();
            any(&value, &words, pattern)
        })
    }
}

/// Whether any value at the dotted path fits; `*` stands for every item of a list and every field of a map.
fn any(value: &Value, path: &[&str], pattern: &Regex) -> bool {
    let Some((first, rest)) = path.split_first() else { return fits(value, pattern) };
    match value {
        Value::Array(items) if *first == "*" => items.iter().any(|item| any(item, rest, pattern)),
        Value::Array(items) => {
            let item = first.parse().ok().and_then(|number: usize| items.get(number));
            item.is_some_and(|item| any(item, rest, pattern))
        }
        Value::Object(fields) if *first == "*" => fields.values().any(|field| any(field, rest, pattern)),
        Value::Object(fields) => fields.get(*first).is_some_and(|field| any(field, rest, pattern)),
        _ => false,
    }
}

fn fits(value: &Value, pattern: &Regex) -> bool {
    match value {
        Value::String(text) => pattern.is_match(text),
        Value::Bool(_) | Value::Number(_) => pattern.is_match(&value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
