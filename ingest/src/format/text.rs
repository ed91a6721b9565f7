//! Plain text and logs, and the decoding of text for every other format.

use std::{borrow::Cow, sync::LazyLock};

use content_inspector::ContentType;
use regex::Regex;

use crate::{Attributes, Document, Lines, document::BlockKind};

use super::outline::Outline;

/// Size at which a run of paragraphs becomes a block of its own, bytes: large enough that a long text has few
/// blocks, small enough that cutting one into passages stays cheap.
const BLOCK_BYTES: usize = 4096;

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static ANSI: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])").unwrap());

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static LOG_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^\s*(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:|[IWEF]\d{4} \d|\{"|time=|ts=|level=|\[?(?:DEBUG|INFO|WARN|ERROR|FATAL)\b)"#,
    )
    .unwrap()
});

/// Bytes as text with `\n` between lines, without byte order mark, terminal colours and control characters. Up to one
/// broken character of a hundred is replaced.
///
/// # Errors
/// The bytes are binary, or text in another encoding.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    let text = match content_inspector::inspect(bytes) {
        ContentType::BINARY => return Err("is a binary file: only text can be read".to_owned()),
        ContentType::UTF_16LE => utf16(bytes, u16::from_le_bytes)?,
        ContentType::UTF_16BE => utf16(bytes, u16::from_be_bytes)?,
        ContentType::UTF_32LE | ContentType::UTF_32BE => {
            return Err("is UTF-32 text: convert it to UTF-8".to_owned());
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let control = |char: char| {
        char.is_control() && !matches!(char, '\n' | '\t' | '\r' | '\x1b' | '\x08' | '\x0c' | '\x0b')
    };
    let broken = text.chars().filter(|char| *char == char::REPLACEMENT_CHARACTER || control(*char)).count();
    if broken > 0 && broken * 100 > text.chars().count() {
        return Err(format!("is not UTF-8 text ({broken} broken characters): convert it to UTF-8"));
    }
    Ok(tidy(text))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .collect::<Result<_, _>>()
        .map_err(|_| "is broken UTF-16 text: convert it to UTF-8".to_owned())
}

fn tidy(text: &str) -> String {
    let text: Cow<str> = if text.contains('\x1b') { ANSI.replace_all(text, "") } else { text.into() };
    let mut tidy = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => tidy.push('\n'),
            '\n' | '\t' => tidy.push(char),
            char if char.is_control() => tidy.push(' '),
            char => tidy.push(char),
        }
    }
    tidy
}

/// Text as paragraphs, a log as code, so that its lines stay whole.
pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    let mut outline = Outline::default();
    let log = is_log(text);
    let mut first = 1;
    let mut last = 0;
    let mut run = String::new();
    for line in text.lines() {
        last += 1;
        let blank = line.trim().is_empty();
        let full = run.len() >= BLOCK_BYTES && (blank || log) || run.len() >= 4 * BLOCK_BYTES;
        if full {
            flush(&mut outline, log, &run, Lines::new(first, last - 1));
            run.clear();
        }
        if run.is_empty() {
            if blank {
                continue;
            }
            first = last;
        } else {
            run.push('\n');
        }
        run.push_str(line);
    }
    flush(&mut outline, log, &run, Lines::new(first, last));
    outline.finish(None, Attributes::default(), path)
}

fn flush(outline: &mut Outline, log: bool, run: &str, lines: Lines) {
    if run.is_empty() {
        return;
    }
    if log {
        let end = lines.last - super::outline::newlines(run.get(run.trim_end().len()..).unwrap_or_default());
        outline.block(
            BlockKind::Code("log".to_owned()),
            run.trim_end().to_owned(),
            Lines::new(lines.first, end),
        );
    } else {
        outline.prose(run, lines);
    }
}

/// Most of the first lines begin like a log's.
fn is_log(text: &str) -> bool {
    let head: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(50).collect();
    let begun = head.iter().filter(|line| LOG_LINE.is_match(line)).count();
    begun >= 2 && begun * 2 > head.len()
}
