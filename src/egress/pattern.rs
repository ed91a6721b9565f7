//! A pattern that is compiled when it is first needed: most rules are never called for, and a start must not wait.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, bytes.
const MOST_BYTES: usize = 8 << 20;

/// A pattern as it was written, and compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    written: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern to be compiled later.
    pub(super) fn new(written: &str) -> Self {
        Self { written: in_ascii(written), compiled: OnceLock::new() }
    }

    /// A pattern that a whole value must match.
    pub(super) fn whole(written: &str) -> Self {
        Self::new(&format!("^(?:{written})$"))
    }

    /// Compiles it within the limits of size.
    ///
    /// # Errors
    /// When it is no pattern, or too large when compiled.
    pub(super) fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&self.written).size_limit(MOST_BYTES).build()
    }

    /// The compiled pattern; `None` if it does not compile, which a caller must take for the worst.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }
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
