//! Taking a message apart into words and what stands between them, in one pass and without allocating. Pure.

use super::word::{BREAK, CLASS, DIGIT, END, Mask, SLASH, SPACE, Written, judge};

/// Most pieces of a message that are looked at; what follows does not tell messages apart.
const MAX_PIECES: usize = 96;

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A bracket, quote, comma and the like.
    Break(u8),
    /// A word as it is.
    Word(&'a [u8]),
    /// A word that varies: its beginning that is kept, and what it was.
    Masked(&'a [u8], Mask),
}

/// Takes in the parts of a message.
pub(super) trait Sink {
    /// `spaced`: whether white space stands before it.
    fn take(&mut self, piece: Piece<'_>, spaced: bool);
}

/// Takes a message apart; `spaced`: whether white space stands before it. Words that vary and follow each other as a list (`10.0.0.1:80, 10.0.0.2:80`) are one piece.
pub(super) fn scan(text: &[u8], spaced: bool, sink: &mut impl Sink) {
    let mut lists = Lists { sink, masked: None, comma: false, left: MAX_PIECES };
    let (mut at, mut spaced, mut status) = (0, spaced, false);
    while let Some(&byte) = text.get(at) {
        let class = class(byte);
        if class & SPACE != 0 {
            (at, spaced) = (at + 1, true);
            continue;
        }
        if class & BREAK != 0 {
            lists.take(Piece::Break(byte), spaced);
            (at, spaced) = (at + 1, false);
            continue;
        }
        let (length, piece) = word(text.get(at..).unwrap_or_default(), class);
        // In access logs the status follows the request line, and it is what counts.
        let literal = text.get(at..at + length).unwrap_or_default();
        let piece = if status && literal.len() == 3 { Piece::Word(literal) } else { piece };
        status = literal.starts_with(b"HTTP/") && text.get(at + length) == Some(&b'"');
        lists.take(piece, spaced);
        if lists.left == 0 {
            return;
        }
        at += length;
        spaced = false;
        if status {
            lists.take(Piece::Break(b'"'), false);
            at += 1;
        }
    }
}

fn class(byte: u8) -> u8 {
    CLASS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// The word that `text` begins with.
fn word(text: &[u8], first: u8) -> (usize, Piece<'_>) {
    if first == SLASH {
        let length = path(text);
        if length > 1 {
            return (length, Piece::Masked(&[], Mask::Path));
        }
    }
    let (mut length, mut seen) = (0, 0);
    while let Some(&byte) = text.get(length) {
        let class = class(byte);
        if class & END != 0 && !(byte == b':' || byte == b',') {
            break;
        }
        if class & END != 0 {
            // `10:00:00`, `10.0.0.1:80`, `1,000`.
            let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
            if !(seen & DIGIT != 0 && digit(length.wrapping_sub(1)) && digit(length + 1)) {
                break;
            }
        } else {
            seen |= class;
        }
        length += 1;
    }
    if seen & (DIGIT | SLASH) == 0 && text.get(length..).is_some_and(|rest| rest.starts_with(b"://")) {
        return (
            length + 3 + path(text.get(length + 3..).unwrap_or_default()),
            Piece::Masked(&[], Mask::Url),
        );
    }
    let word = text.get(..length).unwrap_or_default();
    match judge(word, seen) {
        Written::Literal => (length, Piece::Word(word)),
        Written::Masked(kept, mask) => (length, Piece::Masked(word.get(..kept).unwrap_or_default(), mask)),
    }
}

/// The length of a path or URL: up to a space, quote or bracket, without the punctuation at its end.
fn path(text: &[u8]) -> usize {
    let is_end = |byte: &u8| {
        class(*byte) & SPACE != 0
            || matches!(
                byte,
                b'"' | b'\''
                    | b'`'
                    | b'<'
                    | b'>'
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b','
                    | b';'
                    | b'|'
            )
    };
    let length = text.iter().position(is_end).unwrap_or(text.len());
    let end =
        text.get(..length).unwrap_or_default().iter().rposition(|byte| !matches!(byte, b':' | b'.' | b'='));
    end.map_or(length, |end| end + 1)
}

/// Leaves out what repeats in a list of words that vary.
struct Lists<'s, 't, S> {
    sink: &'s mut S,
    /// What was kept of the last piece, where that was masked and only commas stand behind it.
    masked: Option<&'t [u8]>,
    /// Whether such a comma is held back.
    comma: bool,
    left: usize,
}

impl<'t, S: Sink> Lists<'_, 't, S> {
    #[inline]
    fn take(&mut self, piece: Piece<'t>, spaced: bool) {
        match piece {
            Piece::Break(b',') if self.masked.is_some() => {
                self.comma = true;
                return;
            }
            Piece::Masked(kept, _) if self.masked == Some(kept) && (spaced || self.comma) => {
                self.comma = false;
                return;
            }
            Piece::Masked(kept, _) => self.masked(Some(kept)),
            Piece::Break(_) | Piece::Word(_) => self.masked(None),
        }
        self.left = self.left.saturating_sub(1);
        self.sink.take(piece, spaced);
    }

    fn masked(&mut self, masked: Option<&'t [u8]>) {
        if std::mem::take(&mut self.comma) {
            self.sink.take(Piece::Break(b','), false);
        }
        self.masked = masked;
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Sink, scan};

    #[derive(Default)]
    struct Text(String);

    impl Sink for Text {
        fn take(&mut self, piece: Piece<'_>, spaced: bool) {
            if spaced {
                self.0.push(' ');
            }
            match piece {
                Piece::Break(byte) => self.0.push(char::from(byte)),
                Piece::Word(word) => self.0.push_str(std::str::from_utf8(word).unwrap()),
                Piece::Masked(kept, mask) => {
                    self.0.push_str(std::str::from_utf8(kept).unwrap());
                    self.0.push_str(mask.text());
                }
            }
        }
    }

    #[test]
    fn what_varies_is_masked_and_what_means_something_is_kept() {
        let cases = [
            ("took 12ms at 10.0.0.1:5432 (try 3)", "took <n> at <ip> (try <n>)"),
            ("id 3f2b8c1e-0000-4000-8000-1234567890ab gone", "id <id> gone"),
            ("at 0xc000123 and deadbeef42, cafebabe", "at <id> and <id>, cafebabe"),
            ("pod checkout-7d9f8b6c5d-x2x4z down", "pod checkout-<pod> down"),
            ("user \"shop\" key 'DB_URL' v2", "user \"shop\" key 'DB_URL' v2"),
            ("time=\"10:00:00\" took=\"12ms\"", "time=\"<n>\" took=\"<n>\""),
            ("can't open 'a' in 3 of 'b'", "can't open 'a' in <n> of 'b'"),
            ("GET http://shop:8080/a?b=1 failed: /tmp/x.", "GET <url> failed: <path>."),
            ("jdbc:postgresql://db:5432/shop refused", "jdbc:<url> refused"),
            ("to 10.0.0.1:80, 10.0.0.2:80 10.0.0.3:80, no", "to <ip>, no"),
            ("blocks blk_1 blk_-2 x", "blocks blk_<*> x"),
            ("\"GET /a HTTP/1.1\" 502 157", "\"GET <path> HTTP/1.1\" 502 <n>"),
            ("a \t b", "a b"),
            ("n=1,m=2", "n=<n>,m=<n>"),
        ];
        for (text, expected) in cases {
            let mut found = Text::default();
            scan(text.as_bytes(), false, &mut found);
            assert_eq!(found.0, expected);
        }
    }

    #[test]
    fn the_end_of_an_endless_message_is_not_looked_at() {
        let mut found = Text::default();
        scan("word ".repeat(100_000).as_bytes(), false, &mut found);
        assert!(found.0.len() < 1000);
    }
}
