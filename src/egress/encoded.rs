//! Text within text: base64 and hexadecimal that decodes to something readable.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::Regex;

/// Least share of printable characters in what counts as readable.
const READABLE: f64 = 0.9;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
static PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
static FOR_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

static CANDIDATE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(CANDIDATES).ok());
/// A word of at least 16 of the alphabet, or lines of at least 40 that are wrapped.
const CANDIDATES: &str = r"(?:[A-Za-z0-9+/]{40,}[ \t]*\r?\n[ \t]*)*[A-Za-z0-9+/_-]{16,}={0,2}";

/// A stretch of a text and what it decodes to.
pub(super) struct Decoded {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Every stretch that decodes to readable text. `None` when the pattern is missing: the text was not looked at.
pub(super) fn decoded(text: &str) -> Option<Vec<Decoded>> {
    let candidate = CANDIDATE.as_ref()?;
    let mut found = Vec::new();
    for stretch in candidate.find_iter(text) {
        match decode(stretch.as_str()) {
            Some(text) => found.push(Decoded { range: stretch.range(), text }),
            None => by_piece(stretch.as_str(), stretch.start(), &mut found),
        }
    }
    Some(found)
}

/// A path before it, or another word behind a sign of the alphabet, would hide what follows.
fn by_piece(stretch: &str, start: usize, found: &mut Vec<Decoded>) {
    let mut at = start;
    for piece in stretch.split_inclusive(['/', '-', '_', '+', '\n']) {
        let word = piece.trim_end_matches(['/', '-', '_', '+', '\n']);
        if word.len() >= 16
            && let Some(text) = decode(word)
        {
            found.push(Decoded { range: at..at + word.len(), text });
        }
        at += piece.len();
    }
}

fn decode(stretch: &str) -> Option<String> {
    let compact: String = stretch.chars().filter(|c| !c.is_whitespace()).collect();
    if compact.len().is_multiple_of(2) && compact.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return readable(hex::decode(&compact).ok()?);
    }
    let engine = if compact.contains(['-', '_']) { &FOR_URLS } else { &PLAIN };
    // One letter too many carries nothing; whoever cut the text cut it anywhere.
    let whole = compact.trim_end_matches('=');
    let whole = if whole.len() % 4 == 1 { whole.get(..whole.len() - 1)? } else { whole };
    readable(engine.decode(whole).ok()?)
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = wide(&bytes).or_else(|| String::from_utf8(bytes).ok())?;
    let (mut good, mut all) = (0_u32, 0_u32);
    for letter in text.chars() {
        all += 1;
        good += u32::from(!letter.is_control() || letter.is_whitespace());
    }
    (all > 0 && f64::from(good) >= READABLE * f64::from(all)).then_some(text)
}

/// UTF-16, as PowerShell encodes its commands.
fn wide(bytes: &[u8]) -> Option<String> {
    let zeros = bytes.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    if bytes.len() < 8 || zeros * 4 < bytes.len() {
        return None;
    }
    let units = bytes
        .chunks_exact(2)
        .map(|pair| pair.iter().rev().fold(0_u16, |sum, byte| sum << 8 | u16::from(*byte)));
    String::from_utf16(&units.collect::<Vec<_>>()).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use regex::Regex;

    use super::{CANDIDATES, decoded};

    fn texts(text: &str) -> Vec<String> {
        decoded(text).unwrap().into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(Regex::new(CANDIDATES).is_ok());
    }

    #[test]
    fn readable_text_is_found_in_every_wrapping() {
        let secret = "password=hunter2 and more of it, long enough to be wrapped over lines";
        let plain = BASE64_STANDARD.encode(secret);
        let wrapped = format!("{}\n  {}", &plain[..64], &plain[64..]);
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [
            plain.clone(),
            wrapped,
            format!("/data/{plain}"),
            BASE64_URL_SAFE_NO_PAD.encode(secret),
            hex::encode(secret),
            BASE64_STANDARD.encode(wide),
        ] {
            assert_eq!(texts(&format!("x: {text} y")), [secret], "{text}");
        }
    }

    #[test]
    fn digests_and_words_are_no_text() {
        for text in [
            "4c0fdaa8b6341bfdeca5f18f7837462c80cff90527ee35ef185571e1c327beac",
            "kube-prometheus-stack-grafana",
        ] {
            assert!(texts(text).is_empty(), "{text}");
        }
    }
}
