//! Glob patterns: `*` is any text, `?` any one character; everything else is itself.

use regex::{Regex, RegexBuilder};

/// Longest glob or regular expression, bytes.
const LONGEST: usize = 500;

/// Largest compiled pattern, bytes.
const COMPILED: usize = 256 * 1024;

/// Patterns of which one has to fit; with none, everything does.
#[derive(Debug, Clone, Default)]
pub(super) struct Globs(Vec<Regex>);

impl Globs {
    pub(super) fn new(patterns: &[String]) -> Result<Self, String> {
        patterns.iter().map(|pattern| glob(pattern)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the text fits one of them, or there are none.
    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.is_match(text))
    }
}

/// A glob as an anchored expression.
pub(super) fn glob(pattern: &str) -> Result<Regex, String> {
    let mut expression = String::from(r"(?s)\A");
    for character in pattern.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            _ => expression.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push_str(r"\z");
    compile(pattern, &expression)
}

/// A regular expression as it is written. The engine takes time linear in the text, whatever the expression.
pub(super) fn expression(text: &str) -> Result<Regex, String> {
    compile(text, text)
}

fn compile(written: &str, expression: &str) -> Result<Regex, String> {
    if written.is_empty() {
        return Err("is empty; write a pattern, or leave it out".to_owned());
    }
    if written.len() > LONGEST {
        return Err(format!("has {} bytes; a pattern has at most {LONGEST}", written.len()));
    }
    let built = RegexBuilder::new(expression).size_limit(COMPILED).dfa_size_limit(COMPILED).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large once it is compiled; write a simpler one".to_owned(),
        error => format!("is no pattern: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Globs, expression, glob};

    #[test]
    fn stars_and_question_marks_are_wild_and_nothing_else() {
        let globs = Globs::new(&["pod.image.*".to_owned(), "db-?".to_owned()]).unwrap();
        assert!(globs.fit("pod.image.not_found") && globs.fit("db-1") && globs.fit("pod.image."));
        assert!(!globs.fit("podximage.not_found") && !globs.fit("db-10") && !globs.fit(" db-1"));
        assert!(Globs::default().fit("anything"));
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(glob(&"x".repeat(501)).unwrap_err().contains("at most 500"));
        assert!(expression("(a{1000}){1000}").unwrap_err().contains("too large"));
        assert!(expression("(").unwrap_err().contains("no pattern"));
        assert!(glob("").unwrap_err().contains("empty"));
    }
}
