//! Text into terms: the same for what is indexed and for what is asked.
//!
//! Names of code stand whole and in parts: `CrashLoopBackOff` is found as itself, as `crash`, `loop`, `back`, `off`, and
//! `kube_pod_status_phase`, `--previous` and `exit-code` likewise. Parts are stemmed as English, stop words are dropped.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use tantivy::tokenizer::{
    Language, RawTokenizer, RemoveLongFilter, Stemmer, StopWordFilter, TextAnalyzer, Token, TokenStream,
    Tokenizer,
};

/// The name under which the analyzer is registered in an index.
pub(crate) const ANALYZER: &str = "code_and_english";

/// Longer terms are dropped: they are encoded data, not words.
const LONGEST: usize = 80;

/// Words whose terms are remembered at a time, by each analyzer: all that are common, and some hundred kilobytes.
const REMEMBERED: usize = 8_192;

/// The analyzer of every text field.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(CodeTokenizer::default()).build()
}

/// What becomes of a single word in lower case.
fn english() -> TextAnalyzer {
    let builder = TextAnalyzer::builder(RawTokenizer::default()).filter(RemoveLongFilter::limit(LONGEST));
    match StopWordFilter::new(Language::English) {
        Some(stop_words) => builder.filter(stop_words).filter(Stemmer::new(Language::English)).build(),
        None => builder.filter(Stemmer::new(Language::English)).build(),
    }
}

thread_local! {
    /// Making one reads the list of stop words; a question needs it dozens of times.
    static OF_THIS_THREAD: RefCell<TextAnalyzer> = RefCell::new(analyzer());
}

/// Shows every token of a text, in order.
pub(crate) fn each_token(text: &str, mut see: impl FnMut(&Token)) {
    OF_THIS_THREAD.with_borrow_mut(|analyzer| {
        let mut stream = analyzer.token_stream(text);
        while stream.advance() {
            see(stream.token());
        }
    });
}

/// The terms of a text, in order, with doubles.
pub(crate) fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    each_token(text, |token| terms.push(token.text.clone()));
    terms
}

/// The parts of a name: `KubePodCrashLooping` into `Kube`, `Pod`, `Crash`, `Looping`.
pub(crate) fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (from, to) in boundaries(name) {
        parts.extend(name.get(from..to));
    }
    parts
}

/// A title as words: `KubePodCrashLooping` reads `Kube Pod Crash Looping`; ordinary words stay as they are.
pub(crate) fn spoken(title: &str) -> String {
    let words: Vec<String> = title.split_whitespace().map(|word| parts(word).join(" ")).collect();
    words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts names at underscores, hyphens, dots, slashes and colons, and where the case changes; drops stop words and stems.
#[derive(Clone, Default)]
pub(crate) struct CodeTokenizer {
    /// Those of the text at hand, then what is left of longer texts before it: their memory is used again.
    tokens: Vec<Token>,
    /// How many belong to the text at hand.
    used: usize,
    terms: Terms,
}

impl Tokenizer for CodeTokenizer {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        self.used = 0;
        let mut position = 0;
        for (from, to) in names(text) {
            position = self.push_name(text, from, to, position);
        }
        Tokens { tokens: self.tokens.get_mut(..self.used).unwrap_or_default(), next: 0 }
    }
}

impl CodeTokenizer {
    /// Adds a name whole and in parts, and returns the next position.
    fn push_name(&mut self, text: &str, from: usize, to: usize, position: usize) -> usize {
        let name = text.get(from..to).unwrap_or_default();
        if plain(name) {
            self.push(text, from, to, position);
            return position + 1;
        }
        let parts = boundaries(name);
        let whole_is_its_only_part = parts.as_slice() == [(0, name.len())];
        if !whole_is_its_only_part && !parts.is_empty() {
            self.push(text, from, to, position);
        }
        let mut next = position;
        for (start, end) in parts {
            self.push(text, from + start, from + end, next);
            next += 1;
        }
        next.max(position + 1)
    }

    fn push(&mut self, text: &str, from: usize, to: usize, position: usize) {
        let Some(term) = self.terms.of(text.get(from..to).unwrap_or_default()) else { return };
        if self.used == self.tokens.len() {
            self.tokens.push(Token::default());
        }
        if let Some(token) = self.tokens.get_mut(self.used) {
            (token.offset_from, token.offset_to, token.position) = (from, to, position);
            token.text.clear();
            token.text.push_str(term);
            self.used += 1;
        }
    }
}

/// A word that is its own and only part: `restart`, `Restart`, `137`.
fn plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Words with their terms. Texts repeat their words, and stemming one costs many times what remembering it does.
#[derive(Clone)]
struct Terms {
    english: TextAnalyzer,
    /// By the word in lower case; `None`: a stop word, or too long.
    known: FxHashMap<String, Option<String>>,
    lower: String,
}

