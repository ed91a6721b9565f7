//! Understanding a question: alert text with its expression, a sentence of a person, a log line.
//!
//! Expressions of PromQL carry names that matter and much grammar that doesn't. What is left is prose, and the names in
//! it; both are weighted for the search by words and written out as one sentence for the search by meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::analysis;
use crate::lexical::Weighted;

/// Most distinct terms of one question; the rest of an overlong one is not asked for.
const MOST_TERMS: usize = 96;

/// Longest question that is looked at, bytes.
pub const LONGEST_QUESTION: usize = 16 << 10;

const PROSE: f32 = 1.0;
const NAME: f32 = 1.0;
const NAME_PART: f32 = 0.5;
const LABEL_VALUE: f32 = 0.3;

/// A term that is said often counts more, up to this.
const MOST_WEIGHT: f32 = 2.0;

/// A question as the indexes want it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Question {
    /// What to search by words.
    pub(crate) terms: Vec<Weighted>,
    /// What must stand there literally: the quoted parts, analyzed.
    pub(crate) phrases: Vec<Vec<String>>,
    /// What to search by meaning.
    pub(crate) sentence: String,
}

struct Patterns {
    url: Regex,
    matcher: Regex,
    matcher_value: Regex,
    range: Regex,
    grouping: Regex,
    function: Regex,
    name: Regex,
    numbers: Regex,
    symbols: Regex,
    quoted: Regex,
}

/// The patterns are constants; one that did not compile would match nothing, and the tests would see it.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).ok();
    Some(Patterns {
        url: pattern(r"#?\s*https?://\S+")?,
        matcher: pattern(r"\{[^{}]*\}")?,
        matcher_value: pattern(
            r#"\b(?:reason|resource|condition|code|type|status|phase|key|verb|rcode)\s*(?:=~|!~|!=|=)\s*"([^"]*)""#,
        )?,
        range: pattern(r"\[[0-9smhdwy:. ]+\]")?,
        grouping: pattern(
            r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)|\b(?:group_left|group_right|unless)\b",
        )?,
        function: pattern(
            r"\b(?:sum|avg|min|max|count|rate|irate|increase|delta|deriv|abs|absent|absent_over_time|avg_over_time|max_over_time|min_over_time|sum_over_time|count_over_time|quantile_over_time|changes|clamp_max|clamp_min|histogram_quantile|label_replace|label_join|predict_linear|quantile|round|scalar|sort|time|timestamp|topk|bottomk|vector|group|stddev|resets|count_values|last_over_time|present_over_time)\s*\(",
        )?,
        name: pattern(r"\b[A-Za-z][A-Za-z0-9]*(?:[_:]+[A-Za-z0-9]+)+\b")?,
        numbers: pattern(
            r"(?:[<>=!*/+%^]=?|\s-)\s*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\b|\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*[*/]",
        )?,
        symbols: pattern(r"[(){}\[\]<>=!*+/|~,;]+")?,
        quoted: pattern(r#""([^"]{2,200})""#)?,
    })
});

impl Question {
    /// Reads a question.
    pub(crate) fn read(text: &str) -> Self {
        let text = clip(text, LONGEST_QUESTION);
        let Some(patterns) = PATTERNS.as_ref() else { return Self::plain(text) };
        if !looks_like_an_expression(text) {
            return Self::prose(text, patterns);
        }
        let text = patterns.url.replace_all(text, " ");
        let values: Vec<String> =
            groups(&patterns.matcher_value, &text).map(|value| value.replace(['|', '.', '*'], " ")).collect();
        let text = patterns.matcher.replace_all(&text, " ");
        let text = patterns.range.replace_all(&text, " ");
        let text = patterns.grouping.replace_all(&text, " ");
        let text = patterns.function.replace_all(&text, " ");
        let names: BTreeSet<&str> = patterns.name.find_iter(&text).map(|found| found.as_str()).collect();
        let prose = patterns.name.replace_all(&text, " ");
        let prose = patterns.numbers.replace_all(&prose, " ");
        let prose = patterns.symbols.replace_all(&prose, " ");
        Self::build(&prose, &names, &values, Vec::new())
    }

    fn prose(text: &str, patterns: &Patterns) -> Self {
        let phrases = groups(&patterns.quoted, text).map(analysis::terms);
        let phrases = phrases.filter(|phrase: &Vec<String>| !phrase.is_empty()).collect();
        let names: BTreeSet<&str> = patterns.name.find_iter(text).map(|found| found.as_str()).collect();
        let prose = patterns.name.replace_all(text, " ");
        Self::build(&prose, &names, &[], phrases)
    }

