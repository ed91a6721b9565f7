//! Which words of a message vary from one occurrence to the next: numbers, ids, addresses, paths. Pure.

/// A letter that is no hexadecimal digit.
pub(super) const LETTER: u8 = 1;
/// `a` to `f`, `A` to `F`.
pub(super) const HEX: u8 = 2;
/// `0` to `9`.
pub(super) const DIGIT: u8 = 4;
/// `-`, `_`, `.`, `/`, `@` and what else may stand inside a word.
pub(super) const MARK: u8 = 8;
/// `/`.
pub(super) const SLASH: u8 = 16;
/// Spaces and control characters.
pub(super) const SPACE: u8 = 32;
/// Brackets, quotes, commas and what else stands between words.
pub(super) const BREAK: u8 = 64;
/// Ends a word.
pub(super) const END: u8 = SPACE | BREAK;

/// What every byte is. Bytes beyond ASCII are letters.
pub(super) static CLASS: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated at compile time")]
const fn classes() -> [u8; 256] {
    let mut classes = [LETTER; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'/' => SLASH,
            0..=b' ' | 127 => SPACE,
            b'=' | b':' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'|'
            | b'"' | b'\'' | b'`' => BREAK,
            _ => MARK,
        };
        byte += 1;
    }
    classes
}

/// What takes the place of a word that varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mask {
    /// A number with or without unit, a duration, a size, a time.
    Number,
    /// An IP address, with or without port.
    Address,
    /// A UUID, a hash, hexadecimal digits.
    Id,
    /// A path.
    Path,
    /// A URL.
    Url,
    /// The generated end of a pod's name; what stands before it is kept.
    Pod,
    /// Any other word with digits in it, or one that was seen to vary.
    Other,
}

impl Mask {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Number => "<n>",
            Self::Address => "<ip>",
            Self::Id => "<id>",
            Self::Path => "<path>",
            Self::Url => "<url>",
            Self::Pod => "<pod>",
            Self::Other => "<*>",
        }
    }
}

/// How a word is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// As it is.
    Literal,
    /// This many bytes as they are, then the mask.
    Masked(usize, Mask),
}

/// Judges a word; `seen` are the classes of its bytes.
pub(super) fn judge(word: &[u8], seen: u8) -> Written {
    if seen & (DIGIT | SLASH) == 0 {
        return Written::Literal;
    }
    if seen & SLASH != 0 && word.first() == Some(&b'/') && word.len() > 1 {
        return Written::Masked(0, Mask::Path);
    }
    if seen & DIGIT == 0 || word.starts_with(b"HTTP/") {
        return Written::Literal;
    }
    if seen & (LETTER | HEX) == 0 {
        return Written::Masked(0, if is_address(word) { Mask::Address } else { Mask::Number });
    }
    if is_id(word, seen) {
        return Written::Masked(0, Mask::Id);
    }
    mixed(word, seen)
}

/// Letters and digits.
fn mixed(word: &[u8], seen: u8) -> Written {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let number =
        word.iter().position(|byte| !(is_digit(byte) || matches!(byte, b'.' | b'-' | b'+'))).unwrap_or(0);
    let unit = word.get(number..).unwrap_or_default();
    if word.first().is_some_and(is_digit)
        && unit.len() <= 3
        && unit.iter().all(|byte| !byte.is_ascii_punctuation())
    {
        return Written::Masked(0, Mask::Number);
    }
    if let Some(kept) = pod(word) {
        return Written::Masked(kept, Mask::Pod);
    }
    // `x509`, `utf8`, `http2`, `worker3`: names rather than values. Those that do vary are found by how many there are.
    if seen & (MARK | SLASH) == 0 && word.len() <= 9 && is_name(word) {
        return Written::Literal;
    }
    Written::Masked(kind(word), Mask::Other)
}

/// How much of an id says what it is of: `blk_` of `blk_123`, `web-` of `web-0`, `jetty-` of `jetty-9.4.1`.
fn kind(word: &[u8]) -> usize {
    let letters = word.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(0);
    if letters > 1 && word.get(letters) == Some(&b'_') {
        return letters + 1;
    }
    let name = word.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    let numbered = word.iter().skip(name).all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let dashed = letters > 1 && name.checked_sub(1).and_then(|dash| word.get(dash)) == Some(&b'-');
    if dashed && numbered { name } else { 0 }
}

