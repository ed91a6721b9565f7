//! Small pieces for untrusted text: constant regular expressions, and cutting between characters.

/// Declares a regular expression that is compiled at first use.
macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "a constant, compiled by every test of its module")]
            regex::Regex::new($text).expect("a valid pattern")
        });
    };
}
pub(super) use pattern;

/// The first `limit` bytes, cut between characters.
pub(super) fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
