//! Text of the outside world inside Markdown: it must stay text.

/// One line of prose: line breaks become spaces, control characters go, and nothing in it is markup.
pub(in crate::http) fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' => {
                escaped.extend(['\\', character]);
            }
            character if character.is_whitespace() => escaped.push(' '),
            character if character.is_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// A block of code that its content cannot end: the fence is longer than any run of backticks inside.
pub(super) fn block(language: &str, content: &str) -> String {
    let longest = content.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let visible: String = content
        .chars()
        .filter(|character| matches!(character, '\n' | '\t') || !character.is_control())
        .collect();
    format!("{fence}{language}\n{}\n{fence}\n", visible.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{block, prose};

    #[test]
    fn prose_cannot_become_markup_or_a_second_line() {
        assert_eq!(prose("a [b](http://evil)\n# *c*\u{1b}[2J"), "a \\[b\\](http://evil) \\# \\*c\\*\\[2J");
    }

    #[test]
    fn a_block_is_not_ended_by_its_content() {
        assert_eq!(block("sh", "a\n```\nb\u{7}"), "````sh\na\n```\nb\n````\n");
    }
}
