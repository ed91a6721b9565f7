//! Small pieces for untrusted text: constant regular expressions, and cutting between characters.

/// Declares a regular expression that is compiled at first use. `\d`, `\w` and `\b` mean ASCII: their Unicode tables
/// make compiling and searching many times slower, and log formats do not use them.
macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new(&$crate::observe::text::ascii($text)).expect("a valid pattern")
        });
    };
}
pub(super) use pattern;

/// Replaces the classes that would be Unicode's.
pub(super) fn ascii(pattern: &str) -> String {
    pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]")
}

/// The first `limit` bytes, cut between characters.
pub(super) fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