/// Letters, up to three digits, letters.
fn is_name(word: &[u8]) -> bool {
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let digits = word.iter().skip(letters).take_while(|byte| byte.is_ascii_digit()).count();
    letters > 0 && digits <= 3 && word.iter().skip(letters + digits).all(u8::is_ascii_alphabetic)
}

/// Four numbers with dots between them, perhaps a port.
fn is_address(word: &[u8]) -> bool {
    let mut parts = word.split(|byte| *byte == b':');
    let host = parts.next().unwrap_or_default();
    let dots = host.iter().filter(|byte| **byte == b'.').count();
    dots == 3 && host.len() >= 7 && host.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// Eight or more hexadecimal digits with or without `0x`, a UUID.
fn is_id(word: &[u8], seen: u8) -> bool {
    if let [b'0', b'x' | b'X', digits @ ..] = word {
        return !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    }
    let only_hex =
        seen & (LETTER | SLASH) == 0 && word.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    only_hex && word.len() >= 8 && (seen & MARK == 0 || is_uuid(word))
}

fn is_uuid(word: &[u8]) -> bool {
    word.len() == 36 && [8, 13, 18, 23].iter().all(|at| word.get(*at) == Some(&b'-'))
}

/// How much of `checkout-7d9f8b6c5d-x2x4z` is the name: up to and with the dash before the generated part.
fn pod(word: &[u8]) -> Option<usize> {
    let suffix = word.len().checked_sub(6)?;
    let (rest, [b'-', last @ ..]) = (word.get(..suffix)?, word.get(suffix..)?) else { return None };
    let dash = rest.iter().rposition(|byte| *byte == b'-').filter(|dash| *dash > 0)?;
    let template = rest.get(dash + 1..)?;
    let generated = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    let digits = template.iter().chain(last).any(u8::is_ascii_digit);
    ((8..=10).contains(&template.len()) && generated(template) && generated(last) && digits)
        .then_some(dash + 1)
}

#[cfg(test)]
mod tests {
    use super::{CLASS, Mask, Written, judge};

    #[test]
    fn what_varies_is_told_from_what_means_something() {
        let masked = |kept, mask| Written::Masked(kept, mask);
        let cases = [
            ("word", Written::Literal),
            ("text/plain", Written::Literal),
            ("x509", Written::Literal),
            ("utf8mb4", Written::Masked(0, Mask::Other)),
            ("HTTP/1.1", Written::Literal),
            ("deadbeef", Written::Literal),
            ("12", masked(0, Mask::Number)),
            ("-12.5", masked(0, Mask::Number)),
            ("12ms", masked(0, Mask::Number)),
            ("1.5GiB", masked(0, Mask::Number)),
            ("10:00:00.5", masked(0, Mask::Number)),
            ("10.0.0.1", masked(0, Mask::Address)),
            ("10.0.0.1:80", masked(0, Mask::Address)),
            ("1.2.3", masked(0, Mask::Number)),
            ("3f2b8c1e-0000-4000-8000-1234567890ab", masked(0, Mask::Id)),
            ("0xc000123", masked(0, Mask::Id)),
            ("deadbeef42", masked(0, Mask::Id)),
            ("/var/log/x", masked(0, Mask::Path)),
            ("/", Written::Literal),
            ("checkout-7d9f8b6c5d-x2x4z", masked(9, Mask::Pod)),
            ("blk_-386", masked(4, Mask::Other)),
            ("web-0", masked(4, Mask::Other)),
            ("jetty-9.4.1", masked(6, Mask::Other)),
            ("host-12.rack3", masked(0, Mask::Other)),
        ];
        for (word, expected) in cases {
            let seen = word.bytes().fold(0, |seen, byte| seen | CLASS[usize::from(byte)]);
            assert_eq!(judge(word.as_bytes(), seen), expected, "{word}");
        }
    }
}
