//! Lines of an account: names, values, indentation. Values never begin a line of their own.

use super::super::page::cell;

/// An account under construction.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
}

impl Sheet {
    /// `name: value`, unless there is nothing to say.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.indented(0, name, value);
    }

    /// The same below something, `depth` steps to the right.
    pub(super) fn indented(&mut self, depth: usize, name: &str, value: &str) {
        if !value.trim().is_empty() {
            self.line(depth, &format!("{}: {}", cell(name), shortened(value)));
        }
    }

    /// The head of a part.
    pub(super) fn section(&mut self, name: &str) {
        self.line(0, &format!("{name}:"));
    }

    /// One line as it is.
    pub(super) fn line(&mut self, depth: usize, line: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Lines that are formatted already, below a section.
    pub(super) fn block(&mut self, text: &str) {
        for line in text.lines() {
            self.line(1, line);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// One line of at most a thousand characters.
fn shortened(value: &str) -> String {
    const MAX: usize = 1_000;
    let mut kept: String =
        value.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX).collect();
    if value.trim().chars().nth(MAX).is_some() {
        kept.push('…');
    }
    kept
}
