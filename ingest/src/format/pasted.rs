//! Takes the values of Secrets out of text that people pasted them into: code in documents, here-documents in shell
//! commands, templates that no parser reads. Every line stays on its line, so that passages still name lines.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::manifest;
use super::secrets::{self, HIDDEN};
use super::yaml;

/// What may stand before a key: indentation, the marks of a diff, a quotation or a shell that waits for more.
const MARKS: [char; 5] = [' ', '\t', '>', '+', '|'];

#[expect(clippy::unwrap_used, reason = "constant patterns, covered by tests")]
fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static KIND: LazyLock<Regex> =
    LazyLock::new(|| constant(r#"^["']?kind["']?\s*:\s*["']?Secret["']?\s*(?:#.*)?$"#));
static KEY: LazyLock<Regex> = LazyLock::new(|| constant(r#"^(?:[\w./-]+|"[^"]+"|'[^']+')\s*:(?:\s|$)"#));
static JSON_KIND: LazyLock<Regex> = LazyLock::new(|| constant(r#"\\?"kind\\?"\s*:\s*\\?"Secret\\?""#));
static JSON_APPLIED: LazyLock<Regex> =
    LazyLock::new(|| constant(r#"("[^"\n]*last-applied-configuration"\s*:\s*)"(?:[^"\\]|\\.)*""#));
static JSON_VALUES: LazyLock<Regex> =
    LazyLock::new(|| constant(r#""(?:data|stringData)"\s*:\s*\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*"#));
static JSON_VALUE: LazyLock<Regex> = LazyLock::new(|| constant(r#"(:\s*)"(?:[^"\\]|\\.)*""#));
/// The same inside a string, as a shell needs it.
static ESCAPED_VALUES: LazyLock<Regex> =
    LazyLock::new(|| constant(r#"\\"(?:data|stringData)\\"\s*:\s*\{(?:[^"{}\\]|\\"[^"\\]*\\")*"#));
static ESCAPED_VALUE: LazyLock<Regex> = LazyLock::new(|| constant(r#"(:\s*)\\"[^"\\]*\\""#));

/// The text with the values of Secrets hidden; a text without any is as it was.
pub(super) fn hide(text: &str) -> String {
    if !text.contains("Secret") {
        return text.to_owned();
    }
    let hidden = in_json(&in_yaml(text));
    // What stands in none of the usual shapes is found by parsing, where it parses, and is then written anew.
    let parts = manifest::documents(&hidden).into_iter();
    let read = |part| yaml::parse(part).ok().filter(secrets::shown);
    let parts: Vec<(&str, Option<Value>)> = parts.map(|(_, part)| (part, read(part))).collect();
    if parts.iter().all(|(_, shown)| shown.is_none()) {
        return hidden;
    }
    let anew = parts.into_iter().map(|(part, shown)| match shown {
        Some(mut shown) => {
            secrets::hide(&mut shown);
            yaml::render(shown).unwrap_or_default()
        }
        None => part.trim().to_owned(),
    });
    anew.collect::<Vec<_>>().join("\n---\n")
}

/// A line with the column where what it says begins.
struct Line<'t> {
    text: &'t str,
    /// Behind indentation and marks.
    indent: usize,
    /// Behind the dashes of list items, too.
    key: usize,
}

impl<'t> Line<'t> {
    fn of(text: &'t str) -> Self {
        let indent = text.len() - text.trim_start_matches(MARKS).len();
        let mut key = indent;
        while let Some(rest) = text.get(key..).and_then(|rest| rest.strip_prefix("- ")) {
            key = text.len() - rest.trim_start().len();
        }
        Self { text, indent, key }
    }

    fn said(&self) -> &'t str {
        self.text.get(self.key..).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.text.len() == self.indent
    }

    /// Whether it begins with this key; quotes around it do not matter.
    fn names(&self, key: &str) -> bool {
        let said = self.said().trim_start_matches(['"', '\'']);
        said.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    }

    /// Whether a JSON object begins behind its key; that is hidden by other rules.
    fn is_json(&self) -> bool {
        let value = self.said().split_once(':').map_or("", |(_, value)| value.trim_start());
        self.said().starts_with('"') && value.starts_with('{')
    }

    /// The line with something else behind its key; empty where it has none.
    fn with_value_hidden(&self) -> String {
        let Some(key) = KEY.find(self.said()) else { return String::new() };
        let end = self.key + key.as_str().trim_end().len();
        format!("{} {HIDDEN}", self.text.get(..end).unwrap_or_default())
    }
}

fn in_yaml(text: &str) -> String {
    let lines: Vec<Line> = text.split('\n').map(Line::of).collect();
    let mut shown: Vec<String> = lines.iter().map(|line| line.text.to_owned()).collect();
    for (place, kind) in lines.iter().enumerate().filter(|(_, line)| KIND.is_match(line.said())) {
        let (first, last) = object(&lines, place, kind.key);
        let mut at = first;
        while at < last {
            let Some(line) = lines.get(at) else { break };
            let values =
                line.key == kind.key && (line.names("data") || line.names("stringData")) && !line.is_json();
            let applied = line.said().contains("last-applied-configuration");
            at += 1;
            if !values && !applied {
                continue;
            }
            let below = lines.get(at..last).unwrap_or_default().iter();
            let below = below.take_while(|below| below.is_blank() || below.indent > line.key).count();
            if applied || has_value(line) {
                put(&mut shown, at - 1, line.with_value_hidden());
            }
            hide_below(&lines, &mut shown, at, at + below, values);
            at += below;
        }
    }
    shown.join("\n")
}

/// From where to where the object goes whose keys stand in `column`, one of them on the line at `place`.
fn object(lines: &[Line], place: usize, column: usize) -> (usize, usize) {
    let outside = |line: &Line| line.text.starts_with("---") || (!line.is_blank() && line.indent < column);
    let before = lines.get(..place).unwrap_or_default().iter().rev();
    let first = if lines.get(place).is_some_and(outside) {
        // The object begins here, behind the dash of a list item.
        place
    } else {
        let inside = before.take_while(|line| !outside(line)).count();
        let above = place - inside;
        // Or on the line above, behind such a dash.
        let begins = above.checked_sub(1).and_then(|above| lines.get(above));
        above - usize::from(begins.is_some_and(|line| line.key == column && line.indent < column))
    };
    let after = lines.get(place + 1..).unwrap_or_default().iter();
    (first, place + 1 + after.take_while(|line| !outside(line)).count())
}

/// Whether something stands behind the key on its own line.
fn has_value(line: &Line) -> bool {
    line.said().split_once(':').is_some_and(|(_, value)| {
        let value = value.trim();
        !value.is_empty() && !value.starts_with('#')
    })
}

/// Hides lines; where they are the values by name, the names stay.
fn hide_below(lines: &[Line], shown: &mut [String], first: usize, last: usize, names: bool) {
    let below = lines.get(first..last).unwrap_or_default();
    let column = below.iter().find(|line| !line.is_blank()).map_or(0, |line| line.indent);
    for (at, line) in (first..).zip(below) {
        let is_name = names && line.indent == column && line.key == line.indent;
        put(shown, at, if is_name { line.with_value_hidden() } else { String::new() });
    }
}

fn put(shown: &mut [String], at: usize, line: String) {
    if let Some(shown) = shown.get_mut(at) {
        *shown = line;
    }
}

fn in_json(text: &str) -> String {
    if !JSON_KIND.is_match(text) {
        return text.to_owned();
    }
    let text = JSON_APPLIED.replace_all(text, format!("$1\"{HIDDEN}\""));
    let values = |values: &Captures| {
        let values = values.get(0).map_or("", |values| values.as_str());
        JSON_VALUE.replace_all(values, format!("$1\"{HIDDEN}\"")).into_owned()
    };
    let text = JSON_VALUES.replace_all(&text, values);
    let values = |values: &Captures| {
        let values = values.get(0).map_or("", |values| values.as_str());
        ESCAPED_VALUE.replace_all(values, format!(r#"$1\"{HIDDEN}\""#)).into_owned()
    };
    ESCAPED_VALUES.replace_all(&text, values).into_owned()
}
