//! Where the secrets of a text are: every rule on every reading of it.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::encoded::decoded;
use super::entropy::{bits, random_words};
use super::manifest::secret_values;
use super::personal::Personal;
use super::rule::{Reads, Rule, Rules, allows};
use super::value::{Name, is_unlike_a_word, value};
use super::view::View;

/// How deep text within text is looked into.
const DEEPEST: usize = 3;
/// Most findings in one text; with more it is not passed on.
const MOST_FINDINGS: usize = 20_000;

/// What is found without a rule of the files.
const BUILT_IN: [&str; 2] = ["secret-data", "high-entropy"];

/// What stands in the place of a secret, with the name of its rule.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("<secret:([a-z0-9-]{1,40}):[0-9]{1,9}>").ok());

/// What is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) rule: Arc<str>,
    /// Whether people see it again.
    pub(super) restore: bool,
}

/// Why a text was not looked at to its end: it is not to be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TooManyFindings,
    Incomplete,
}

/// Rules with what goes beyond patterns.
#[derive(Debug)]
pub(super) struct Detector {
    rules: Rules,
    personal: Personal,
}

impl Detector {
    pub(super) fn new(rules: Rules, personal: Personal) -> Self {
        Self { rules, personal }
    }

    /// Everything to replace, in order, without overlaps.
    pub(super) fn find(&self, text: &str) -> Result<Vec<Found>, Refusal> {
        let mut found = Vec::new();
        self.secrets(text, 0, &mut found)?;
        let plain = View::plain(text);
        let base = plain.folded().unwrap_or(plain);
        // Addresses last: a password within an address is more than the address.
        for (rule, range) in self.personal.find(&base.text).ok_or(Refusal::Incomplete)? {
            found.push(Found { range: base.original(range), rule: rule.into(), restore: true });
        }
        Ok(apart(self.beside_placeholders(text, found)))
    }

    /// Without what begins within a placeholder of an earlier pass, which is no secret: a name and a value are read into
    /// `<secret:token:1>` else. What goes on behind it is kept.
    fn beside_placeholders(&self, text: &str, found: Vec<Found>) -> Vec<Found> {
        let Some(pattern) = &*PLACEHOLDER else { return found };
        let known = |rule: &str| BUILT_IN.contains(&rule) || self.rules.has(rule);
        let places: Vec<Range<usize>> = pattern
            .captures_iter(text)
            .filter(|place| place.get(1).is_some_and(|rule| known(rule.as_str())))
            .filter_map(|place| place.get(0).map(|whole| whole.range()))
            .collect();
        let outside = |one: Found| {
            let next = places.partition_point(|place| place.end <= one.range.start);
            let Some(place) = places.get(next).filter(|place| place.start <= one.range.start) else {
                return Some(one);
            };
            let rest = place.end..one.range.end;
            let says = text.get(rest.clone()).is_some_and(|rest| rest.contains(char::is_alphanumeric));
            says.then_some(Found { range: rest, ..one })
        };
        found.into_iter().filter_map(outside).collect()
    }

    /// Named secrets first, then those of split strings, wrapped ones, and last what merely looks random.
    fn secrets(&self, text: &str, depth: usize, found: &mut Vec<Found>) -> Result<(), Refusal> {
        let plain = View::plain(text);
        let base = plain.folded().unwrap_or(plain);
        self.in_view(&base, found)?;
        let unescaped = base.decoded();
        if let Some(view) = &unescaped {
            self.in_view(view, found)?;
        }
        if let Some(view) = unescaped.as_ref().unwrap_or(&base).joined() {
            self.split(&view, found)?;
        }
        if depth < DEEPEST {
            self.wrapped(&base, depth, found)?;
        }
        if depth == 0 {
            self.random(&base, found);
        }
        if found.len() > MOST_FINDINGS { Err(Refusal::TooManyFindings) } else { Ok(()) }
    }

    fn in_view(&self, view: &View, found: &mut Vec<Found>) -> Result<(), Refusal> {
        let values = secret_values(&view.text).ok_or(Refusal::Incomplete)?;
        for range in values {
            self.keep("secret-data", range, view, found);
        }
        for rule in self.rules.called_for(&view.text) {
            for range in self.matches(rule, &view.text)? {
                found.push(Found {
                    range: view.original(range),
                    rule: rule.id.clone(),
                    restore: rule.restore,
                });
                if found.len() > MOST_FINDINGS {
                    return Err(Refusal::TooManyFindings);
                }
            }
        }
        Ok(())
    }

    fn keep(&self, rule: &str, range: Range<usize>, view: &View, found: &mut Vec<Found>) {
        if !view.text.get(range.clone()).is_none_or(is_placeholder) {
            found.push(Found { range: view.original(range), rule: rule.into(), restore: false });
        }
    }

