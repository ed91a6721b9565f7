//! Telling lines that speak of trouble from the course of things. Pure.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::LogLevel;

static TROUBLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(
        r#"(?i)\b(?:error|exception|panic)\b|(?-i:[a-z](?:Error|Exception)\b)|\b(?:fatal|traceback|refused|time(?:d[ -]?)?out|denied|failed|failure|unauthorized|forbidden|unable to|cannot|can't|could not|no such|out of memory|oom|killed|segfault|unreachable|crash\w*|abort\w*|rejected|reset by peer|broken pipe)\b|" 5\d\d "#,
    )
});
static NO_TROUBLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| ascii(r"(?i)\b(?:no|0|zero|without) (?:errors?|failures?|exceptions?)\b"));

/// Bytes and ASCII classes: messages need not be UTF-8, and noise that is not costs a Unicode automaton dearly.
fn ascii(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// Whether a message tells of trouble: by its own level where it has one, else by its words.
pub(super) fn is_trouble(level: Option<LogLevel>, message: &[u8], error: &[u8]) -> bool {
    let says =
        |pattern: &Option<Regex>, text: &[u8]| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text));
    let by_words = |text: &[u8]| says(&TROUBLE, text) && !says(&NO_TROUBLE, text);
    match level {
        Some(LogLevel::Error | LogLevel::Fatal) => true,
        Some(LogLevel::Debug | LogLevel::Info) => false,
        Some(LogLevel::Warning) | None => by_words(message) || by_words(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Reader;
    use super::is_trouble;

    #[test]
    fn trouble_is_told_by_level_first_and_words_second() {
        let cases = [
            (true, r#"{"level":"error","msg":"cannot reach payments"}"#),
            (true, r#"{"level":50,"msg":"boom"}"#),
            (false, r#"{"level":30,"msg":"0 timeouts, error budget fine"}"#),
            (true, "level=error msg=\"x\""),
            (false, "time=2026-01-01 level=info msg=\"retry after error\""),
            (true, "2026-01-01 10:00:00,123 ERROR [main] c.s.App : no"),
            (false, "2026-01-01 10:00:00,123  INFO 1 --- [main] o.s.Failed : started"),
            (false, "WARN cache is cold"),
            (true, "WARN connection refused, retrying"),
            (true, "2026/01/01 10:00:00 [error] 7#7: *1 open() failed"),
            (true, "E0101 10:00:00.000000 1 controller.go:1] sync"),
            (true, "FATAL:  password authentication failed for user \"shop\""),
            (true, "KeyError: 'DB_URL'"),
            (true, "panic: runtime error"),
            (true, r#"10.0.0.1 - - [01/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 157"#),
            (false, r#"10.0.0.1 - - [01/Jan/2026:10:00:00 +0000] "GET /terror HTTP/1.1" 200 500"#),
            (false, "finished without errors"),
            (false, "listening on :8080"),
            (false, ""),
        ];
        for (expected, raw) in cases {
            let mut reader = Reader::default();
            let line = reader.read(raw.as_bytes());
            assert_eq!(is_trouble(line.level, line.message, line.error), expected, "{raw}");
        }
    }
}
