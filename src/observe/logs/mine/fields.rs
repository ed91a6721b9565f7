//! The message, error, level and time of a line that is a JSON object or logfmt. Pure.
//!
//! Lines are read shallowly and without allocating: a field is the slice of the line that holds it, still escaped.

use memchr::{memchr, memchr2};

use super::LogLevel;
use super::time::{of_number, stamp};

/// Most fields of a line that are looked at.
const MAX_FIELDS: usize = 64;

/// Deepest object that is looked through for the end of a field.
const MAX_DEPTH: usize = 64;

/// What the fields of a line say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Fields<'a> {
    pub(super) at: Option<i64>,
    pub(super) level: Option<LogLevel>,
    /// What happened.
    pub(super) message: Option<&'a [u8]>,
    /// What went wrong, where a field of its own says so.
    pub(super) error: Option<&'a [u8]>,
    /// The stack trace that a field holds.
    pub(super) stack: Option<&'a [u8]>,
}

/// A value as it stands in the line.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a [u8]),
    Bare(&'a [u8]),
    Object(&'a [u8]),
}

/// Reads a JSON object; `None` for a line that is none or has no message in it. What follows a fault is left out.
pub(super) fn json(line: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    members(line, |key, value| fields.take(key, value));
    fields.told()
}

/// Reads `key=value key="value"`; `None` for a line that is none or has no message in it.
pub(super) fn logfmt(line: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    let mut rest = line;
    for _ in 0..MAX_FIELDS {
        rest = rest.trim_ascii_start();
        let is_key =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b'/');
        let Some(length) = rest.iter().position(|byte| !is_key(byte)).filter(|length| *length > 0) else {
            break;
        };
        let key = rest.get(..length)?;
        let Some([b'=', value @ ..]) = rest.get(length..) else { break };
        let (value, after) = match value {
            [b'"', quoted @ ..] => {
                let (text, after) = text(quoted)?;
                (Value::Text(text), after)
            }
            bare => {
                let (bare, after) = bare.split_at(memchr(b' ', bare).unwrap_or(bare.len()));
                (Value::Bare(bare), after)
            }
        };
        fields.take(key, value);
        rest = after;
    }
    fields.told()
}

impl<'a> Fields<'a> {
    /// Lines of no level are common, of no message are not.
    fn told(self) -> Option<Self> {
        (self.message.is_some() || self.error.is_some()).then_some(self)
    }

    fn take(&mut self, key: &[u8], value: Value<'a>) {
        match key {
            b"msg" | b"message" | b"log" | b"event" | b"MESSAGE" | b"@m" | b"@mt" | b"Message" | b"body" => {
                self.message = self.message.or(value.text());
            }
            b"err" | b"error" | b"exception" | b"exc" | b"cause" | b"Exception" | b"@x" | b"errorMessage" => {
                let error = value.inner(b"message").or(value.text());
                self.error = self
                    .error
                    .or(error.filter(|error| !matches!(*error, b"null" | b"false" | b"nil" | b"<nil>")));
                self.stack = self.stack.or_else(|| value.inner(b"stack"));
            }
            b"stack" | b"stack_trace" | b"stacktrace" | b"stackTrace" | b"exc_info" | b"traceback" => {
                self.stack = self.stack.or(value.text());
            }
            b"level" | b"severity" | b"lvl" | b"levelname" | b"log.level" | b"s" | b"@l" | b"LogLevel"
            | b"Level" | b"level_name" => self.level = self.level.or_else(|| value.level()),
            b"time" | b"ts" | b"timestamp" | b"@timestamp" | b"t" | b"@t" | b"Timestamp" | b"asctime"
            | b"datetime" => {
                self.at = self.at.or_else(|| value.time());
            }
            _ => {}
        }
    }
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a [u8]> {
        match self {
            Value::Text(text) | Value::Bare(text) => Some(text).filter(|text| !text.is_empty()),
            Value::Object(_) => None,
        }
    }

