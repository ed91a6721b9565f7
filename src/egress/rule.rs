//! The detector rules: read from TOML, compiled once.
//!
//! Owns the form of a rule file and which rules are tried on a text. The built-in rules are `rules/secrets.toml`, which
//! also describes the form.

use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::EgressError;

/// Largest rule file that is read, bytes.
const MOST_FILE_BYTES: u64 = 1 << 20;
/// Largest compiled pattern, bytes.
const MOST_PATTERN_BYTES: usize = 8 << 20;
/// Longest name of a rule.
const LONGEST_ID: usize = 40;

/// The built-in rules for secrets.
const SECRETS: &str = include_str!("rules/secrets.toml");
/// The built-in rules for text that speaks to a model.
const INSTRUCTIONS: &str = include_str!("rules/instructions.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    regex: String,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    reads: Reads,
    #[serde(default)]
    split: bool,
    #[serde(default)]
    restore: bool,
}

/// What is replaced where a rule matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reads {
    /// The match, or its group `secret`.
    #[default]
    Match,
    /// The value that begins where the match ends.
    Value,
    /// The same, if it is no ordinary word.
    Prose,
    /// From the match to the end of a PEM block.
    Block,
}

/// One rule, compiled.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) pattern: Regex,
    pub(super) entropy: f64,
    pub(super) allow: Vec<Regex>,
    pub(super) reads: Reads,
    pub(super) split: bool,
    pub(super) restore: bool,
}

/// All rules, with the index of the words that they begin with.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// Values that are no secrets whatever found them.
    pub(super) allow: Vec<Regex>,
    keywords: AhoCorasick,
    /// The rules of each keyword.
    behind: Vec<usize>,
    /// Rules without keywords.
    always: Vec<usize>,
}

impl Rules {
    /// The built-in rules and those of a file.
    pub(super) fn load(extra: Option<&Path>) -> Result<Self, EgressError> {
        let mut raw = parse(SECRETS, "the built-in rules")?;
        if let Some(path) = extra {
            let place = path.display().to_string();
            let more = parse(&read(path)?, &place)?;
            // First: what an operator names is to be called by that name.
            raw.rules.splice(0..0, more.rules);
            raw.allow.extend(more.allow);
        }
        Self::compile(raw)
    }

    /// The rules for text that speaks to a model.
    pub(super) fn instructions() -> Result<Self, EgressError> {
        Self::compile(parse(INSTRUCTIONS, "the built-in rules")?)
    }

    fn compile(raw: RuleFile) -> Result<Self, EgressError> {
        let (mut words, mut behind, mut always, mut rules) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (index, rule) in raw.rules.into_iter().enumerate() {
            if rule.keywords.is_empty() {
                always.push(index);
            }
            behind.extend(std::iter::repeat_n(index, rule.keywords.len()));
            words.extend(rule.keywords.clone());
            rules.push(Rule::compile(rule)?);
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&words)
            .map_err(EgressError::Keywords)?;
        let allow = whole(&raw.allow, "allow")?;
        Ok(Self { rules, allow, keywords, behind, always })
    }

    /// The rules that a text calls for, in the order of the files.
    pub(super) fn called_for(&self, text: &str) -> Vec<&Rule> {
        let mut called = vec![false; self.rules.len()];
        let words = self.keywords.find_overlapping_iter(text);
        let by_word = words.filter_map(|word| self.behind.get(word.pattern().as_usize()).copied());
        for index in by_word.chain(self.always.iter().copied()) {
            if let Some(called) = called.get_mut(index) {
                *called = true;
            }
        }
        self.rules.iter().zip(called).filter_map(|(rule, called)| called.then_some(rule)).collect()
    }

    /// Whether a value is no secret whatever found it.
    pub(super) fn allows(&self, value: &str) -> bool {
        self.allow.iter().any(|pattern| pattern.is_match(value))
    }
}

impl Rule {
    fn compile(raw: RawRule) -> Result<Self, EgressError> {
        let named = !raw.id.is_empty()
            && raw.id.len() <= LONGEST_ID
            && raw.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !named {
            return Err(EgressError::Name(raw.id));
        }
        let pattern = compile(&raw.regex, &raw.id)?;
        // A pattern that matches nothing at all would put a placeholder between all letters.
        if pattern.is_match("") {
            return Err(EgressError::Empty(raw.id));
        }
        let allow = whole(&raw.allow, &raw.id)?;
        let RawRule { id, entropy, reads, split, restore, .. } = raw;
        Ok(Self { id: id.into(), pattern, entropy, allow, reads, split, restore })
    }
}

fn parse(text: &str, place: &str) -> Result<RuleFile, EgressError> {
    toml::from_str(text)
        .map_err(|source| EgressError::Form { place: place.to_owned(), source: Box::new(source) })
}

fn read(path: &Path) -> Result<String, EgressError> {
    let failed = |source| EgressError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MOST_FILE_BYTES {
        return Err(EgressError::Size { path: path.to_owned(), size });
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn whole(patterns: &[String], rule: &str) -> Result<Vec<Regex>, EgressError> {
    patterns.iter().map(|pattern| compile(&format!(r"^(?:{pattern})$"), rule)).collect()
}

/// The pattern with `\w`, `\d`, `\s` and `\b` meant in ASCII: texts are folded before they are read, and the tables of
/// Unicode would make counted repetitions a hundred times as large.
fn in_ascii(pattern: &str) -> String {
    let (mut ascii, mut class, mut letters) =
        (String::with_capacity(pattern.len() * 2), 0_u32, pattern.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                match (escaped, class > 0) {
                    ('w', false) => ascii.push_str("[0-9A-Za-z_]"),
                    ('w', true) => ascii.push_str("0-9A-Za-z_"),
                    ('W', false) => ascii.push_str("[^0-9A-Za-z_]"),
                    ('d', false) => ascii.push_str("[0-9]"),
                    ('d', true) => ascii.push_str("0-9"),
                    ('s', false) => ascii.push_str(r"[ \t\n\r]"),
                    ('s', true) => ascii.push_str(r" \t\n\r"),
                    ('b', false) => ascii.push_str(r"(?-u:\b)"),
                    (other, _) => ascii.extend(['\\', other]),
                }
                continue;
            }
            '[' => class += 1,
            ']' => class = class.saturating_sub(1),
            _ => {}
        }
        ascii.push(letter);
    }
    ascii
}

/// Compiles a pattern within the limits of size.
pub(super) fn compile(pattern: &str, rule: &str) -> Result<Regex, EgressError> {
    RegexBuilder::new(&in_ascii(pattern))
        .size_limit(MOST_PATTERN_BYTES)
        .build()
        .map_err(|source| EgressError::Pattern { rule: rule.to_owned(), source: Box::new(source) })
}
