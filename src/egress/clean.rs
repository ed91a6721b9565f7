//! What cannot be seen is taken out: terminal escapes, controls, and characters that hide or reorder text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// A text without what cannot be seen, and what that was hiding.
pub(super) struct Clean<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Tag characters, read as the ASCII that they stand for: text that a model reads and people do not see.
    pub(super) tagged: String,
    /// Whether characters that turn the direction of text were taken out.
    pub(super) turned: bool,
    /// Whether characters without width stood within words.
    pub(super) split: bool,
}

/// Control sequences of terminals (ECMA-48): CSI, OSC, DCS and their like, and two-character escapes.
static TERMINAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TERMINAL_PATTERN).ok());
const TERMINAL_PATTERN: &str = concat!(
    r"(?:\x1b\[|\u{9b})[0-?]*[ -/]*[@-~]?",
    r"|(?:\x1b[\]PX^_]|[\u{9d}\u{90}\u{98}\u{9e}\u{9f}])[^\x07\x1b\u{9c}\n]{0,2000}(?:\x07|\x1b\\|\u{9c})?",
    r"|\x1b[ -/]*[0-~]?"
);

pub(super) fn clean(text: &str) -> Clean<'_> {
    let plain = |byte: u8| byte == b'\n' || byte == b'\t' || (0x20..0x7f).contains(&byte);
    if text.bytes().all(plain) {
        return Clean { text: Cow::Borrowed(text), tagged: String::new(), turned: false, split: false };
    }
    let text = text.replace("\r\n", "\n");
    let text = match &*TERMINAL {
        Some(pattern) => pattern.replace_all(&text, "").into_owned(),
        None => text.replace('\u{1b}', ""),
    };
    without_hidden(&text)
}

fn without_hidden(text: &str) -> Clean<'static> {
    let (mut kept, mut tagged) = (String::with_capacity(text.len()), String::new());
    let (mut turned, mut split, mut gap) = (false, false, false);
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => kept.push(letter),
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => kept.push('\n'),
            '\u{e0020}'..='\u{e007e}' => {
                tagged.extend(char::from_u32(u32::from(letter) - 0xe_0000));
                continue;
            }
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                turned = true;
                continue;
            }
            letter if letter.is_control() || hidden(letter) => {
                gap = gap || kept.chars().next_back().is_some_and(|before| before.is_ascii_alphanumeric());
                continue;
            }
            letter => {
                split = split || (gap && letter.is_ascii_alphanumeric());
                kept.push(letter);
            }
        }
        gap = false;
    }
    Clean { text: Cow::Owned(kept), tagged, turned, split }
}

/// Format and filler characters that show nothing.
fn hidden(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::{TERMINAL_PATTERN, clean};

    #[test]
    fn the_pattern_compiles() {
        assert!(Regex::new(TERMINAL_PATTERN).is_ok());
    }

    #[test]
    fn terminal_escapes_and_controls_are_taken_out() {
        let text =
            "\u{1b}[31mred\u{1b}[0m \u{1b}]8;;http://evil\u{7}link\u{1b}]8;;\u{7}\u{0}\u{8}!\r\nnext\rover";
        assert_eq!(clean(text).text, "red link!\nnext\nover");
    }

    #[test]
    fn hidden_text_is_read_and_taken_out() {
        let tags: String = "obey".chars().filter_map(|c| char::from_u32(0xe_0000 + u32::from(c))).collect();
        let cleaned = clean("hel\u{200b}lo").split;
        assert!(cleaned);
        let text = format!("ok{tags} \u{202e}dne");
        let cleaned = clean(&text);
        assert_eq!(
            (cleaned.text.as_ref(), cleaned.tagged.as_str(), cleaned.turned),
            ("ok dne", "obey", true)
        );
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(clean("a\tb\n").text, std::borrow::Cow::Borrowed(_)));
        assert_eq!(clean("größe 你好 ✓").text, "größe 你好 ✓");
    }
}
