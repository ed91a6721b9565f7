//! One log line: its message, level and time, whatever format it is in (JSON, logfmt, plain). Pure.

use jiff::Timestamp;
use serde_json::Value;

use super::super::text::{head, pattern};

/// Longest part of a line that is looked at, bytes.
const MAX_LINE: usize = 4096;

/// What a line says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Information, debugging.
    Low,
    /// A warning.
    Warning,
    /// An error or worse.
    Error,
}

/// A line, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// When it was written, if it says.
    pub(super) at: Option<Timestamp>,
    /// The message, without the JSON around it.
    pub(super) text: String,
    /// A stack trace that a JSON line carries in a field.
    pub(super) stack: Option<String>,
    level: Option<Level>,
}

pattern!(KEYED_LEVEL, r#"(?i)\b(?:level|severity|lvl)=["']?([a-z]+)"#);
pattern!(
    MARKED_LEVEL,
    r"(?:^|[\s\[(|])(TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|PANIC|SEVERE)(?:[\s\]):|]|$)|\[(debug|info|notice|warn|error|crit|alert|emerg)\]|^([IWEF])\d{4} "
);
pattern!(
    TROUBLE,
    r#"(?i)\b(?:error|exception|panic)\b|(?-i:[a-z](?:Error|Exception)\b)|\b(?:fatal|traceback|refused|time(?:d[ -]?)?out|denied|failed|failure|unauthorized|forbidden|unable to|cannot|can't|could not|no such|out of memory|oom|killed|segfault|unreachable|crash\w*|abort\w*|rejected|reset by peer|broken pipe)\b|" 5\d\d "#
);
pattern!(NO_TROUBLE, r"(?i)\b(?:no|0|zero|without) (?:errors?|failures?|exceptions?)\b");
pattern!(TIME, r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\d*(?:\s?(Z|[+-]\d\d:?\d\d))?");

impl Line {
    /// Reads one line.
    pub(super) fn parse(raw: &str) -> Self {
        let raw = head(raw, MAX_LINE);
        let json = raw.trim_start().starts_with('{').then(|| serde_json::from_str::<Value>(raw.trim()).ok());
        json.flatten().map_or_else(|| Self::plain(raw), |json| Self::json(raw, &json))
    }

    fn plain(raw: &str) -> Self {
        Self { at: time(raw), text: raw.trim().to_owned(), stack: None, level: level(raw) }
    }

    fn json(raw: &str, json: &Value) -> Self {
        let message = text_of(json, &["msg", "message", "log", "event"]);
        let error = text_of(json, &["err", "error", "exception", "exc", "cause"]);
        let stack =
            text_of(json, &["stack", "stack_trace", "stacktrace", "stackTrace", "exc_info", "traceback"])
                .or_else(|| error.clone().filter(|error| error.contains('\n')));
        let first_line = error.as_deref().and_then(|error| error.lines().next());
        let text = match (message, first_line) {
            (Some(message), Some(error)) if !message.contains(error) => format!("{message}: {error}"),
            (Some(message), _) => message,
            (None, Some(error)) => error.to_owned(),
            (None, None) => raw.trim().to_owned(),
        };
        let at = ["time", "ts", "timestamp", "@timestamp"].iter().find_map(|key| json_time(json.get(*key)?));
        let level =
            ["level", "severity", "lvl", "levelname"].iter().find_map(|key| json_level(json.get(*key)?));
        Self { at, text, stack, level }
    }

    /// Whether it tells of trouble: by its own level where it has one, else by its words.
    pub(super) fn is_trouble(&self) -> bool {
        match self.level {
            Some(Level::Error) => true,
            Some(Level::Low) => false,
            Some(Level::Warning) | None => TROUBLE.is_match(&self.text) && !NO_TROUBLE.is_match(&self.text),
        }
    }
}

fn level(raw: &str) -> Option<Level> {
    let found = KEYED_LEVEL.captures(raw).or_else(|| MARKED_LEVEL.captures(head(raw, 160)))?;
    found.iter().skip(1).flatten().next().and_then(|word| level_word(word.as_str()))
}

fn level_word(word: &str) -> Option<Level> {
    match word.to_ascii_lowercase().as_str() {
        "trace" | "debug" | "info" | "information" | "notice" | "log" | "i" => Some(Level::Low),
        "warn" | "warning" | "w" => Some(Level::Warning),
        "error" | "err" | "fatal" | "critical" | "crit" | "panic" | "severe" | "alert" | "emerg" | "e"
        | "f" => Some(Level::Error),
        _ => None,
    }
}

fn json_level(value: &Value) -> Option<Level> {
    match value {
        Value::String(word) => level_word(word),
        // pino and bunyan: 30 information, 40 warning, 50 error.
        Value::Number(number) => number.as_u64().map(|number| match number {
            50.. => Level::Error,
            40.. => Level::Warning,
            _ => Level::Low,
        }),
        _ => None,
    }
}

/// The text of the first of these fields; of an object, its message and stack.
fn text_of(json: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match json.get(*key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(inner) => {
            let inner = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
            inner("stack").or_else(|| inner("message"))
        }
        _ => None,
    })
}

fn json_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => time(text),
        Value::Number(number) => {
            let number = number.as_f64()?;
            // Seconds until the year 5138, milliseconds from 1973 on.
            let milliseconds = if number < 1e11 { number * 1000.0 } else { number };
            #[expect(clippy::cast_possible_truncation, reason = "saturates; an absurd time is refused")]
            Timestamp::from_millisecond(milliseconds as i64).ok()
        }
        _ => None,
    }
}

/// The first time in a text; one without an offset is taken for UTC.
fn time(text: &str) -> Option<Timestamp> {
    let found = TIME.captures(head(text, 200))?;
    let part = |index: usize| found.get(index).map(|part| part.as_str());
    let fraction = part(3).map(|fraction| format!(".{fraction}")).unwrap_or_default();
    format!("{}T{}{fraction}{}", part(1)?, part(2)?, part(4).unwrap_or("Z")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Line;

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
        for (expected, line) in cases {
            assert_eq!(Line::parse(line).is_trouble(), expected, "{line}");
        }
    }

    #[test]
    fn times_of_several_formats_are_read() {
        let cases = [
            ("2026-01-02T03:04:05.5Z x", Some("2026-01-02T03:04:05.5Z")),
            ("2026-01-02 03:04:05,250 x", Some("2026-01-02T03:04:05.25Z")),
            ("2026-01-02 03:04:05+02:00 x", Some("2026-01-02T01:04:05Z")),
            (r#"{"ts":1767323045.5,"msg":"x"}"#, Some("2026-01-02T03:04:05.5Z")),
            (r#"{"time":1767323045500,"msg":"x"}"#, Some("2026-01-02T03:04:05.5Z")),
            ("2026-99-99 03:04:05", None),
            ("no time", None),
        ];
        for (line, expected) in cases {
            assert_eq!(Line::parse(line).at, expected.map(|at| at.parse().unwrap()), "{line}");
        }
    }

    #[test]
    fn a_json_line_gives_message_error_and_stack() {
        let line = Line::parse(
            r#"{"level":"error","msg":"request failed","err":{"message":"boom","stack":"Error: boom\n    at f (/a.js:1:2)"}}"#,
        );
        assert_eq!(line.text, "request failed: Error: boom");
        assert_eq!(line.stack.as_deref(), Some("Error: boom\n    at f (/a.js:1:2)"));
    }
}