    /// What one rule replaces.
    fn matches(&self, rule: &Rule, text: &str) -> Result<Vec<Range<usize>>, Refusal> {
        let pattern = rule.pattern.get().ok_or(Refusal::Incomplete)?;
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(captures) = pattern.captures_at(text, at) {
            let Some(whole) = captures.get(0) else { break };
            let range = match rule.reads {
                Reads::Match => captures.name("secret").map(|secret| secret.range()).or(Some(whole.range())),
                Reads::Value | Reads::Prose => value(text, whole.end()),
                Reads::Block => Some(whole.start()..block_end(text, whole.end())),
            };
            at = range.as_ref().map_or(whole.end(), |range| range.end.max(whole.end()));
            found.extend(range.filter(|range| self.is_secret(rule, text, range)));
            if at > text.len() || found.len() > MOST_FINDINGS {
                break;
            }
        }
        Ok(found)
    }

    fn is_secret(&self, rule: &Rule, text: &str, range: &Range<usize>) -> bool {
        let Some(secret) = text.get(range.clone()) else { return true };
        let excused = match rule.reads {
            Reads::Value => Name::before(text, range.start).excuses(secret, ends_its_line(text, range.end)),
            Reads::Prose => !is_unlike_a_word(secret),
            Reads::Match | Reads::Block => false,
        };
        let allowed = self.rules.allows(secret) || allows(&rule.allow, secret);
        !secret.is_empty() && !excused && !allowed && (rule.entropy <= 0.0 || bits(secret) >= rule.entropy)
    }

    /// In strings put together again only what is unmistakable, and only where it was not whole before.
    fn split(&self, view: &View, found: &mut Vec<Found>) -> Result<(), Refusal> {
        let known: Vec<Range<usize>> = apart(found.clone()).into_iter().map(|one| one.range).collect();
        for rule in self.rules.called_for(&view.text).into_iter().filter(|rule| rule.split) {
            for range in self.matches(rule, &view.text)? {
                let range = view.original(range);
                let next = known.partition_point(|one| one.end <= range.start);
                if known.get(next).is_none_or(|one| one.start >= range.end) {
                    found.push(Found { range, rule: rule.id.clone(), restore: rule.restore });
                }
            }
        }
        Ok(())
    }

    /// Encoded text that holds a secret is replaced whole.
    fn wrapped(&self, base: &View, depth: usize, found: &mut Vec<Found>) -> Result<(), Refusal> {
        for inner in decoded(&base.text).ok_or(Refusal::Incomplete)? {
            let mut within = Vec::new();
            self.secrets(&inner.text, depth + 1, &mut within)?;
            if let Some(first) = within.into_iter().find(|one| !one.restore) {
                found.push(Found { range: base.original(inner.range), ..first });
            }
        }
        Ok(())
    }

    fn random(&self, base: &View, found: &mut Vec<Found>) {
        for range in random_words(&base.text) {
            if !self.rules.allows(base.text.get(range.clone()).unwrap_or_default()) {
                found.push(Found {
                    range: base.original(range),
                    rule: "high-entropy".into(),
                    restore: false,
                });
            }
        }
    }
}

fn ends_its_line(text: &str, at: usize) -> bool {
    text.get(at..).is_none_or(|rest| rest.is_empty() || rest.starts_with('\n'))
}

/// `<secret:aws-key:1>`: what stands in the place of a secret is none.
fn is_placeholder(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}

/// The end of a PEM block: its END line, else as far as lines look like one.
fn block_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    if let Some(end) = rest.find("-----END").or_else(|| rest.find("-----end")) {
        let tail = rest.get(end + 8..).unwrap_or_default();
        let close = tail.find("-----").filter(|close| *close < 80).map_or(0, |close| close + 5);
        return start + end + 8 + close;
    }
    let of_a_block = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '+' | '/' | '=' | '\\' | '"' | ' ' | '\t' | '\n' | ',' | ':' | '-')
    };
    start + rest.find(|c: char| !of_a_block(c)).unwrap_or(rest.len())
}

/// In order; where findings overlap, one that covers all, named after the one found first.
pub(super) fn apart(found: Vec<Found>) -> Vec<Found> {
    let mut numbered: Vec<(usize, Found)> =
        found.into_iter().enumerate().filter(|(_, one)| !one.range.is_empty()).collect();
    numbered.sort_by_key(|(order, one)| (one.range.start, *order));
    let mut kept: Vec<(usize, Found)> = Vec::with_capacity(numbered.len());
    for (order, one) in numbered {
        match kept.last_mut() {
            Some((best, last)) if one.range.start < last.range.end => {
                last.range.end = last.range.end.max(one.range.end);
                // What is secret in part is secret.
                let restore = last.restore && one.restore;
                if order < *best {
                    (*best, last.rule) = (order, one.rule);
                }
                last.restore = restore;
            }
            _ => kept.push((order, one)),
        }
    }
    kept.into_iter().map(|(_, one)| one).collect()
}
