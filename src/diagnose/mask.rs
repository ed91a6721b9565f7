//! Text from the cluster, made fit to show: control characters out, secrets masked, length bounded.
//!
//! Evidence is shown to people and clients, so everything that quotes the cluster passes here. Masking looks for the
//! shapes in which secrets usually stand in logs; it is a safety net and no licence to print secrets.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Longest text shown, in characters.
pub const MAX_CHARS: usize = 500;

const MASK: &str = "***";

struct Shape {
    pattern: Regex,
    replacement: &'static str,
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shapes = [
        (r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", MASK),
        (r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", "$1:***@"),
        (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}", "$1 ***"),
        (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", MASK),
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", MASK),
        (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{16,})", MASK),
        (
            concat!(
                r#"(?i)\b([a-z0-9_.-]*(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|"#,
                r#"private[_-]?key|credentials?))(["']?\s*(?:=|:|=>)\s*)("[^"]*"|'[^']*'|[^\s"',;&}\)]+)"#
            ),
            "$1$2***",
        ),
    ];
    let compile =
        |(pattern, replacement)| Regex::new(pattern).ok().map(|pattern| Shape { pattern, replacement });
    shapes.into_iter().filter_map(compile).collect()
});

/// The text without control characters, with secrets masked, cut to [`MAX_CHARS`].
#[must_use]
pub fn clean(text: &str) -> String {
    // Masked before it is cut: a secret that straddles the cut must not lose the mark that gives it away. What lies far
    // beyond the cut is dropped first, so that a huge message costs no more than a long one.
    let near: String = text.chars().take(MAX_CHARS * 4).map(printable).collect();
    let masked = mask(&near);
    if masked.chars().count() <= MAX_CHARS {
        return masked.trim().to_owned();
    }
    let cut: String = masked.chars().take(MAX_CHARS - 1).collect();
    format!("{}…", cut.trim())
}

/// The text with secrets masked.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut masked = Cow::Borrowed(text);
    for shape in SHAPES.iter() {
        if let Cow::Owned(changed) = shape.pattern.replace_all(&masked, shape.replacement) {
            masked = Cow::Owned(changed);
        }
    }
    masked.into_owned()
}

/// Control characters and the invisible characters that reorder text would let a log line paint over a terminal.
fn printable(character: char) -> char {
    let reorders =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || reorders { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, SHAPES, clean, mask};

    #[test]
    fn every_shape_compiles() {
        assert_eq!(SHAPES.len(), 7);
    }

    #[test]
    fn secrets_in_their_usual_shapes_are_masked() {
        let lines = [
            ("DB_PASSWORD=hunter2 next", "DB_PASSWORD=*** next"),
            (r#"{"password": "hunter2", "user": "shop"}"#, r#"{"password": ***, "user": "shop"}"#),
            ("api-key: 'k-123' and more", "api-key: *** and more"),
            ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
            ("postgres://shop:hunter2@db:5432/shop", "postgres://shop:***@db:5432/shop"),
            ("using AKIAIOSFODNN7EXAMPLE today", "using *** today"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln ok", "jwt *** ok"),
            ("-----BEGIN RSA PRIVATE KEY----- MIIE", "***"),
        ];
        for (line, expected) in lines {
            assert_eq!(mask(line), expected);
        }
    }

    #[test]
    fn ordinary_words_about_secrets_stay_readable() {
        let lines = [
            "password authentication failed for user \"shop\"",
            "secret \"payment-gateway\" not found",
            "couldn't find key TOKEN_TTL in Secret payments/gateway",
            "http://catalog:8080/v1/products",
        ];
        for line in lines {
            assert_eq!(mask(line), line);
        }
    }

    #[test]
    fn terminal_escapes_and_reordering_characters_become_spaces() {
        assert_eq!(clean("a\u{1b}[31mred\u{202e}b\r\nc"), "a [31mred b  c");
    }

    #[test]
    fn long_text_is_cut_after_masking() {
        let secret = format!("{}password=abcdefgh", "x".repeat(MAX_CHARS - 12));
        let shown = clean(&secret);
        assert_eq!(shown.chars().count(), MAX_CHARS);
        assert!(!shown.contains("abc"), "{shown}");
    }
}
