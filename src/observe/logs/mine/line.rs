//! One line, read: its message, error, level and time, whatever format it is in. Pure.

use memchr::{memchr, memmem};

use super::fields::{Fields, json, logfmt, unescape};
use super::{LogLevel, head};

/// Longest part of a line that is looked at, bytes.
pub(super) const MAX_LINE: usize = 4096;

/// A line, read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Microseconds since 1970, if it says.
    pub(super) at: Option<i64>,
    /// How serious it says it is.
    pub(super) level: Option<LogLevel>,
    /// What happened: one line, without what stands before it.
    pub(super) message: &'a [u8],
    /// What went wrong, where a field of its own says so and the message does not: one line.
    pub(super) error: &'a [u8],
    /// The stack trace that a field holds.
    pub(super) stack: &'a [u8],
}

/// Reads lines. Keeps room for what must be rewritten, so that reading does not allocate.
#[derive(Debug, Default)]
pub(super) struct Reader {
    latest: Option<i64>,
    plain: Vec<u8>,
    texts: [Vec<u8>; 3],
}

impl Reader {
    /// `latest`: about when the last line was written, microseconds since 1970, for times without a year.
    pub(super) fn new(latest: Option<i64>) -> Self {
        Self { latest, ..Self::default() }
    }

    /// Reads one line, of which only the first 4 KiB count.
    pub(super) fn read<'a>(&'a mut self, raw: &'a [u8]) -> Line<'a> {
        let raw = raw.get(..MAX_LINE).unwrap_or(raw);
        let Self { latest, plain, texts } = self;
        let raw = if memchr(0x1b, raw).is_some() { without_escapes(raw, plain) } else { raw };
        let raw = raw.trim_ascii_end();
        let fields = match raw.trim_ascii_start() {
            line @ [b'{', b' ' | b'"' | b'\t', ..] => json(line),
            line @ [b'a'..=b'z' | b'@', ..] if memchr(b'=', line.get(..16).unwrap_or(line)).is_some() => {
                logfmt(line)
            }
            _ => None,
        };
        match fields {
            Some(fields) => of_fields(fields, *latest, texts),
            None => of_text(raw, *latest),
        }
    }
}

fn of_text(raw: &[u8], latest: Option<i64>) -> Line<'_> {
    let head = head::read(raw, latest);
    Line {
        at: head.at,
        level: head.level,
        message: raw.get(head.message..).unwrap_or(raw),
        ..Line::default()
    }
}

fn of_fields<'a>(fields: Fields<'a>, latest: Option<i64>, texts: &'a mut [Vec<u8>; 3]) -> Line<'a> {
    let [message, error, stack] = texts;
    let message = fields.message.map(|text| unescaped(text, message)).unwrap_or_default();
    let error = fields.error.map(|text| unescaped(text, error)).unwrap_or_default();
    let stack = fields.stack.map(|text| unescaped(text, stack)).unwrap_or_default();
    let stack =
        [stack, error, message].into_iter().find(|text| memchr(b'\n', text).is_some()).unwrap_or_default();
    let (message, error) = (first_line(message), first_line(error));
    // Collectors wrap the lines of programs that have a head of their own.
    let head = head::read(message, latest);
    let message = message.get(head.message..).unwrap_or(message);
    let error = if memmem::find(message, error).is_some() { &[] } else { error };
    Line { at: fields.at.or(head.at), level: fields.level.or(head.level), message, error, stack }
}

fn unescaped<'a>(text: &'a [u8], into: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr(b'\\', text).is_none() {
        return text;
    }
    into.clear();
    unescape(text, into);
    into
}

fn first_line(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.get(..memchr(b'\n', text).unwrap_or(text.len())).unwrap_or(text)
}

