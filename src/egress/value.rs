//! Where the value behind a name ends, and whether it is a secret at all.

use std::ops::Range;

/// Longest value that is read, bytes; what is longer is replaced this far, and the rest by other rules.
const LONGEST: usize = 4096;

/// The value that begins at `start`, quotes not included; `None` if there is none (a mapping, the end of the text).
pub(super) fn value(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let escapes = rest.len() - rest.trim_start_matches('\\').len();
    let opened = rest.get(escapes..)?;
    let first = opened.chars().next()?;
    let begin = start + escapes;
    match first {
        '"' | '\'' | '`' => Some(quoted(text, begin + 1, first, escapes)),
        '|' | '>' if is_block_scalar(opened) => block_scalar(text, start),
        '[' => Some(begin + 1..begin + opened.find(']').unwrap_or(opened.len()).min(bound(opened)))
            .filter(|range| opened.starts_with("[\"") && !range.is_empty()),
        '{' if !opened.starts_with("{{") => None,
        first if first.is_whitespace() => None,
        _ => Some(start..start + bare(rest)).filter(|range| !range.is_empty()),
    }
}

/// Up to the closing quote, escaped as often as the opening one; without one, to the end of the line.
fn quoted(text: &str, start: usize, quote: char, escapes: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let rest = rest.get(..bound(rest)).unwrap_or_default();
    let mut backslashes = 0;
    for (at, letter) in rest.char_indices() {
        match letter {
            '\\' => backslashes += 1,
            letter if letter == quote && backslashes <= escapes => return start..start + at - backslashes,
            _ => backslashes = 0,
        }
    }
    let line = rest.find('\n').unwrap_or(rest.len());
    start..start + line
}

fn is_block_scalar(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    line.len() <= 4 && line.trim_end().chars().all(|c| matches!(c, '|' | '>' | '-' | '+' | '1'..='9'))
}

/// The lines further in than the line that the name stands on.
fn block_scalar(text: &str, start: usize) -> Option<Range<usize>> {
    let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = indent(text.get(line..)?);
    let mut end = start + text.get(start..)?.find('\n')? + 1;
    let begin = end;
    for line in text.get(begin..)?.split_inclusive('\n') {
        if !line.trim().is_empty() && self::indent(line) <= indent {
            break;
        }
        end += line.len();
    }
    let value = text.get(begin..end)?;
    let lead = value.len() - value.trim_start().len();
    let range = begin + lead..begin + value.trim_end().len();
    (!range.is_empty() && range.start < range.end).then_some(range)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// A word. Commas and closing brackets end it only where something else follows, because passwords hold them, too.
fn bare(rest: &str) -> usize {
    let rest = rest.get(..bound(rest)).unwrap_or_default();
    for (at, letter) in rest.char_indices() {
        let ends = match letter {
            letter if letter.is_whitespace() => true,
            '"' | '\'' | '`' | '&' | ';' | '<' if at > 0 => true,
            ',' | ')' | '}' | ']' if at > 0 => closes(rest.get(at + 1..).unwrap_or_default()),
            _ => false,
        };
        if ends {
            return at;
        }
    }
    rest.len()
}

fn closes(after: &str) -> bool {
    let Some(next) = after.chars().next() else { return true };
    if next.is_whitespace() || matches!(next, ',' | ')' | '}' | ']' | '"' | '\'' | ';' | '\\') {
        return true;
    }
    // `a=b,c=d`: the next name.
    let name = after.len()
        - after.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).len();
    name > 0 && after.get(name..).is_some_and(|rest| rest.starts_with(['=', ':']))
}

