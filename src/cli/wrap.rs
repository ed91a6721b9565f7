//! Lines as wide as the terminal: words are not torn at its edge.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Narrowest terminal that text is fitted to; in a narrower one nothing looks good.
const NARROWEST: usize = 30;

/// Narrowest text beside its indentation; where less is left, it is indented by two columns only.
const LEAST: usize = 24;

/// Columns of the terminal that standard output is; `None` where it is none: a program, or a file, wants whole lines.
pub(super) fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal())?;
    Some(usize::from(width.0).max(NARROWEST))
}

/// A line in pieces of at most `width` columns; those after the first are indented by `hanging`. A word that is wider than
/// a line is broken, and only that. Without a width it stays as it is.
pub(super) fn wrapped(text: &str, hanging: usize, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| text.width() > *width) else { return text.to_owned() };
    let hanging = if hanging + LEAST > width { 2 } else { hanging };
    let mut shown = String::new();
    let (mut rest, mut indent) = (text, 0);
    loop {
        shown.push_str(&" ".repeat(indent));
        let room = width - indent;
        if rest.width() <= room {
            shown.push_str(rest);
            return shown;
        }
        let (line, further) = rest.split_at(end_of_line(rest, room));
        shown.push_str(line.trim_end());
        shown.push('\n');
        (rest, indent) = (further.trim_start(), hanging);
    }
}

/// Where a line of at most `room` columns ends: before the last word that does not fit, else within it.
fn end_of_line(text: &str, room: usize) -> usize {
    let (mut columns, mut fits, mut begun) = (0, 0, false);
    let mut last_space = None;
    for (at, letter) in text.char_indices() {
        // Spaces at the beginning are indentation; a line that ends there would be empty.
        if letter == ' ' && begun {
            last_space = Some(at);
        }
        begun |= letter != ' ';
        columns += letter.width().unwrap_or(0);
        if columns > room {
            break;
        }
        fits = at + letter.len_utf8();
    }
    last_space.unwrap_or(fits).max(text.chars().next().map_or(0, char::len_utf8))
}

/// At most so many columns, with an ellipsis where something was cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut columns = 1;
    let kept = text.chars().take_while(|letter| {
        columns += letter.width().unwrap_or(0);
        columns <= width
    });
    format!("{}…", kept.collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use super::{cut, wrapped};

    #[test]
    fn a_line_is_broken_between_words_and_goes_on_below_its_text() {
        let line = "   0.1s  observe         It was built with two versions of one crate, and one of them is too old.";
        let expected = "   0.1s  observe         It was built with two versions of one crate,\n                        \
                        and one of them is too old.";
        assert_eq!(wrapped(line, 24, Some(72)), expected);
        assert_eq!(wrapped(line, 24, None), line);
        assert_eq!(wrapped("short", 24, Some(40)), "short");
    }

    #[test]
    fn only_what_is_wider_than_a_line_is_broken_within_a_word() {
        let word = "x".repeat(50);
        assert_eq!(
            wrapped(&format!("  - {word}"), 4, Some(32)),
            format!("  -\n    {}\n    {}", &word[..28], &word[28..])
        );
        assert_eq!(
            wrapped("日本日本日本日本日本日本日本日本", 0, Some(30)),
            "日本日本日本日本日本日本日本日\n本"
        );
    }

    #[test]
    fn where_little_is_left_beside_the_indentation_it_is_small() {
        let shown = wrapped("one two three four five six seven eight", 24, Some(30));
        assert_eq!(shown, "one two three four five six\n  seven eight");
    }

    #[test]
    fn what_is_cut_ends_with_an_ellipsis_and_wide_letters_count_twice() {
        assert_eq!(cut("checkout is down", 9), "checkout…");
        assert_eq!(cut("日本日本", 5), "日本…");
        assert_eq!(cut("short", 5), "short");
    }
}