/// The text without what colours it or moves a terminal's cursor.
fn without_escapes<'a>(text: &[u8], into: &'a mut Vec<u8>) -> &'a [u8] {
    into.clear();
    let mut rest = text;
    while let Some(at) = memchr(0x1b, rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = match rest.get(at + 1..).unwrap_or_default() {
            // A control sequence: parameters, then a letter.
            [b'[', after @ ..] => {
                let end = after
                    .iter()
                    .position(|byte| (0x40..0x7f).contains(byte))
                    .map_or(after.len(), |end| end + 1);
                after.get(end..).unwrap_or_default()
            }
            // A string for the terminal, up to a bell or another escape.
            [b']', after @ ..] => {
                let end = after.iter().position(|byte| matches!(byte, 0x07 | 0x1b)).unwrap_or(after.len());
                let bell = usize::from(after.get(end) == Some(&0x07));
                after.get(end + bell..).unwrap_or_default()
            }
            [_, after @ ..] => after,
            [] => &[],
        };
    }
    into.extend_from_slice(rest);
    into
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE, Reader};
    use crate::observe::LogLevel::{self, Error, Fatal, Info, Warning};

    /// Level and message.
    fn read(raw: &str) -> (Option<LogLevel>, String) {
        let mut reader = Reader::default();
        let line = reader.read(raw.as_bytes());
        let text = [line.message, line.error].map(|part| String::from_utf8_lossy(part).into_owned());
        (line.level, text.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn the_heads_of_the_usual_loggers_are_told_from_the_message() {
        let cases = [
            // log4j, logback, Spring Boot, JBoss
            (Error, "2026-01-02 03:04:05,678 ERROR [main] org.shop.App: it broke"),
            (Error, "2026-01-02 03:04:05,678 [http-nio-8080-exec-1] ERROR org.shop.App - it broke"),
            (
                Error,
                "2026-01-02 03:04:05.678 ERROR 1 --- [nio-8080-exec-1] o.s.App                  : it broke",
            ),
            (Error, "2026-01-02T03:04:05.678Z ERROR 1 --- [shop] [           main] o.s.App : it broke"),
            // Python, uvicorn, gunicorn, Celery, loguru
            (Error, "2026-01-02 03:04:05,678 - shop.pay - ERROR - it broke"),
            (Error, "[2026-01-02 03:04:05 +0000] [7] [ERROR] it broke"),
            (Error, "[2026-01-02 03:04:05,678: ERROR/MainProcess] it broke"),
            (Error, "2026-01-02 03:04:05.678 | ERROR    | shop.pay:charge:12 - it broke"),
            // Go: klog, zap, logrus, zerolog; Rust: tracing, env_logger
            (Error, "E0102 03:04:05.678901       1 pay.go:12] it broke"),
            (Error, "2026-01-02T03:04:05.678Z\tERROR\tshop/pay.go:12\tit broke"),
            (Error, "2026-01-02T03:04:05.678901Z ERROR shop::pay: it broke"),
            (Error, "[2026-01-02T03:04:05Z ERROR shop::pay] it broke"),
            // nginx, Apache, Envoy, Elasticsearch
            (Error, "2026/01/02 03:04:05 [error] 7#7: it broke"),
            (Error, "[Fri Jan 02 03:04:05.678901 2026] [core:error] [pid 7:tid 8] it broke"),
            (Error, "[2026-01-02 03:04:05.678][1][error][config] [source/common/x.cc:12] it broke"),
            (Error, "[2026-01-02T03:04:05,678][ERROR][o.e.b.Boot          ] [node-1] it broke"),
            // PostgreSQL, MySQL, Redis, RabbitMQ
            (Error, "2026-01-02 03:04:05.678 UTC [7] ERROR:  it broke"),
            (Fatal, "2026-01-02 03:04:05.678 UTC [7] FATAL:  it broke"),
            (Info, "2026-01-02 03:04:05.678 UTC [7] LOG:  it broke"),
            (Error, "2026-01-02T03:04:05.678901Z 0 [ERROR] [MY-010334] [Server] it broke"),
            (Warning, "1:M 02 Jan 2026 03:04:05.678 # it broke"),
            (Error, "2026-01-02 03:04:05.678901+00:00 [error] <0.1.0> it broke"),
            // .NET, Rails, PHP, serilog
            (Error, "fail: it broke"),
            (Error, "E, [2026-01-02T03:04:05.678901 #1] ERROR -- : it broke"),
            (Warning, "[02-Jan-2026 03:04:05] WARNING: it broke"),
            (Error, "[03:04:05 ERR] it broke"),
            // Hadoop, what collectors put in front, colours
            (Error, "260102 030405 17 ERROR dfs.Node: it broke"),
            (Error, "[pod/shop-1/app] 2026-01-02T03:04:05Z ERROR it broke"),
            (Error, "shop-1.log 2026-01-02 03:04:05.678 17 ERROR shop.pay [req-1 - -] it broke"),
            (Error, "shop  | 2026-01-02T03:04:05Z ERROR it broke"),
            (Error, "2026-01-02T03:04:05.123456789Z stderr F 2026-01-02 03:04:05 ERROR it broke"),
            (Error, "\u{1b}[2m2026-01-02T03:04:05Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m it broke"),
            (Error, "ERROR: it broke"),
            // Fields
            (Error, r#"{"level":"error","ts":1767323045.6,"logger":"pay","msg":"it broke"}"#),
            (
                Error,
                r#"{"t":{"$date":"2026-01-02T03:04:05.678+00:00"},"s":"E","c":"NETWORK","msg":"it broke"}"#,
            ),
            (
                Error,
                r#"{"log":"2026-01-02 03:04:05 ERROR it broke\n","stream":"stderr","time":"2026-01-02T03:04:05Z"}"#,
            ),
            (Error, r#"{"severity":"ERROR","message":"it broke","labels":{"a":["}"]}}"#),
            (Error, r#"time="2026-01-02T03:04:05Z" level=error msg="it broke" pod=x"#),
            (Error, r"ts=2026-01-02T03:04:05Z caller=a.go:1 level=error err=x.y component=c msg=broke"),
        ];
        for (level, raw) in cases {
            let (found, message) = read(raw);
            let expected = if raw.contains("err=x.y") { "broke | x.y" } else { "it broke" };
            assert_eq!((found, message.as_str()), (Some(level), expected), "{raw}");
        }
    }

    #[test]
    fn a_line_without_time_or_level_is_a_message_from_its_first_byte() {
        let lines = [
            "listening on :8080",
            "10.0.0.1:80 served a block",
            "[a] [b] c",
            "shop.pay: it broke",
            "{not json",
            "Connection to db-1.example.com lost",
            "a=b",
            "1234 items",
            "Information about x",
        ];
        for line in lines {
            assert_eq!(read(line), (None, line.to_owned()));
        }
    }

    #[test]
    fn the_word_error_before_a_colon_is_level_and_message() {
        let line = "Error: connect ECONNREFUSED 10.0.0.1:80";
        assert_eq!(read(line), (Some(Error), line.to_owned()));
    }

    #[test]
    fn a_head_alone_is_its_own_message() {
        assert_eq!(
            read("2026-01-02T03:04:05Z ERROR"),
            (Some(Error), "2026-01-02T03:04:05Z ERROR".to_owned())
        );
    }

    #[test]
    fn escapes_are_undone_and_an_error_that_the_message_has_is_not_repeated() {
        let raw = r#"{"level":"error","msg":"open \"a\" failed: no\u0020such file\nsecond","error":"no such file"}"#;
        assert_eq!(read(raw), (Some(Error), "open \"a\" failed: no such file".to_owned()));
        assert_eq!(
            read(r#"{"level":50,"msg":"x","err":{"message":"y","a":1}}"#),
            (Some(Error), "x | y".to_owned())
        );
    }

    #[test]
    fn cut_and_broken_fields_give_what_was_read_before_the_fault() {
        assert_eq!(read(r#"{"level":"error","msg":"it bro"#), (Some(Error), "it bro".to_owned()));
        assert_eq!(read(r#"{"msg":"x","level":"#), (None, "x".to_owned()));
        assert_eq!(read(r#"{"msg":"x\ud800"}"#), (None, "x\u{fffd}".to_owned()));
    }

    #[test]
    fn an_endless_line_is_cut_and_broken_utf8_is_read() {
        let mut reader = Reader::default();
        let long = [b"ERROR ".as_slice(), &[0xff; 100_000]].concat();
        let line = reader.read(&long);
        assert_eq!((line.level, line.message.len()), (Some(Error), MAX_LINE - 6));
    }
}
