//! Making untrusted text safe to store and to show: bounded, without control characters.

/// What a cut text ends with.
const ELLIPSIS: char = '…';

/// Text of at most `limit` bytes on several lines: control characters (but line breaks and tabs) and characters that turn
/// the direction of writing are replaced.
pub(super) fn block(text: &str, limit: usize) -> String {
    let safe = |c: char| if c == '\n' || c == '\t' || !harmful(c) { c } else { char::REPLACEMENT_CHARACTER };
    bounded(text.chars().map(safe), limit)
}

/// Text of at most `limit` bytes on one line.
pub(super) fn line(text: &str, limit: usize) -> String {
    let safe = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if harmful(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    bounded(text.trim().chars().map(safe), limit)
}

fn harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Stops in time to leave room for the ellipsis; never reads more than it needs.
fn bounded(mut chars: impl Iterator<Item = char>, limit: usize) -> String {
    let mut kept = String::new();
    let mut fits = 0;
    for c in chars.by_ref() {
        if kept.len() + c.len_utf8() > limit {
            kept.truncate(fits);
            kept.push(ELLIPSIS);
            break;
        }
        kept.push(c);
        if kept.len() + ELLIPSIS.len_utf8() <= limit {
            fits = kept.len();
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_escapes_and_direction_marks_are_disarmed() {
        assert_eq!(line("a\u{1b}[31mred\u{202e}\0b", 100), "a\u{fffd}[31mred\u{fffd}\u{fffd}b");
        assert_eq!(block("one\n\ttwo\r", 100), "one\n\ttwo\u{fffd}");
        assert_eq!(line(" one\ntwo\t", 100), "one two");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abc…");
        assert_eq!(line("ääää", 7), "ää…");
    }

    proptest! {
        #[test]
        fn no_text_exceeds_its_limit_or_keeps_control_characters(text in "\\PC*|.*", limit in 3_usize..64) {
            let line = line(&text, limit);
            prop_assert!(line.len() <= limit);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
