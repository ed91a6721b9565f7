//! The detector rules: read from TOML, compiled once.
//!
//! Owns the form of a rule file and which rules are tried on a text. The built-in rules are `rules/secrets.toml`, which
//! also describes the form.

use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;

use super::EgressError;
use super::pattern::Pattern;

/// Largest rule file that is read, bytes.
const MOST_FILE_BYTES: u64 = 1 << 20;
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
    pub(super) pattern: Pattern,
    pub(super) entropy: f64,
    pub(super) allow: Vec<Pattern>,
    pub(super) reads: Reads,
    pub(super) split: bool,
    pub(super) restore: bool,
}

/// All rules, with the index of the words that they begin with.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// Values that are no secrets whatever found them.
    pub(super) allow: Vec<Pattern>,
    keywords: AhoCorasick,
    /// The rules of each keyword.
    behind: Vec<usize>,
    /// Rules without keywords.
    always: Vec<usize>,
}

impl Rules {
    /// The built-in rules and those of a file. Those of the file are compiled at once, to tell what is wrong with them.
    pub(super) fn load(extra: Option<&Path>) -> Result<Self, EgressError> {
        let mut raw = parse(SECRETS, "the built-in rules")?;
        if let Some(path) = extra {
            let place = path.display().to_string();
            let text = read(path)?;
            Self::compile(parse(&text, &place)?)?.prove()?;
            let more = parse(&text, &place)?;
            // First: what an operator names is to be called by that name.
            raw.rules.splice(0..0, more.rules);
            raw.allow.extend(more.allow);
        }
        Self::compile(raw)
    }

    /// Compiles every pattern.
    fn prove(&self) -> Result<(), EgressError> {
        let failed =
            |rule: &str, source| EgressError::Pattern { rule: rule.to_owned(), source: Box::new(source) };
        for pattern in &self.allow {
            pattern.compile().map_err(|source| failed("allow", source))?;
        }
        for rule in &self.rules {
            let pattern = rule.pattern.compile().map_err(|source| failed(&rule.id, source))?;
            // A pattern that matches nothing at all would put a placeholder between all letters.
            if pattern.is_match("") {
                return Err(EgressError::Empty(rule.id.to_string()));
            }
            for allowed in &rule.allow {
                allowed.compile().map_err(|source| failed(&rule.id, source))?;
            }
        }
        Ok(())
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
        let allow = whole(&raw.allow);
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

    /// Whether there is a rule of that name.
    pub(super) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| &*rule.id == id)
    }

    /// Whether a value is no secret whatever found it.
    pub(super) fn allows(&self, value: &str) -> bool {
        allows(&self.allow, value)
    }
}

/// Whether one of the patterns matches. One that does not compile allows nothing.
pub(super) fn allows(patterns: &[Pattern], value: &str) -> bool {
    patterns.iter().filter_map(Pattern::get).any(|pattern| pattern.is_match(value))
}

impl Rule {
    fn compile(raw: RawRule) -> Result<Self, EgressError> {
        let named = !raw.id.is_empty()
            && raw.id.len() <= LONGEST_ID
            && raw.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !named {
            return Err(EgressError::Name(raw.id));
        }
        let pattern = Pattern::new(&raw.regex);
        let allow = whole(&raw.allow);
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

fn whole(patterns: &[String]) -> Vec<Pattern> {
    patterns.iter().map(|pattern| Pattern::whole(pattern)).collect()
}

#[cfg(test)]
mod tests {
    use super::Rules;

    #[test]
    fn every_built_in_pattern_compiles() {
        for rules in [Rules::load(None).unwrap(), Rules::instructions().unwrap()] {
            rules.prove().unwrap();
        }
    }
}
