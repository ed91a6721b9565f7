//! What a rule says, checked: names, ranges, and what does not go together.

use toml::Table;

use super::{RawRule, Reader, condition};
use crate::diagnose::confidence::{self, Cause, Specificity};
use crate::diagnose::rulebook::path::Path;
use crate::diagnose::rulebook::raw::{RawLevel, RawSubject};
use crate::diagnose::rulebook::rule::{Rule, Subject};
use crate::diagnose::rulebook::statement::Statement;

/// Most confidence that a rule may claim: nothing that rules find is certain.
const MOST_CONFIDENCE: f64 = 0.98;

/// Longest code, meaning or runbook, bytes.
const LONGEST: usize = 500;

/// Most paths in `explains`.
const MOST_PATHS: usize = 8;

/// The words for a rule that says none.
const WHAT_WAS_SEEN: &str = "{statement}.";

/// The rule, unless something of it has not even the right shape. Problems that were added say that it cannot be used.
pub(super) fn rule(reader: &mut Reader, table: Table) -> Option<Rule> {
    let (raw, when, [requires, unless, supports, contradicts]) = reader.parts(table);
    let when = when.and_then(|when| condition::begins(reader, when));
    let requires = condition::plain(reader, "requires", requires);
    let unless = condition::plain(reader, "unless", unless);
    let supports = condition::weighed(reader, "supports", supports);
    let contradicts = condition::weighed(reader, "contradicts", contradicts);
    let raw = raw?;
    let known = confidence::ALL.iter().find(|cause| cause.code == raw.code);
    code(reader, &raw.code);
    let confidence = confidence(reader, &raw, known);
    let meaning = meaning(reader, &raw, known);
    playbook(reader, raw.playbook.as_deref());
    runbook(reader, raw.runbook.as_deref());
    let statement =
        reader.keep("statement", Statement::parse(raw.statement.as_deref().unwrap_or(WHAT_WAS_SEEN)));
    let blame = reader.keep("blame", Path::parse(raw.blame.as_deref().unwrap_or("subject")));
    let explains = explains(reader, &raw.explains);
    Some(Rule {
        file: reader.place.split(": rule ").next().unwrap_or_default().to_owned(),
        level: level(raw.level, known),
        subject: match raw.about {
            RawSubject::Workload => Subject::Workload,
            RawSubject::Object => Subject::Object,
        },
        code: raw.code,
        meaning: meaning?,
        confidence: confidence?,
        runbook: raw.runbook,
        playbook: raw.playbook,
        statement: statement?,
        blame: blame?,
        explains,
        when: when?,
        requires,
        unless,
        supports,
        contradicts,
    })
}

/// Two words or more with dots between them, as all codes are.
fn code(reader: &mut Reader, code: &str) {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if code.len() > LONGEST || code.split('.').count() < 2 || !code.split('.').all(is_word) {
        reader.add("code", "is no code; write lower-case words with dots between them, like cache.too_small");
    }
}

fn confidence(reader: &mut Reader, raw: &RawRule, known: Option<&Cause>) -> Option<f64> {
    let Some(confidence) = raw.confidence.or(known.map(|cause| cause.confidence)) else {
        reader.add(
            "confidence",
            "is missing; say how sure the rule is, from 0.01 to 0.98, when everything it asks holds",
        );
        return None;
    };
    if !(0.01..=MOST_CONFIDENCE).contains(&confidence) {
        reader.add("confidence", format!("{confidence} is not from 0.01 to {MOST_CONFIDENCE}"));
    }
    Some(confidence)
}

fn meaning(reader: &mut Reader, raw: &RawRule, known: Option<&Cause>) -> Option<String> {
    let meaning = raw.meaning.clone().or(known.map(|cause| cause.meaning.to_owned()));
    let Some(meaning) = meaning else {
        reader.add(
            "meaning",
            "is missing; say in one sentence what the cause is, for lists and for people who read the code",
        );
        return None;
    };
    if meaning.trim().is_empty() || meaning.len() > LONGEST || meaning.contains(char::is_control) {
        reader.add("meaning", format!("is one line of at most {LONGEST} bytes"));
    }
    Some(meaning)
}

/// A playbook is written in code; a rule names the cause whose playbook fits.
fn playbook(reader: &mut Reader, playbook: Option<&str>) {
    let known = |name: &str| confidence::ALL.iter().any(|cause| cause.code == name);
    if let Some(name) = playbook.filter(|name| !known(name)) {
        let name = crate::diagnose::mask::clean(name);
        let message =
            format!("\"{name}\" is no built-in cause; `kubewright rules list` shows them with their repairs");
        reader.add("playbook", message);
    }
}

fn runbook(reader: &mut Reader, runbook: Option<&str>) {
    let odd = |text: &str| text.trim().is_empty() || text.len() > LONGEST || text.contains(char::is_control);
    if runbook.is_some_and(odd) {
        reader.add("runbook", format!("is a URL or a path in one line of at most {LONGEST} bytes"));
    }
}

fn explains(reader: &mut Reader, written: &[String]) -> Vec<Path> {
    if written.len() > MOST_PATHS {
        reader.add("explains", format!("has {} paths; at most {MOST_PATHS} are read", written.len()));
    }
    let written = written.iter().take(MOST_PATHS).enumerate();
    written
        .filter_map(|(number, text)| reader.keep(&format!("explains[{number}]"), Path::parse(text)))
        .collect()
}

fn level(written: Option<RawLevel>, known: Option<&Cause>) -> Specificity {
    match written {
        Some(RawLevel::Symptom) => Specificity::Symptom,
        Some(RawLevel::Trigger) => Specificity::Trigger,
        Some(RawLevel::Mechanism) => Specificity::Mechanism,
        None => known.map_or(Specificity::Mechanism, |cause| cause.specificity),
    }
}
