//! What stands before the message of a plain line: time, level, process, thread, logger. Pure.
//!
//! Nothing is configured: the grammar is what loggers have in common. Words are taken for a head only when a time or a level
//! stands among them, so a line without either is a message from its first byte.

use memchr::memchr;

use super::LogLevel;
use super::time::{Stamp, stamp};

/// Most parts of a head.
const MAX_PARTS: usize = 16;

/// Most words before the time: a pod or file name that a collector put there, an address, a process.
const MAX_LEAD: usize = 3;

/// Longest such word, and longest part in brackets, bytes.
const MAX_PART: usize = 256;

/// Most parts in brackets that are not the message's own.
const MAX_BRACKETS: usize = 4;

/// The head of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Microseconds since 1970.
    pub(super) at: Option<i64>,
    pub(super) level: Option<LogLevel>,
    /// Where the message begins.
    pub(super) message: usize,
}

/// Reads the head of a line. For `latest` see [`stamp`].
pub(super) fn read(line: &[u8], latest: Option<i64>) -> Head {
    let mut reader = Reader {
        line,
        latest,
        at: 0,
        end: 0,
        head: Head::default(),
        dated: false,
        named: false,
        lead: 0,
        brackets: 0,
    };
    for _ in 0..MAX_PARTS {
        reader.skip_separators();
        if !reader.part() {
            break;
        }
    }
    reader.finish()
}

