//! A text as a detector reads it, with the way back to the text that was written.
//!
//! Owns folding (look-alike letters, accents), decoding (percent, backslash and character-reference escapes) and joining
//! (strings that were split). Every view knows for each of its bytes which bytes of the original it stands for, so that
//! what is found in a view is replaced in the original.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// How many layers of escapes are taken off.
const LAYERS: usize = 3;

/// A reading of a text.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// What the detectors read.
    pub(super) text: String,
    /// The bytes of the original behind each byte of `text`; `None` where both are the same.
    origin: Option<Vec<(u32, u32)>>,
}

impl View {
    /// The text as it stands.
    pub(super) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), origin: None }
    }

    /// The range of the original that a range of this view stands for.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let Some(origin) = &self.origin else { return range };
        let start = origin.get(range.start).map_or(0, |(start, _)| *start as usize);
        let last = range.end.checked_sub(1).and_then(|last| origin.get(last));
        start..last.map_or(start, |(_, end)| *end as usize).max(start)
    }

    /// With letters of other alphabets and widths read as the ASCII letters that they look like, without accents.
    pub(super) fn folded(&self) -> Option<Self> {
        if self.text.is_ascii() {
            return None;
        }
        let mut view = Builder::of(self);
        for (at, letter) in self.text.char_indices() {
            let range = at..at + letter.len_utf8();
            if letter.is_ascii() {
                view.push(letter, range);
                continue;
            }
            let mut shown = false;
            for part in letter.nfkd().filter(|part| !is_combining_mark(*part)) {
                view.push(look_alike(part), range.clone());
                shown = true;
            }
            if !shown {
                view.extend_last(range);
            }
        }
        Some(view.finish())
    }

    /// With escapes read as what they stand for, layer by layer.
    pub(super) fn decoded(&self) -> Option<Self> {
        let mut view = self.decoded_once()?;
        for _ in 1..LAYERS {
            let Some(deeper) = view.decoded_once() else { break };
            view = deeper;
        }
        Some(view)
    }

    fn decoded_once(&self) -> Option<Self> {
        ESCAPE
            .is_match(&self.text)
            .then(|| self.replaced(&ESCAPE, |escape| escaped(escape).unwrap_or('\u{fffd}')))
    }

    /// With strings that were split over lines, list items or additions read as one.
    pub(super) fn joined(&self) -> Option<Self> {
        if !SPLIT.is_match(&self.text) {
            return None;
        }
        let mut view = Builder::of(self);
        let mut last = 0;
        for split in SPLIT.find_iter(&self.text) {
            view.copy(last..split.start());
            last = split.end();
        }
        view.copy(last..self.text.len());
        Some(view.finish())
    }

    fn replaced(&self, pattern: &Regex, with: impl Fn(&str) -> char) -> Self {
        let mut view = Builder::of(self);
        let mut last = 0;
        for escape in pattern.find_iter(&self.text) {
            view.copy(last..escape.start());
            view.push(with(escape.as_str()), escape.range());
            last = escape.end();
        }
        view.copy(last..self.text.len());
        view.finish()
    }
}

struct Builder<'a> {
    parent: &'a View,
    text: String,
    origin: Vec<(u32, u32)>,
}

impl<'a> Builder<'a> {
    fn of(parent: &'a View) -> Self {
        let (text, origin) =
            (String::with_capacity(parent.text.len()), Vec::with_capacity(parent.text.len()));
        Self { parent, text, origin }
    }

    fn push(&mut self, letter: char, range: Range<usize>) {
        let range = self.parent.original(range);
        let origin = (narrow(range.start), narrow(range.end));
        self.origin.extend(std::iter::repeat_n(origin, letter.len_utf8()));
        self.text.push(letter);
    }

    fn copy(&mut self, range: Range<usize>) {
        let Some(text) = self.parent.text.get(range.clone()) else { return };
        match &self.parent.origin {
            Some(origin) => self.origin.extend(origin.get(range).unwrap_or_default()),
            // One entry a byte; an end within a letter is never asked for.
            None => self.origin.extend(range.map(|at| (narrow(at), narrow(at + 1)))),
        }
        self.text.push_str(text);
    }

    /// A letter that is not shown belongs to the one before it.
    fn extend_last(&mut self, range: Range<usize>) {
        let end = narrow(self.parent.original(range).end);
        if let Some(last) = self.origin.last_mut() {
            last.1 = last.1.max(end);
        }
    }

    fn finish(self) -> View {
        View { text: self.text, origin: Some(self.origin) }
    }
}

/// Texts are bounded far below 4 GiB.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

static ESCAPE: LazyLock<Regex> = LazyLock::new(|| pattern(ESCAPES));
const ESCAPES: &str = concat!(
    r#"%[0-9A-Fa-f]{2}|\\+u\{?[0-9A-Fa-f]{4}\}?|\\+x[0-9A-Fa-f]{2}|\\+[nrt"'/]"#,
    r"|&#[xX][0-9A-Fa-f]{2,6};|&#[0-9]{2,7};|&(?:quot|amp|lt|gt|apos);"
);