fn bound(text: &str) -> usize {
    (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a value is more than an ordinary word: it holds a digit, a sign, or a capital within.
pub(super) fn is_unlike_a_word(value: &str) -> bool {
    let trimmed = value.trim_end_matches(['.', ',', ':', ';', '!', '?', ')', '"', '\'']);
    let inner_capital =
        trimmed.chars().skip(1).any(char::is_uppercase) && trimmed.chars().any(char::is_lowercase);
    let sign =
        trimmed.chars().any(|c| c.is_ascii_punctuation() && !matches!(c, '-' | '.' | '\'' | '/' | '_' | '('));
    trimmed.chars().count() >= 4 && (trimmed.chars().any(|c| c.is_ascii_digit()) || inner_capital || sign)
}

/// What stands before a value, and what that says.
pub(super) struct Name<'a> {
    /// The name itself, `DB_PASSWORD`.
    name: &'a str,
    /// What stands between the beginning of the line and the name.
    before: &'a str,
    /// The sign between name and value with the blanks around it.
    sign: &'a str,
}

impl<'a> Name<'a> {
    /// Takes apart the line up to where a value begins.
    pub(super) fn before(text: &'a str, start: usize) -> Self {
        let head = text.get(..start).unwrap_or_default();
        let line = head.get(head.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or_default();
        let signs = |c: char| matches!(c, '=' | ':' | '>' | ' ' | '\t' | '"' | '\'' | '\\' | '`' | ']');
        let named = line.trim_end_matches(signs);
        let sign = line.get(named.len()..).unwrap_or_default();
        let of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let before = named.trim_end_matches(of_a_name);
        Self { name: named.get(before.len()..).unwrap_or_default(), before, sign }
    }

    /// Whether the value can be none: a reference, a sentence about it, a number of something. `ends` says whether it ends
    /// its line.
    pub(super) fn excuses(&self, value: &str, ends: bool) -> bool {
        let name = self.name.to_ascii_lowercase();
        self.is_a_reference(&name, value)
            || self.is_a_count(&name, value)
            || self.is_prose(&name, value, ends)
    }

    /// `secret: payment-gateway` names a Secret; `PWD=/app` is a folder.
    fn is_a_reference(&self, name: &str, value: &str) -> bool {
        const NAMES: [&str; 8] = [
            "secret",
            "existingsecret",
            "imagepullsecret",
            "secretref",
            "tlssecret",
            "passwordsecret",
            "credentialssecret",
            "authsecret",
        ];
        let names_one = NAMES.contains(&name);
        let pieces: Vec<&str> = value.trim_end_matches(['.', ',']).split(['-', '/', '.']).collect();
        let word = |piece: &&str| {
            let small = piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            small && (1..=16).contains(&piece.len()) && piece.bytes().filter(u8::is_ascii_digit).count() <= 4
        };
        let like_a_name = pieces.len() > 1 && pieces.iter().all(word);
        let upper = self.name.bytes().all(|byte| !byte.is_ascii_lowercase());
        (names_one && !upper && like_a_name)
            || (matches!(name, "pwd" | "oldpwd") && value.starts_with(['/', '~']))
    }

    /// `max_token=100`, `password:  8 bytes`.
    fn is_a_count(&self, name: &str, value: &str) -> bool {
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        digits
            && (name.ends_with("token") && value.len() < 6 || (self.sign.contains("  ") && value.len() < 4))
    }

    /// `invalid token: unexpected end of input`.
    fn is_prose(&self, name: &str, value: &str, ends: bool) -> bool {
        let assigned = self.sign.contains('=') || !self.sign.ends_with([' ', '\t']);
        let upper = self.name.contains('_') || self.name.bytes().all(|byte| !byte.is_ascii_lowercase());
        let quoted = self.sign.contains(['"', '\'']);
        let own_line = self.before.chars().all(|c| c.is_whitespace() || matches!(c, '-' | '#' | '>' | '+'));
        let told = ends && (name.ends_with("password") || name.ends_with("passphrase"));
        !(assigned || upper || quoted || own_line || told || is_unlike_a_word(value))
    }
}

#[cfg(test)]
mod tests {
    use super::{is_unlike_a_word, value};

    fn read(text: &str) -> Option<&str> {
        let start = text.find('@').unwrap() + 1;
        value(text, start).map(|range| &text[range])
    }

    #[test]
    fn values_end_where_their_notation_ends_them() {
        let cases = [
            ("@hunter2 next", Some("hunter2")),
            ("@\"hun ter,2\", \"x\"", Some("hun ter,2")),
            (r#"@\"hunter2\",\"x\""#, Some("hunter2")),
            ("@'unclosed\nnext", Some("unclosed")),
            ("@a,b)c, next=1", Some("a,b)c")),
            ("@abc,user=x", Some("abc")),
            ("@abc&x=1", Some("abc")),
            ("@abc}", Some("abc")),
            ("key: @|\n  one\n  two\nnext: 1", Some("one\n  two")),
            ("@\n  nested: 1", None),
            ("@{\"nested\": 1}", None),
            ("@[\"one\",\"two\"]", Some("\"one\",\"two\"")),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn ordinary_words_are_told_from_made_up_ones() {
        for word in ["incorrect.", "expired", "Kubernetes", "not-found", "kubernetes.io/tls"] {
            assert!(!is_unlike_a_word(word), "{word}");
        }
        for word in ["hunter2", "Tr0ub4dor&3", "correctHorse", "p@ssword"] {
            assert!(is_unlike_a_word(word), "{word}");
        }
    }
}