    fn plain(text: &str) -> Self {
        Self::build(text, &BTreeSet::new(), &[], Vec::new())
    }

    fn build(prose: &str, names: &BTreeSet<&str>, values: &[String], phrases: Vec<Vec<String>>) -> Self {
        let mut weights = Weights::default();
        weights.add(analysis::terms(prose), PROSE);
        for name in names {
            let mut terms = analysis::terms(name).into_iter();
            weights.add(terms.by_ref().take(1), NAME);
            weights.add(terms, NAME_PART);
        }
        for value in values {
            weights.add(analysis::terms(value), LABEL_VALUE);
        }
        let spoken: Vec<String> =
            names.iter().map(|name| analysis::parts(name).join(" ")).chain(values.iter().cloned()).collect();
        let sentence = format!("{} {}", analysis::spoken(prose), spoken.join(" "));
        Self { terms: weights.terms(), phrases, sentence: sentence.trim().to_owned() }
    }

    /// Adds terms that mean the same or belong to the question.
    pub(crate) fn expand(&mut self, text: &str, weight: f32) {
        for term in analysis::terms(text) {
            if !self.terms.iter().any(|known| known.term == term) && self.terms.len() < MOST_TERMS {
                self.terms.push(Weighted { term, weight });
            }
        }
    }
}

/// What the first group of a pattern matches, everywhere.
fn groups<'t>(pattern: &Regex, text: &'t str) -> impl Iterator<Item = &'t str> {
    pattern.captures_iter(text).filter_map(|found| found.get(1)).map(|group| group.as_str())
}

/// Terms in the order in which they came, each with its sum of weights.
#[derive(Default)]
struct Weights {
    order: Vec<String>,
    of: BTreeMap<String, f32>,
}

impl Weights {
    fn add(&mut self, terms: impl IntoIterator<Item = String>, weight: f32) {
        for term in terms {
            match self.of.get_mut(&term) {
                Some(sum) => *sum = (*sum + weight).min(MOST_WEIGHT),
                None => {
                    self.of.insert(term.clone(), weight);
                    self.order.push(term);
                }
            }
        }
    }

    fn terms(self) -> Vec<Weighted> {
        let of = self.of;
        let weighted = self.order.into_iter().take(MOST_TERMS).filter_map(|term| {
            let weight = *of.get(&term)?;
            Some(Weighted { term, weight })
        });
        weighted.collect()
    }
}

/// Whether a text holds an expression of PromQL: only then are brackets and operators grammar.
fn looks_like_an_expression(text: &str) -> bool {
    let metric = PATTERNS.as_ref().is_some_and(|patterns| patterns.name.is_match(text));
    metric && text.contains(['{', '(', '[', '<', '>', '='])
}

/// The beginning of a text, cut at a character.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Question;

    fn words(question: &Question) -> Vec<&str> {
        question.terms.iter().map(|weighted| weighted.term.as_str()).collect()
    }

    #[test]
    fn an_expression_leaves_its_names_and_not_its_grammar() {
        let question = Question::read(
            "Pods are not ready. sum by (namespace, pod) (max by(namespace) (kube_pod_status_phase{job=\"kube-state-metrics\", \
             phase=~\"Pending|Unknown\"}) * on(namespace) group_left(owner_kind) 1) > 0",
        );
        assert_eq!(
            words(&question),
            ["pod", "readi", "kube_pod_status_phas", "kube", "status", "phase", "pend", "unknown"]
        );
        assert_eq!(question.sentence, "Pods are not ready kube pod status phase Pending Unknown");
    }

    #[test]
    fn a_sentence_of_a_person_stays_whole() {
        let question = Question::read("why does CrashLoopBackOff (exit code 137) happen?");
        assert_eq!(
            words(&question),
            [
                "whi",
                "doe",
                "crashloopbackoff",
                "crash",
                "loop",
                "back",
                "off",
                "exit",
                "code",
                "137",
                "happen"
            ]
        );
    }

    #[test]
    fn quoted_words_must_stand_together() {
        let question = Question::read("\"connection refused\" from payments");
        assert_eq!(question.phrases, [["connect", "refus"]]);
    }
}