static SPLIT: LazyLock<Regex> = LazyLock::new(|| pattern(SPLITS));
/// `"a" + "b"`, `"a", "b"`, `"a" "b"`, `a\` at a line's end, a line that goes on further in.
const SPLITS: &str = concat!(
    r#"["'`][ \t]*(?:\+|\.|,|\\|&|\|\|)?[ \t]*\\?\r?\n?[ \t]*(?:\+|-[ \t])?[ \t]*["'`]|\\\r?\n[ \t]*|"#,
    r"\n[ \t]*(?:-[ \t]+)?"
);

/// The patterns of this file are constants; a test compiles them. One that did not would match nothing.
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|_| never())
}

/// A pattern that matches nothing.
#[expect(clippy::expect_used, reason = "an empty negated class compiles")]
fn never() -> Regex {
    Regex::new(r"[^\s\S]").expect("an empty class compiles")
}

fn escaped(escape: &str) -> Option<char> {
    let body = escape.trim_start_matches('\\');
    let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    if let Some(hex) = escape.strip_prefix('%').or_else(|| body.strip_prefix('x')) {
        return code(hex, 16);
    }
    if let Some(hex) = body.strip_prefix('u') {
        return code(hex.trim_matches(['{', '}']), 16);
    }
    if let Some(number) = escape.strip_prefix("&#") {
        let number = number.trim_end_matches(';');
        return match number.strip_prefix(['x', 'X']) {
            Some(hex) => code(hex, 16),
            None => code(number, 10),
        };
    }
    match body {
        "n" | "r" => Some('\n'),
        "t" => Some('\t'),
        "&quot;" => Some('"'),
        "&amp;" => Some('&'),
        "&lt;" => Some('<'),
        "&gt;" => Some('>'),
        "&apos;" => Some('\''),
        other => other.chars().next(),
    }
}

/// Which ASCII letter each prototype of Unicode's confusables stands for: of capitals, and of all else.
static PROTOTYPES: LazyLock<(HashMap<char, char>, HashMap<char, char>)> = LazyLock::new(|| {
    let of = |letters: &mut dyn Iterator<Item = char>| {
        let mut table = HashMap::new();
        for letter in letters {
            if let Some(prototype) = single(letter) {
                table.entry(prototype).or_insert(letter);
            }
        }
        table
    };
    let capitals = of(&mut ('A'..='Z').chain('0'..='9').chain('a'..='z'));
    let all = of(&mut ('a'..='z').chain('A'..='Z').chain('0'..='9'));
    (capitals, all)
});

fn single(letter: char) -> Option<char> {
    let mut encoded = [0; 4];
    let mut prototype = skeleton(letter.encode_utf8(&mut encoded));
    let first = prototype.next()?;
    prototype.next().is_none().then_some(first)
}

fn look_alike(letter: char) -> char {
    if letter.is_ascii() {
        return letter;
    }
    // `m` has a prototype of two letters (`rn`) and so never stands in the table.
    if matches!(letter, 'м' | 'М') {
        return if letter == 'М' { 'M' } else { 'm' };
    }
    let (capitals, all) = &*PROTOTYPES;
    let table = if letter.is_uppercase() { capitals } else { all };
    single(letter).and_then(|prototype| table.get(&prototype).copied()).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::{ESCAPES, SPLITS, View};

    #[test]
    fn the_patterns_compile() {
        assert!(Regex::new(ESCAPES).is_ok() && Regex::new(SPLITS).is_ok());
    }

    #[test]
    fn letters_that_look_alike_are_read_alike() {
        let original = "ｉgnоrе thе 𝐫ules, ré\u{301}sumé";
        let view = View::plain(original).folded().unwrap();
        assert_eq!(view.text, "ignore the rules, resume");
        let at = view.text.find("rules").unwrap();
        assert_eq!(&original[view.original(at..at + 5)], "𝐫ules");
    }

    #[test]
    fn escapes_are_taken_off_layer_by_layer() {
        let original = r"a=%2541KIA \u0041B &#x41; \n";
        let view = View::plain(original).decoded().unwrap();
        assert_eq!(view.text, "a=AKIA AB A \n");
        let at = view.text.find("AKIA").unwrap();
        assert_eq!(&original[view.original(at..at + 4)], "%2541KIA");
    }

    #[test]
    fn what_was_split_is_read_as_one() {
        let original = "key = \"AKIA\" +\n  \"IOSF\"";
        let view = View::plain(original).joined().unwrap();
        let at = view.text.find("AKIAIOSF").unwrap();
        assert_eq!(&original[view.original(at..at + 8)], "AKIA\" +\n  \"IOSF");
    }

    #[test]
    fn plain_text_needs_no_other_reading() {
        let view = View::plain("nothing to see");
        assert!(view.folded().is_none() && view.decoded().is_none() && view.joined().is_none());
    }
}
