//! An answer on a terminal while it comes: words are not torn at the edge, and what happens on the way stands on lines of
//! its own. Where the output is no terminal, text is passed on as it is.

use anstyle::Style;
use std::io::{IsTerminal, Write};

use unicode_width::UnicodeWidthStr;

use super::super::output::print;
use super::super::text;

/// Narrowest terminal that text is wrapped for; in a narrower one nothing looks good.
const NARROWEST: usize = 30;

/// Widest line of prose, columns: longer ones are hard to read.
const WIDEST: usize = 110;

/// Deepest indentation that a wrapped line keeps.
const DEEPEST: usize = 12;

/// Where an answer is shown.
pub(super) struct Screen {
    wrap: Option<Wrap>,
    /// Width for what is said aside.
    aside: usize,
    /// Whether the last thing shown was said aside.
    was_aside: bool,
}

impl Screen {
    /// The terminal of this program, if it has one.
    pub(super) fn of_this_program() -> Self {
        let width = width();
        Self {
            wrap: width.filter(|_| std::io::stdout().is_terminal()).map(Wrap::new),
            aside: width.unwrap_or(WIDEST),
            was_aside: false,
        }
    }

    /// Shows a piece of the answer.
    pub(super) fn say(&mut self, piece: &str) -> anyhow::Result<()> {
        let Some(wrap) = &mut self.wrap else { return print(piece) };
        let piece = if self.was_aside { piece.trim_start_matches('\n') } else { piece };
        if piece.is_empty() {
            return Ok(());
        }
        let gap = if std::mem::take(&mut self.was_aside) { "\n" } else { "" };
        print(&format!("{gap}{}", wrap.take(piece)))
    }

    /// Shows in one or more lines what happens on the way; `whole`: it is wrapped, not cut.
    pub(super) fn say_aside(&mut self, said: &str, style: Style, whole: bool) -> anyhow::Result<()> {
        let said = text::line(said).split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if whole { wrapped(&said, self.aside) } else { text::shorten(&said, self.aside) };
        if let Some(wrap) = &mut self.wrap {
            let rest = wrap.end_of_line();
            print(&rest)?;
        }
        self.was_aside = true;
        let mut stderr = anstream::stderr().lock();
        // What is said aside is not worth failing for.
        let _ = writeln!(stderr, "{style}{said}{style:#}");
        Ok(())
    }

    /// Ends the answer: the next thing begins on a line of its own.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        match &mut self.wrap {
            Some(wrap) => print(&wrap.end_of_line()),
            None => print("\n"),
        }
    }
}

/// The width of the terminal that people look at.
pub(in super::super) fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0).saturating_sub(1).clamp(NARROWEST, WIDEST))
}

/// A text in lines of at most `width` columns, those after the first indented a little.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut wrap = Wrap { hanging: 2, ..Wrap::new(width) };
    let mut lines = wrap.take(text);
    lines.push_str(&wrap.word());
    lines
}

/// A text in lines as wide as the terminal, where there is one.
pub(super) fn for_reading(text: &str) -> String {
    width().map_or_else(|| text.to_owned(), |width| wrapped(text, width))
}

/// A whole answer in lines of at most `width` columns.
pub(super) fn paragraphs(text: &str, width: usize) -> String {
    let mut wrap = Wrap::new(width);
    let lines = wrap.take(text);
    format!("{lines}{}", wrap.word())
}

/// Wraps text that comes in pieces.
#[derive(Debug, Default)]
struct Wrap {
    width: usize,
    /// Where the line stands.
    column: usize,
    /// What comes before the next word.
    space: String,
    /// The word that is not complete.
    word: String,
    /// Indentation of the lines that a line is wrapped into.
    hanging: usize,
    /// Whether the line stands between fences, or is the row of a table: it stays as it is.
    fenced: bool,
    row: bool,
}

impl Wrap {
    fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// What of the text so far can be shown.
    fn take(&mut self, piece: &str) -> String {
        let mut shown = String::new();
        for letter in piece.chars() {
            match letter {
                '\n' => {
                    shown.push_str(&self.word());
                    shown.push('\n');
                    *self = Self { width: self.width, fenced: self.fenced, ..Self::default() };
                }
                ' ' => {
                    shown.push_str(&self.word());
                    self.space.push(' ');
                }
                letter => self.word.push(letter),
            }
        }
        shown
    }

    /// The word that was held back, on this line or the next.
    fn word(&mut self) -> String {
        if self.word.is_empty() {
            return String::new();
        }
        let (space, word) = (std::mem::take(&mut self.space), std::mem::take(&mut self.word));
        let wide = word.width();
        if self.column == 0 {
            self.begin(&space, &word);
        } else if !self.fenced && !self.row && self.column + space.len() + wide > self.width {
            self.column = self.hanging + wide;
            return format!("\n{}{word}", " ".repeat(self.hanging));
        }
        self.column += space.len() + wide;
        format!("{space}{word}")
    }

    /// What the first word of a line says about it.
    fn begin(&mut self, space: &str, word: &str) {
        self.row = word.starts_with('|');
        if word.starts_with("```") {
            self.fenced = !self.fenced;
            self.row = true;
        }
        let number = word.strip_suffix('.').is_some_and(|number| number.parse::<u16>().is_ok());
        let mark = if matches!(word, "-" | "*" | "•") || number { word.width() + 1 } else { 0 };
        self.hanging = self.hanging.max((space.len() + mark).min(DEEPEST));
    }

    /// What was held back, and the end of the line where one is begun.
    fn end_of_line(&mut self) -> String {
        let mut shown = self.word();
        if self.column > 0 {
            shown.push('\n');
        }
        *self = Self { width: self.width, fenced: self.fenced, ..Self::default() };
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::{Wrap, wrapped};

    fn shown(pieces: &[&str], width: usize) -> String {
        let mut wrap = Wrap::new(width);
        let mut shown: String = pieces.iter().map(|piece| wrap.take(piece)).collect();
        shown.push_str(&wrap.end_of_line());
        shown
    }

    #[test]
    fn words_are_not_torn_however_they_come() {
        let expected = "the checkout\ncrashes again\n";
        assert_eq!(shown(&["the checkout crashes again"], 14), expected);
        assert_eq!(shown(&["the check", "out cra", "shes", " again"], 14), expected);
        assert_eq!(shown(&["a-very-long-word-alone x"], 10), "a-very-long-word-alone\nx\n");
    }

    #[test]
    fn lists_hang_and_lines_and_blank_lines_stay() {
        assert_eq!(
            shown(&["- one two three\n\n  1. four five"], 12),
            "- one two\n  three\n\n  1. four\n     five\n"
        );
    }

    #[test]
    fn code_and_tables_stay_as_they_are() {
        let code = "```\nkubectl get pods -n shop\n```\nthen this";
        assert_eq!(shown(&[code], 10), "```\nkubectl get pods -n shop\n```\nthen this\n");
        assert_eq!(shown(&["| a | long row |"], 8), "| a | long row |\n");
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(shown(&["日本 日本"], 8), "日本\n日本\n");
        assert_eq!(wrapped("one two three", 8), "one two\n  three");
    }
}