struct Reader<'a> {
    line: &'a [u8],
    latest: Option<i64>,
    /// Where reading is.
    at: usize,
    /// Up to where it surely is head.
    end: usize,
    head: Head,
    /// Whether a time was seen, with or without its day.
    dated: bool,
    /// Whether the logger was seen.
    named: bool,
    /// Words before the time.
    lead: usize,
    brackets: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Whether a time or a level was seen.
    fn anchored(&self) -> bool {
        self.dated || self.head.level.is_some()
    }

    /// Takes `length` bytes as head.
    fn take(&mut self, length: usize) -> bool {
        self.at += length;
        self.end = self.at;
        true
    }

    /// Spaces, bars, and dashes and colons that stand alone.
    fn skip_separators(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'|', ..] => self.at += 1,
                [b'-', b'-', b'-', b' ', ..] => self.at += 4,
                [b'-', b'-', b' ', ..] => self.at += 3,
                [b'-' | b':', b' ', ..] => self.at += 2,
                [b':', ..] if self.at > 0 && self.at == self.end => self.at += 1,
                _ => return,
            }
        }
    }

    /// Reads one part; `false` where the message begins.
    fn part(&mut self) -> bool {
        let Some(&first) = self.rest().first() else { return false };
        match first {
            b'[' => self.bracket(),
            b'0'..=b'9' => self.time() || self.number() || self.lead(),
            b'A'..=b'Z' | b'a'..=b'z' => {
                self.time() || self.stream() || self.level() || self.logger() || self.lead()
            }
            b'#' | b'*' | b'.' => self.redis_level(first),
            b'<' => self.erlang_process() || self.lead(),
            b'/' => self.lead(),
            _ => false,
        }
    }

    fn time(&mut self) -> bool {
        let Some(Stamp { at, length }) = stamp(self.rest(), self.latest) else { return false };
        if let [letter @ b'A'..=b'Z', b'0'..=b'9', ..] = *self.rest() {
            self.head.level = LogLevel::of_letter(letter);
        }
        self.head.at = self.head.at.or(at);
        self.dated = true;
        self.take(length)
    }

    fn level(&mut self) -> bool {
        if self.head.level.is_some() {
            return false;
        }
        let word = letters(self.rest());
        let Some(level) = LogLevel::of_word(word) else { return false };
        let (length, upper) = (word.len(), word.iter().all(u8::is_ascii_uppercase));
        let sure = match self.rest().get(length) {
            None | Some(b':' | b'|' | b'\t' | b']' | b'/') => true,
            Some(b' ') => {
                upper || self.rest().get(length + 1).is_some_and(|next| matches!(next, b' ' | b':' | b'|'))
            }
            // .NET: `fail: Category[0]`; Rails: `ERROR -- :`.
            _ => return false,
        };
        if !(sure && (upper || self.anchored() || word == b"fail" || word == b"info" || word == b"warn")) {
            // `Error: connect …` is the message's own word, yet it says how serious it is.
            self.head.level = (sure || self.dated).then_some(level);
            return false;
        }
        self.head.level = Some(level);
        self.take(length)
    }

    /// `[…]`: a time, a level, both, or something that only matters to who knows the program.
    fn bracket(&mut self) -> bool {
        let inside = self.rest().get(1..).unwrap_or_default();
        let Some(length) = memchr(b']', inside.get(..MAX_PART).unwrap_or(inside)) else { return false };
        let inside = inside.get(..length).unwrap_or_default();
        let found = stamp(inside, self.latest);
        let level = match found {
            Some(Stamp { length, .. }) => {
                inside.get(length..).and_then(|rest| words(rest).find_map(LogLevel::of_word))
            }
            // Apache: `[core:error]`.
            None => inside
                .rsplit(|byte| *byte == b':')
                .next()
                .and_then(|word| LogLevel::of_word(word.trim_ascii())),
        };
        if let Some(Stamp { at, .. }) = found {
            self.head.at = self.head.at.or(at);
            self.dated = true;
        }
        let told = found.is_some() || (level.is_some() && self.head.level.is_none());
        self.head.level = self.head.level.or(level);
        self.brackets += usize::from(!told);
        if !told && self.brackets > MAX_BRACKETS {
            return false;
        }
        self.at += length + 2;
        if self.anchored() {
            self.end = self.at;
        }
        true
    }

    /// A process number counts as head when more of it follows.
    fn number(&mut self) -> bool {
        let rest = self.rest();
        let length =
            rest.iter().position(|byte| !(byte.is_ascii_digit() || matches!(byte, b'#' | b':'))).unwrap_or(0);
        let of_nginx = rest.get(..length).is_some_and(|number| number.contains(&b'#'));
        if length == 0 || rest.get(length) != Some(&b' ') || self.lead >= MAX_LEAD {
            return false;
        }
        self.lead += 1;
        self.at += length;
        if of_nginx && self.anchored() {
            self.end = self.at;
        }
        true
    }

    /// The name of a logger or a source file and line, after a time or a level.
    fn logger(&mut self) -> bool {
        if !self.anchored() || self.named {
            return false;
        }
        let rest = self.rest();
        let (length, pathed, in_file) = name(rest.get(..MAX_PART).unwrap_or(rest));
        let length = match rest.get(length..).unwrap_or_default() {
            [b']' | b':', b' ', ..] | [b'\t', ..] if pathed => length + 1,
            [b' ', b'[', ..] | [b' ', b':' | b'-' | b'|', b' ', ..] if pathed => length,
            // Names are padded to a column.
            [b' ', b' ', rest @ ..] if pathed && rest.trim_ascii_start().starts_with(b": ") => length,
            // Python: `2026-01-02 03:04:05,678 - name - ERROR - message`.
            [b' ', b'-', b' ', rest @ ..] if LogLevel::of_word(letters(rest)).is_some() => length,
            _ => return false,
        };
        // A source file may stand after the logger.
        self.named = !in_file;
        self.take(length)
    }

    /// What a container runtime puts behind the time (CRI): `stderr F`, `stdout P`.
    fn stream(&mut self) -> bool {
        let is_stream = |rest: &[u8]| {
            (rest.starts_with(b"stdout ") || rest.starts_with(b"stderr "))
                && matches!(rest.get(7..9), Some([b'F' | b'P', b' ']))
        };
        self.dated && is_stream(self.rest()) && self.take(8)
    }

    /// `<0.17.0>`.
    fn erlang_process(&mut self) -> bool {
        let inside = self
            .rest()
            .iter()
            .skip(1)
            .take(24)
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count();
        inside > 0 && self.anchored() && self.rest().get(1 + inside) == Some(&b'>') && self.take(inside + 2)
    }

    /// redis: `1:M 02 Jan 2026 03:04:05.678 # message`.
    fn redis_level(&mut self, mark: u8) -> bool {
        if !(self.dated && self.head.level.is_none() && self.rest().get(1) == Some(&b' ')) {
            return false;
        }
        let level = match mark {
            b'#' => LogLevel::Warning,
            b'*' => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        self.head.level = Some(level);
        self.take(1)
    }

    /// A word before the time that is hardly one of a sentence.
    fn lead(&mut self) -> bool {
        if self.anchored() || self.lead >= MAX_LEAD {
            return false;
        }
        let rest = self.rest();
        let rest = rest.get(..MAX_PART).unwrap_or(rest);
        let Some(length) = memchr(b' ', rest) else { return false };
        let word = rest.get(..length).unwrap_or_default();
        let barred = rest.get(length..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"|"));
        if !(barred
            || word
                .iter()
                .any(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b',')))
        {
            return false;
        }
        self.lead += 1;
        self.at += length;
        true
    }

    fn finish(mut self) -> Head {
        if !self.anchored() {
            return self.head;
        }
        self.at = self.end;
        self.skip_separators();
        // A line that is nothing but a head is its own message.
        self.head.message = if self.rest().is_empty() { 0 } else { self.at };
        self.head
    }
}

/// The length of the name of a logger or place in a file (`org.shop.App`, `kube::client`, `main.go:12`, `shop.pay:charge:12`),
/// whether it has several parts, and whether it ends with the number of a line.
fn name(text: &[u8]) -> (usize, bool, bool) {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-' | b'/' | b'@');
    let part = |from: usize| from + text.iter().skip(from).take_while(|byte| is_part(byte)).count();
    let mut end = part(0);
    let mut pathed = text.get(..end).is_some_and(|name| memchr(b'.', name).is_some_and(|dot| dot + 1 < end));
    let mut in_file = false;
    loop {
        let colons = match text.get(end..).unwrap_or_default() {
            [b':', b':', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => 2,
            [b':', next, ..] if pathed && next.is_ascii_alphanumeric() => 1,
            _ => return (end, pathed, in_file),
        };
        let start = end + colons;
        end = part(start);
        pathed = true;
        in_file = text.get(start..end).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    }
}

fn letters(text: &[u8]) -> &[u8] {
    let length = text.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    text.get(..length).unwrap_or_default()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty())
}
