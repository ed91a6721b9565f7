//! The conditions of a rule, checked.

use std::collections::BTreeMap;

use regex::Regex;

use super::{RawCondition, Reader};
use crate::diagnose::codes;
use crate::diagnose::rulebook::glob::{Globs, expression, glob};
use crate::diagnose::rulebook::path::Path;
use crate::diagnose::rulebook::rule::{Condition, Weighed};

/// Most patterns in one list or table.
const MOST_PATTERNS: usize = 32;

/// The factor of a condition that contradicts and says none.
const CONTRADICTED: f64 = 0.6;

/// `when`: it has to name findings, and looks at nothing but the subject.
pub(super) fn begins(reader: &mut Reader, raw: RawCondition) -> Option<Condition> {
    if raw.findings.is_empty() {
        reader.add("when.findings", "is missing; name the codes of the findings that the rule begins from");
    }
    if raw.along.is_some() {
        reader.add("when.along", "does not belong here; the rule begins where the findings are");
    }
    without_factor(reader, "when", &raw);
    condition(reader, "when", raw)
}

/// Conditions that hold or do not.
pub(super) fn plain(reader: &mut Reader, list: &str, written: Vec<RawCondition>) -> Vec<Condition> {
    let each = |(number, raw): (usize, RawCondition)| {
        let place = format!("{list}[{number}]");
        without_factor(reader, &place, &raw);
        condition(reader, &place, raw)
    };
    written.into_iter().enumerate().filter_map(each).collect()
}

/// Conditions with a factor: above 1 only where they support, below 1 only where they contradict.
pub(super) fn weighed(reader: &mut Reader, list: &str, written: Vec<RawCondition>) -> Vec<Weighed> {
    let contradicts = list == "contradicts";
    let (usual, range) = if contradicts { (CONTRADICTED, 0.0..=1.0) } else { (1.0, 1.0..=2.0) };
    let each = |(number, raw): (usize, RawCondition)| {
        let place = format!("{list}[{number}]");
        let times = raw.times.unwrap_or(usual);
        if !range.contains(&times) {
            let message = format!("{times} is not from {} to {}", range.start(), range.end());
            reader.add(&format!("{place}.times"), message);
        }
        condition(reader, &place, raw).map(|condition| Weighed { condition, times })
    };
    written.into_iter().enumerate().filter_map(each).collect()
}

fn without_factor(reader: &mut Reader, place: &str, raw: &RawCondition) {
    if raw.times.is_some() {
        let message = "does not belong here; only supports and contradicts change the confidence";
        reader.add(&format!("{place}.times"), message);
    }
}

fn condition(reader: &mut Reader, place: &str, raw: RawCondition) -> Option<Condition> {
    let at = |field: &str| format!("{place}.{field}");
    let along = reader.keep(&at("along"), Path::parse(raw.along.as_deref().unwrap_or("subject")));
    known_findings(reader, &at("findings"), &raw.findings);
    let condition = Condition {
        along: along.unwrap_or_default(),
        kind: globs(reader, &at("kind"), &raw.kind),
        namespace: globs(reader, &at("namespace"), &raw.namespace),
        name: globs(reader, &at("name"), &raw.name),
        labels: table(reader, &at("labels"), raw.labels),
        object: table(reader, &at("object"), raw.object),
        findings: globs(reader, &at("findings"), &raw.findings),
        fields: table(reader, &at("fields"), raw.fields),
        says: raw.says.and_then(|says| reader.keep(&at("says"), expression(&says))),
        log: raw.log.and_then(|log| reader.keep(&at("log"), expression(&log))),
    };
    if is_empty(&condition) {
        reader.add(place, "says nothing; name findings, or something about the object or its log");
    }
    Some(condition)
}

/// Whether it would hold whatever there is.
fn is_empty(condition: &Condition) -> bool {
    let Condition { along, kind, namespace, name, labels, object, log, .. } = condition;
    let about_object = [kind, namespace, name].into_iter().any(|globs| !globs.is_empty());
    along.is_here()
        && !condition.asks_for_evidence()
        && !about_object
        && labels.is_empty()
        && object.is_empty()
        && log.is_none()
}

/// A code that no analyzer gives is a slip of the pen.
fn known_findings(reader: &mut Reader, place: &str, written: &[String]) {
    for text in written {
        let Ok(pattern) = glob(text) else { continue };
        if !codes::ALL.iter().any(|code| pattern.is_match(code.name)) {
            let text = crate::diagnose::mask::clean(text);
            let near = codes::ALL.iter().max_by(|left, right| {
                strsim::jaro(left.name, &text).total_cmp(&strsim::jaro(right.name, &text))
            });
            let near = near.map_or("", |code| code.name);
            reader.add(place, format!("\"{text}\" is the code of no finding; the nearest is {near}"));
        }
    }
}

fn globs(reader: &mut Reader, place: &str, written: &[String]) -> Globs {
    bounded(reader, place, written.len());
    reader.keep(place, Globs::new(written.get(..MOST_PATTERNS).unwrap_or(written))).unwrap_or_default()
}

fn table(reader: &mut Reader, place: &str, written: BTreeMap<String, String>) -> BTreeMap<String, Regex> {
    bounded(reader, place, written.len());
    let each = |(key, pattern): (String, String)| {
        let pattern = reader.keep(&format!("{place}.{key}"), glob(&pattern))?;
        Some((key, pattern))
    };
    written.into_iter().take(MOST_PATTERNS).filter_map(each).collect()
}

fn bounded(reader: &mut Reader, place: &str, patterns: usize) {
    if patterns > MOST_PATTERNS {
        reader.add(place, format!("has {patterns} patterns; at most {MOST_PATTERNS} are read"));
    }
}