    /// A text in an object.
    fn inner(self, wanted: &[u8]) -> Option<&'a [u8]> {
        let Value::Object(object) = self else { return None };
        let mut found = None;
        members(object, |key, value| {
            if key == wanted {
                found = found.or(value.text());
            }
        });
        found
    }

    fn level(self) -> Option<LogLevel> {
        let word = self.text()?;
        let letter = || match word {
            [letter] => LogLevel::of_letter(*letter),
            _ => None,
        };
        LogLevel::of_word(word).or_else(letter).or_else(|| LogLevel::of_number(number(word)?))
    }

    fn time(self) -> Option<i64> {
        let text = self.inner(b"$date").or(self.text())?;
        stamp(text, None).and_then(|stamp| stamp.at).or_else(|| of_number(number(text)?))
    }
}

fn number(text: &[u8]) -> Option<f64> {
    let text = text.get(..32).unwrap_or(text);
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Calls `each` with the members of a JSON object, until something is no JSON.
fn members<'a>(line: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) {
    let [b'{', rest @ ..] = line.trim_ascii_start() else { return };
    let mut rest = rest;
    for _ in 0..MAX_FIELDS {
        let [b'"', key @ ..] = rest.trim_ascii_start() else { return };
        let Some((key, after)) = text(key) else { return };
        let [b':', after @ ..] = after.trim_ascii_start() else { return };
        let Some((value, after)) = value(after.trim_ascii_start()) else { return };
        each(key, value);
        let [b',', after @ ..] = after.trim_ascii_start() else { return };
        rest = after;
    }
}

/// The value that `rest` begins with, and what follows. The end of the line ends a text, a value may be cut off.
fn value(rest: &[u8]) -> Option<(Value<'_>, &[u8])> {
    match rest {
        [b'"', quoted @ ..] => {
            let (text, after) = text(quoted)?;
            Some((Value::Text(text), after))
        }
        [b'{' | b'[', ..] => {
            let (object, after) = rest.split_at_checked(nested(rest)?)?;
            Some((Value::Object(object), after))
        }
        _ => {
            let length =
                rest.iter().position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\t')).unwrap_or(rest.len());
            let (bare, after) = rest.split_at_checked(length).filter(|_| length > 0)?;
            Some((Value::Bare(bare), after))
        }
    }
}

/// The text up to the closing quote, and what follows it. A line that was cut inside a text ends it.
fn text(quoted: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        let rest = quoted.get(at..)?;
        let Some(next) = memchr2(b'"', b'\\', rest) else { return Some((quoted, &[])) };
        if rest.get(next) == Some(&b'"') {
            return Some((quoted.get(..at + next)?, quoted.get(at + next + 1..)?));
        }
        at += next + 2;
    }
}

/// The length of the object or array that `rest` begins with.
fn nested(rest: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = rest.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let (_, after) = text(rest.get(at + 1..)?)?;
                at = rest.len() - after.len() - 1;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
        if depth > MAX_DEPTH {
            return None;
        }
    }
    None
}

/// Undoes the escapes of a JSON text. Unknown ones stay as they are.
pub(super) fn unescape(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let Some((&code, after)) = after.split_first() else { return };
        rest = after;
        match code {
            b'n' => into.push(b'\n'),
            b't' => into.push(b'\t'),
            b'r' => into.push(b'\r'),
            b'u' => rest = unicode(after, into),
            b'b' | b'f' => into.push(b' '),
            other => into.push(other),
        }
    }
    into.extend_from_slice(rest);
}

/// Four hexadecimal digits; halves of a surrogate pair become the replacement character.
fn unicode<'a>(rest: &'a [u8], into: &mut Vec<u8>) -> &'a [u8] {
    let digits = rest.first_chunk::<4>().and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return rest };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    into.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    rest.get(4..).unwrap_or_default()
}
