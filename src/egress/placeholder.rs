//! What stands in the place of a value, the same for the same value throughout a session.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use regex::Regex;

use super::detect::Found;
use super::value::is_unlike_a_word;

/// Most secrets that are looked for again after they were seen once.
const MOST_KNOWN: usize = 1000;
/// Shortest secret that is looked for again, bytes. Shorter ones would be found in ordinary words.
const SHORTEST_KNOWN: usize = 8;

/// The values of a session and their placeholders.
#[derive(Default)]
pub(super) struct Placeholders {
    of_value: HashMap<String, String>,
    /// What people see again.
    restorable: HashMap<String, String>,
    last: HashMap<Arc<str>, usize>,
    /// Secrets that are looked for wherever they stand from now on, each in several writings.
    known: Vec<(String, Arc<str>)>,
    again: Option<Arc<AhoCorasick>>,
    /// How many values each rule replaced.
    pub(super) replaced: BTreeMap<String, usize>,
}

/// The places of the secrets that were seen before.
pub(super) struct Again {
    matcher: Option<Arc<AhoCorasick>>,
    rules: Vec<Arc<str>>,
}

impl Placeholders {
    /// None yet; numbers go on after these.
    pub(super) fn after(numbers: BTreeMap<String, usize>) -> Self {
        let last = numbers.into_iter().map(|(rule, number)| (Arc::from(rule), number)).collect();
        Self { last, ..Self::default() }
    }

    /// The last number of each rule.
    pub(super) fn numbers(&self) -> BTreeMap<String, usize> {
        self.last.iter().map(|(rule, number)| (rule.to_string(), *number)).collect()
    }

    /// The placeholder of a value.
    pub(super) fn of(&mut self, found: &Found, value: &str) -> String {
        *self.replaced.entry(found.rule.to_string()).or_default() += 1;
        if let Some(known) = self.of_value.get(value) {
            return known.clone();
        }
        let number = self.last.entry(found.rule.clone()).or_default();
        *number += 1;
        let rule = &found.rule;
        let placeholder = match (found.restore, &**rule) {
            (false, _) => format!("<secret:{rule}:{number}>"),
            (true, "email" | "ip") => format!("<{rule}:{number}>"),
            (true, _) => format!("<private:{rule}:{number}>"),
        };
        self.of_value.insert(value.to_owned(), placeholder.clone());
        if found.restore {
            self.restorable.insert(placeholder.clone(), value.to_owned());
        }
        placeholder
    }

    /// Remembers secrets that are worth being looked for again.
    pub(super) fn remember<'a>(&mut self, secrets: impl Iterator<Item = (&'a Found, &'a str)>) {
        let before = self.known.len();
        for (found, secret) in secrets {
            let secret = secret.trim_matches(['"', '\'']);
            let fits = (SHORTEST_KNOWN..=4096).contains(&secret.len()) && is_unlike_a_word(secret);
            let new = || !self.known.iter().any(|(known, _)| known == secret);
            if !found.restore && fits && self.known.len() < MOST_KNOWN && new() {
                let writings = [secret.to_owned(), encoded(secret), secret.chars().rev().collect()];
                self.known.extend(writings.map(|writing| (writing, found.rule.clone())));
            }
        }
        if self.known.len() > before {
            self.again = None;
        }
    }

    /// What looks for the secrets that were seen before.
    pub(super) fn again(&mut self) -> Again {
        if self.again.is_none() && !self.known.is_empty() {
            let patterns = self.known.iter().map(|(known, _)| known.as_str());
            let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
            self.again = built.ok().map(Arc::new);
        }
        let rules = self.known.iter().map(|(_, rule)| rule.clone()).collect();
        Again { matcher: self.again.clone(), rules }
    }

    /// The text as people see it.
    pub(super) fn restore(&self, text: &str) -> String {
        let Some(pattern) = &*PLACEHOLDER else { return text.to_owned() };
        let mut restored = String::with_capacity(text.len());
        let mut last = 0;
        for found in pattern.find_iter(text) {
            restored.push_str(text.get(last..found.start()).unwrap_or_default());
            let value = self.restorable.get(found.as_str());
            let value = value.filter(|_| !would_be_sent(text.get(..found.start()).unwrap_or_default()));
            restored.push_str(value.map_or(found.as_str(), String::as_str));
            last = found.end();
        }
        restored.push_str(text.get(last..).unwrap_or_default());
        restored
    }
}

impl Again {
    pub(super) fn find(&self, text: &str) -> Vec<Found> {
        let places = self.matcher.iter().flat_map(|matcher| matcher.find_iter(text));
        let found = places.filter_map(|place| {
            let rule = self.rules.get(place.pattern().as_usize())?.clone();
            Some(Found { range: place.range(), rule, restore: false })
        });
        found.collect()
    }
}

fn encoded(secret: &str) -> String {
    BASE64_STANDARD_NO_PAD.encode(secret)
}

static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"<(?:email|ip|private:[a-z0-9-]{1,40}):[0-9]{1,9}>").ok());

/// Whether what follows is the path or the query of a link: a viewer that loads the link would send it away.
fn would_be_sent(before: &str) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '\''))
        .next()
        .unwrap_or_default();
    word.split_once("//").is_some_and(|(_, address)| address.contains(['/', '?', '#', '&', '=', '@']))
}

#[cfg(test)]
mod tests {
    use super::{PLACEHOLDER, would_be_sent};

    #[test]
    fn addresses_are_not_put_into_links() {
        assert!(PLACEHOLDER.is_some());
        assert!(would_be_sent("![x](https://evil.example/p?d="));
        assert!(!would_be_sent("see http://"));
        assert!(!would_be_sent("mail to "));
    }
}
