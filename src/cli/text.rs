//! Text of clusters and alerts on its way to a terminal.
//!
//! A terminal obeys escape sequences: a log line or an alert could move the cursor, rewrite what stands above, or make
//! a link of it. So nothing of the outside world is printed without passing one of these functions.

/// Text of several lines, without anything but line breaks and visible characters; tabs become spaces.
#[must_use]
pub fn lines(text: &str) -> String {
    let kept =
        text.chars().filter(|character| *character == '\n' || *character == '\t' || !obeyed(*character));
    kept.map(|character| if character == '\t' { ' ' } else { character }).collect()
}

/// Text as one line: what would break it becomes a space.
#[must_use]
pub fn line(text: &str) -> String {
    let kept = text.chars().filter(|character| character.is_whitespace() || !obeyed(*character));
    kept.map(|character| if character.is_whitespace() { ' ' } else { character }).collect()
}

/// JSON with the characters that a terminal would obey written as `\u` escapes. `serde_json` escapes some of them; the
/// others can stand only inside strings, where the escape means the same.
#[must_use]
pub(super) fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && obeyed(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// `1 rule`, `2 rules`: a noun whose plural ends in s.
#[must_use]
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Why something failed, the causes after colons. Libraries put a cause's words into their own: what was said is not said
/// again.
#[must_use]
pub fn failure(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        before if before.contains(&cause) => told,
        _ => format!("{told}: {cause}"),
    })
}

/// At most `width` characters, with an ellipsis where something was cut.
#[must_use]
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Characters that do something instead of being seen: control characters (escape among them), and those that turn the
/// direction of the text after them.
fn obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{counted, failure, json, line, lines, shorten};

    const HOSTILE: &str = "ok\u{1b}[2Jgone\r\u{9b}31m\u{202e}txt\u{7f}\nnext\tcolumn";

    #[test]
    fn nothing_that_a_terminal_obeys_survives() {
        assert_eq!(lines(HOSTILE), "ok[2Jgone31mtxt\nnext column");
        assert_eq!(line(HOSTILE), "ok[2Jgone 31mtxt next column");
    }

    #[test]
    fn json_keeps_its_meaning_without_raw_control_characters() {
        let value = serde_json::json!({ "text": HOSTILE });
        let shown = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.chars().any(|character| character != '\n' && super::obeyed(character)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_cause_is_told_once() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let told = format!("no file: {missing}");
        let error = anyhow::Error::from(missing).context(told.clone()).context("the key cannot be read");
        assert_eq!(failure(&error), format!("the key cannot be read: {told}"));
        assert_eq!(failure(&anyhow::anyhow!("it failed")), "it failed");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(
            [counted(0, "rule"), counted(1, "rule"), counted(2, "rule")],
            ["0 rules", "1 rule", "2 rules"]
        );
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(shorten("checkout is down", 9), "checkout…");
        assert_eq!(shorten("short", 9), "short");
    }
}
