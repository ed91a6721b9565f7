//! Widening a query with a glossary: abbreviations, synonyms, exit codes, reasons of events, error phrases.
//!
//! Owns the form of the glossary file (described at the top of `glossary.toml`) and the matching of its terms in a
//! query. What an added term is worth in a search, beside its weight, is decided where the query is built.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::analysis::parts;

/// The glossary that is part of the program.
const BUILT_IN: &str = include_str!("../glossary.toml");
/// The form of glossary files this program reads.
const VERSION: u32 = 1;
/// Largest glossary file, bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Words of a query that are looked at: an alert with its expression has about 100.
const QUERY_WORDS: usize = 1_000;
/// Most terms added to one query, best first.
const EXPANSIONS: usize = 64;

/// A term that the glossary adds to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// What is added, as it stands in the glossary: one word or a phrase.
    pub term: String,
    /// How much it counts beside the words of the query: more than 0, less than 1.
    pub weight: f32,
    /// Why it was added, a sentence for people.
    pub because: String,
}

/// Why a glossary cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GlossaryError {
    /// The file cannot be read.
    #[error("the glossary {name} cannot be read; check that the file exists and is readable")]
    Read {
        /// Which file.
        name: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than a glossary can be.
    #[error("the glossary {name} is larger than {FILE_BYTES} bytes; split off what is not a glossary")]
    TooLarge {
        /// Which file.
        name: String,
    },
    /// The file is not TOML of the expected form.
    #[error(
        "the glossary {name} is not written as expected; compare it with the head of the built-in glossary"
    )]
    Form {
        /// Which file.
        name: String,
        /// Line and field.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Entries that say nothing, or something impossible; all of them, one a line.
    #[error("the glossary {name} has entries that cannot be used:\n{}", problems.join("\n"))]
    Entries {
        /// Which file.
        name: String,
        /// One sentence for each problem, with the entry.
        problems: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGlossary {
    version: u32,
    #[serde(default)]
    same: Vec<RawSame>,
    #[serde(default)]
    leads: Vec<RawLeads>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSame {
    terms: Vec<String>,
    weight: f32,
    because: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeads {
    when: Vec<String>,
    add: Vec<String>,
    weight: f32,
    because: Option<String>,
}

/// Terms and what each of them adds.
#[derive(Debug, Clone, Default)]
pub struct Glossary {
    /// From the words of a term, as [`split_words`] and [`plain_words`] give them, to what it adds.
    by_words: HashMap<Vec<String>, Vec<Expansion>>,
    /// Words of the longest term.
    longest: usize,
}

impl Glossary {
    /// The glossary that is part of the program.
    ///
    /// # Errors
    /// Never for a released program: a test reads it.
    pub fn built_in() -> Result<Self, GlossaryError> {
        Self::default().with_text("built into the program", BUILT_IN)
    }

    /// This glossary with the entries of a file on top.
    ///
    /// # Errors
    /// The file cannot be read, is too large, is not of the expected form, or has impossible entries.
    pub fn with_file(self, path: &Path) -> Result<Self, GlossaryError> {
        let name = path.display().to_string();
        let read = |source| GlossaryError::Read { name: name.clone(), source };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(read)?;
        file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(read)?;
        if text.len() as u64 > FILE_BYTES {
            return Err(GlossaryError::TooLarge { name });
        }
        self.with_text(&name, &text)
    }

    fn with_text(mut self, name: &str, text: &str) -> Result<Self, GlossaryError> {
        let raw: RawGlossary = toml::from_str(text)
            .map_err(|source| GlossaryError::Form { name: name.to_owned(), source: Box::new(source) })?;
        let problems = problems(&raw);
        if !problems.is_empty() {
            return Err(GlossaryError::Entries { name: name.to_owned(), problems });
        }
        for same in &raw.same {
            for term in &same.terms {
                let others = same.terms.iter().filter(|other| *other != term);
                let reason = |other: &str| format!("“{term}” and “{other}” mean the same");
                self.learn(term, others, same.weight, |other| {
                    same.because.clone().unwrap_or_else(|| reason(other))
                });
            }
        }
        for leads in &raw.leads {
            for term in &leads.when {
                let reason = |other: &str| format!("“{term}” is often about “{other}”");
                let because = |other: &str| leads.because.clone().unwrap_or_else(|| reason(other));
                self.learn(term, leads.add.iter(), leads.weight, because);
            }
        }
        Ok(self)
    }

    fn learn<'a>(
        &mut self,
        term: &str,
        added: impl Iterator<Item = &'a String>,
        weight: f32,
        because: impl Fn(&str) -> String,
    ) {
        let expansions: Vec<Expansion> =
            added.map(|added| Expansion { term: added.clone(), weight, because: because(added) }).collect();
        for words in HashSet::from([split_words(term), plain_words(term)]) {
            self.longest = self.longest.max(words.len());
            self.by_words.entry(words).or_default().extend(expansions.iter().cloned());
        }
    }

    /// What the glossary adds to a query: heaviest first, then in the order of the query, each term once.
    ///
    /// Case does not count; CamelCase, `snake_case` and dashes are read as words. At each place of the query the
    /// longest term wins. What the query already says is not added.
    #[must_use]
    pub fn expand(&self, query: &str) -> Vec<Expansion> {
        let mut found: Vec<Expansion> = Vec::new();
        let mut place: HashMap<String, usize> = HashMap::new();
        let views = [split_words(query), plain_words(query)];
        for expansion in views.iter().flat_map(|words| self.matches(words)) {
            let key = split_words(&expansion.term);
            if views.iter().any(|words| contains(words, &key)) {
                continue;
            }
            match place.get(&key.join(" ")).and_then(|at| found.get_mut(*at)) {
                Some(known) if known.weight >= expansion.weight => {}
                Some(known) => *known = expansion.clone(),
                None => {
                    place.insert(key.join(" "), found.len());
                    found.push(expansion.clone());
                }
            }
        }
        found.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        found.truncate(EXPANSIONS);
        found
    }

    /// What the terms found in a row of words add.
    fn matches<'a>(&'a self, words: &'a [String]) -> Vec<&'a Expansion> {
        let mut added = Vec::new();
        let mut rest = words;
        while !rest.is_empty() {
            let hit = (1..=self.longest.min(rest.len())).rev().find_map(|length| {
                let (candidate, after) = rest.split_at_checked(length)?;
                self.by_words.get(candidate).map(|expansions| (expansions, after))
            });
            rest = match hit {
                Some((expansions, after)) => {
                    added.extend(expansions);
                    after
                }
                None => rest.get(1..).unwrap_or_default(),
            };
        }
        added
    }
}

/// Everything that is wrong with the entries of a file.
fn problems(raw: &RawGlossary) -> Vec<String> {
    let mut problems = Vec::new();
    if raw.version != VERSION {
        problems.push(format!("version is {}, this program reads {VERSION}", raw.version));
    }
    for (number, same) in (1..).zip(&raw.same) {
        let entry = format!("[[same]] number {number} ({})", same.terms.join(", "));
        if same.terms.len() < 2 {
            problems.push(format!("{entry}: terms needs two or more"));
        }
        problems.extend(term_problems(&entry, same.terms.iter(), same.weight));
    }
    for (number, leads) in (1..).zip(&raw.leads) {
        let entry = format!("[[leads]] number {number} ({})", leads.when.join(", "));
        if leads.when.is_empty() || leads.add.is_empty() {
            problems.push(format!("{entry}: when and add need one or more"));
        }
        problems.extend(term_problems(&entry, leads.when.iter().chain(&leads.add), leads.weight));
    }
    problems
}

fn term_problems<'a>(entry: &str, terms: impl Iterator<Item = &'a String>, weight: f32) -> Vec<String> {
    let mut problems: Vec<String> = terms
        .filter(|term| split_words(term).is_empty())
        .map(|term| format!("{entry}: “{term}” has no letter and no digit"))
        .collect();
    if !(weight > 0.0 && weight < 1.0) {
        problems.push(format!("{entry}: weight is {weight}, it must be more than 0 and less than 1"));
    }
    problems
}

fn contains(words: &[String], phrase: &[String]) -> bool {
    !phrase.is_empty() && words.windows(phrase.len()).any(|window| window == phrase)
}

/// The words of a text, CamelCase taken apart: `KubePodNotReady_2` is kube, pod, not, ready, 2.
fn split_words(text: &str) -> Vec<String> {
    runs(text).flat_map(parts).map(singular).take(QUERY_WORDS).collect()
}

/// The words of a text as they stand, lower-cased: `KubePodNotReady_2` is kubepodnotready, 2.
fn plain_words(text: &str) -> Vec<String> {
    runs(text).map(singular).take(QUERY_WORDS).collect()
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// Lower case, without the s of a plural, so that `pvcs` is `pvc`. Wrong singulars do no harm: both sides get them.
fn singular(word: &str) -> String {
    let word = word.to_lowercase();
    let plural = word.len() > 3 && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    match word.strip_suffix('s') {
        Some(stem) if plural => stem.to_owned(),
        _ => word,
    }
}

#[cfg(test)]
#[path = "expand_tests.rs"]
mod tests;