impl Default for Terms {
    fn default() -> Self {
        Self { english: english(), known: FxHashMap::default(), lower: String::new() }
    }
}

impl Terms {
    /// The term of a word.
    fn of(&mut self, word: &str) -> Option<&str> {
        self.lower.clear();
        if word.is_ascii() {
            self.lower.push_str(word);
            self.lower.make_ascii_lowercase();
        } else {
            self.lower.push_str(&word.to_lowercase());
        }
        if !self.known.contains_key(&self.lower) {
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            let mut stream = self.english.token_stream(&self.lower);
            let term = stream.advance().then(|| stream.token().text.clone());
            drop(stream);
            self.known.insert(self.lower.clone(), term);
        }
        self.known.get(&self.lower)?.as_deref()
    }
}

/// The tokens of one text.
pub(crate) struct Tokens<'a> {
    tokens: &'a mut [Token],
    next: usize,
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        self.next += 1;
        self.next <= self.tokens.len()
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the trait asks for a reference; advance() has checked the bound"
    )]
    fn token(&self) -> &Token {
        &self.tokens[self.next - 1]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the trait asks for a reference; advance() has checked the bound"
    )]
    fn token_mut(&mut self) -> &mut Token {
        &mut self.tokens[self.next - 1]
    }
}

/// Where names start and end: runs of letters and digits, joined by single `_ - . / :`, with the dashes of a flag.
fn names(text: &str) -> Vec<(usize, usize)> {
    let mut names = Vec::new();
    let mut characters = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((start, character)) = characters.next() {
        if !character.is_alphanumeric() {
            before = if character == '-' && before == '-' { '=' } else { character };
            continue;
        }
        let mut end = start + character.len_utf8();
        before = character;
        while let Some(&(at, character)) = characters.peek() {
            let joins = matches!(character, '_' | '-' | '.' | '/' | ':')
                && text.get(at + 1..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphanumeric);
            if !character.is_alphanumeric() && !joins {
                break;
            }
            end = at + character.len_utf8();
            before = character;
            characters.next();
        }
        names.push((flag_start(text, start), end));
    }
    names
}

/// Where a flag's dashes begin: `--previous`, not the dash of a list or a range.
fn flag_start(text: &str, start: usize) -> usize {
    let before = text.get(..start).unwrap_or_default();
    let flag = before.ends_with("--") && !before.ends_with("---");
    let opens =
        |rest: &str| rest.chars().next_back().is_none_or(|c| c.is_whitespace() || "`'\"([=".contains(c));
    if flag && before.get(..start - 2).is_some_and(opens) { start - 2 } else { start }
}

/// Where the parts of a name start and end.
fn boundaries(name: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start: Option<usize> = None;
    let mut before: Option<char> = None;
    let mut characters = name.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if !character.is_alphanumeric() {
            parts.extend(start.take().map(|from| (from, at)));
            before = None;
            continue;
        }
        let next_is_lower = characters.peek().is_some_and(|(_, next)| next.is_lowercase());
        let turns = before.is_some_and(|before| {
            let rises = character.is_uppercase() && (before.is_lowercase() || before.is_numeric());
            // `HTTPError`: the last capital belongs to the next word.
            rises || (character.is_uppercase() && before.is_uppercase() && next_is_lower)
        });
        if turns {
            parts.extend(start.take().map(|from| (from, at)));
        }
        start.get_or_insert(at);
        before = Some(character);
    }
    parts.extend(start.map(|from| (from, name.len())));
    parts
}

#[cfg(test)]
mod tests {
    use super::{parts, spoken, terms};

    #[test]
    fn names_of_code_stand_whole_and_in_parts() {
        assert_eq!(terms("CrashLoopBackOff"), ["crashloopbackoff", "crash", "loop", "back", "off"]);
        assert_eq!(
            terms("kube_pod_status_phase"),
            ["kube_pod_status_phas", "kube", "pod", "status", "phase"]
        );
        assert_eq!(terms("exit code 137."), ["exit", "code", "137"]);
        assert_eq!(terms("kubectl logs --previous"), ["kubectl", "log", "--previous", "previous"]);
    }

    #[test]
    fn capitals_are_split_where_words_begin() {
        assert_eq!(parts("KubeAPIErrorBudgetBurn"), ["Kube", "API", "Error", "Budget", "Burn"]);
        assert_eq!(parts("etcdHighFsyncDurations"), ["etcd", "High", "Fsync", "Durations"]);
        assert_eq!(parts("OOMKilled"), ["OOM", "Killed"]);
        assert_eq!(spoken("Fix KubePodCrashLooping now"), "Fix Kube Pod Crash Looping now");
    }

    #[test]
    fn stop_words_are_dropped_and_words_are_stemmed() {
        assert_eq!(terms("the pods are failing"), ["pod", "fail"]);
    }
}
