//! From a file's text to rules, keeping every problem. A rule with a problem is left out; the others of its file hold.

mod check;
mod condition;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::problem::RuleProblem;
use super::raw::{CONDITIONS, RawCondition, RawRule};
use super::rule::Rule;

/// Most rules that are read of one file.
const MOST_RULES: usize = 200;

/// Most conditions of one sort in a rule.
const MOST_CONDITIONS: usize = 16;

/// The rules of a file and what is wrong with it; `file` is how messages call it.
pub(super) fn rules(file: &str, text: &str) -> (Vec<Arc<Rule>>, Vec<RuleProblem>) {
    let mut problems = Vec::new();
    let written = written(file, text, &mut problems);
    let mut rules = Vec::new();
    for (number, table) in written.into_iter().enumerate() {
        let mut reader = Reader::new(file, number + 1, &table);
        let rule = check::rule(&mut reader, table);
        match rule.filter(|_| reader.problems.is_empty()) {
            Some(rule) => rules.push(Arc::new(rule)),
            None => problems.append(&mut reader.problems),
        }
    }
    (rules, problems)
}

/// The tables of `[[rule]]`.
fn written(file: &str, text: &str, problems: &mut Vec<RuleProblem>) -> Vec<Table> {
    let mut add = |message: String| problems.push(RuleProblem::of_file(file, message));
    let mut table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            add(format!("is not TOML: line {}: {}", before.matches('\n').count() + 1, error.message()));
            return Vec::new();
        }
    };
    let rules = table.remove("rule");
    for key in table.keys() {
        add(format!("\"{key}\" is not known here; a file of rules holds [[rule]] and nothing else"));
    }
    let Some(Value::Array(rules)) = rules else {
        add("holds no rule; write each as [[rule]]".to_owned());
        return Vec::new();
    };
    if rules.len() > MOST_RULES {
        add(format!("holds {} rules; the first {MOST_RULES} are read", rules.len()));
    }
    let table = |rule| match rule {
        Value::Table(table) => Some(table),
        _ => None,
    };
    rules.into_iter().take(MOST_RULES).filter_map(table).collect()
}

/// Reads one rule.
struct Reader {
    /// `cache.toml: rule 2 (cache.too_small)`.
    place: String,
    problems: Vec<RuleProblem>,
}

impl Reader {
    fn new(file: &str, number: usize, table: &Table) -> Self {
        let code = table.get("code").and_then(Value::as_str);
        let code = code.map(|code| format!(" ({})", crate::diagnose::mask::clean(code))).unwrap_or_default();
        Self { place: format!("{file}: rule {number}{code}"), problems: Vec::new() }
    }

    fn add(&mut self, field: &str, message: impl Into<String>) {
        let place = if field.is_empty() { self.place.clone() } else { format!("{}: {field}", self.place) };
        self.problems.push(RuleProblem { place, message: message.into() });
    }

    /// The value, or `None` and a problem in its place.
    fn keep<T>(&mut self, field: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.add(field, message)).ok()
    }

    /// What is written at a field, if it has the shape that it must have.
    fn shaped<T: DeserializeOwned>(&mut self, field: &str, value: Value) -> Option<T> {
        let read: Result<T, _> = serde_path_to_error::deserialize(value);
        read.map_err(|error| {
            let inside = error.path().to_string();
            let field = match (field, inside.as_str()) {
                (field, "." | "") => field.to_owned(),
                ("", inside) => inside.to_owned(),
                (field, inside) => format!("{field}.{inside}"),
            };
            self.add(&field, error.inner().message().to_owned());
        })
        .ok()
    }

    /// The parts of a rule: everything but its conditions, `when`, and the lists of conditions.
    fn parts(&mut self, mut table: Table) -> (Option<RawRule>, Option<RawCondition>, [Vec<RawCondition>; 4]) {
        let lists = CONDITIONS.map(|name| self.list(name, table.remove(name)));
        let when = match table.remove("when") {
            Some(when) => self.shaped("when", when),
            None => {
                self.add("when", "is missing; it says which findings the rule begins from");
                None
            }
        };
        (self.shaped("", Value::Table(table)), when, lists)
    }

    fn list(&mut self, name: &str, value: Option<Value>) -> Vec<RawCondition> {
        let written = match value {
            None => return Vec::new(),
            Some(Value::Array(written)) => written,
            Some(_) => {
                self.add(name, format!("is no list; write each condition as [[rule.{name}]]"));
                return Vec::new();
            }
        };
        if written.len() > MOST_CONDITIONS {
            self.add(name, format!("has {} conditions; at most {MOST_CONDITIONS} are read", written.len()));
        }
        let numbered = written.into_iter().take(MOST_CONDITIONS).enumerate();
        numbered
            .filter_map(|(number, condition)| self.shaped(&format!("{name}[{number}]"), condition))
            .collect()
    }
}
