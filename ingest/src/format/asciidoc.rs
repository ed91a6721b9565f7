//! AsciiDoc, as text with its title, headings, listings and tables recognised; no macro is carried out.

use std::sync::LazyLock;

use regex::Regex;

use crate::{Attributes, Document, Lines, document::BlockKind};

use super::outline::{Outline, newlines};

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static HEADING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(={1,6}|#{1,6})\s+(\S.*)$").unwrap());

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static SOURCE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\[\s*source\s*[,%]\s*([\w+-]*)").unwrap());

/// Lines that are no text: attributes, block options, anchors, includes, comments.
#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static SILENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?::!?[\w-]+!?:.*|\[.*\]|//[^/].*|//|(?:include|ifdef|ifndef|endif|toc)::.*|<<<)$").unwrap()
});

/// Links, cross references and images, of which the text is kept.
#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static MACRO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:(?:link|xref|mailto|kbd|btn|menu|footnote):{1,2}[^\s\[\]]*|image:{1,2}[^\s\[\]]+|https?://[^\s\[\]]+)\[([^\]]*)\]|<<[^<>,]*,([^<>]*)>>|<<([^<>,]*)>>").unwrap()
});

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{([a-z][\w-]*)\}").unwrap());

pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    let mut reader = Reader::default();
    for (line, content) in (1..).zip(text.lines()) {
        reader.line(content.trim_end(), line);
    }
    reader.end();
    reader.outline.finish(None, Attributes::default(), path)
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    text: String,
    first: u32,
    last: u32,
    language: String,
    /// The delimiter that ends the block we are in.
    inside: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str, number: u32) {
        if let Some(delimiter) = &self.inside {
            if line == delimiter {
                self.close();
            } else {
                self.push(line, number);
            }
            return;
        }
        if is_delimiter(line) {
            self.paragraph();
            // Examples, sidebars and quotations hold text like any other.
            if !line.starts_with(['=', '*', '_']) && line != "--" {
                self.inside = Some(line.to_owned());
            }
        } else if let Some(heading) = HEADING.captures(line) {
            self.paragraph();
            let group = |group: usize| heading.get(group).map_or("", |group| group.as_str());
            self.outline.heading(u8::try_from(group(1).len()).unwrap_or(6), &inline(group(2)));
        } else if SILENT.is_match(line) {
            if let Some(source) = SOURCE.captures(line) {
                self.language = source.get(1).map_or("", |language| language.as_str()).to_lowercase();
            }
        } else if line.is_empty() {
            self.paragraph();
        } else {
            let line =
                line.strip_prefix('.').filter(|rest| rest.starts_with(char::is_alphabetic)).unwrap_or(line);
            self.push(&inline(line), number);
        }
    }

    fn push(&mut self, line: &str, number: u32) {
        if self.text.is_empty() && line.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.first = number;
        } else {
            self.text.extend((self.last..number).map(|_| '\n'));
        }
        self.last = number;
        self.text.push_str(line);
    }

    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.outline.prose(&text, Lines::new(self.first, self.last));
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let delimiter = self.inside.take().unwrap_or_default();
        let code = text.trim_end();
        if delimiter.starts_with(['|', ',', ':', '!']) {
            let table = rows(code).join("\n");
            self.outline.block(BlockKind::Table, table, Lines::new(self.first, self.last));
        } else if !delimiter.starts_with('/') {
            let lines = Lines::new(self.first, self.first + newlines(code));
            let language = std::mem::take(&mut self.language);
            self.outline.block(BlockKind::Code(language), code.to_owned(), lines);
        }
        self.language.clear();
    }

    /// A block that nothing closes goes to the end.
    fn end(&mut self) {
        if self.inside.is_some() { self.close() } else { self.paragraph() }
    }
}

fn is_delimiter(line: &str) -> bool {
    if matches!(line, "--" | "|===" | ",===" | ":===" | "!===") || line.starts_with("```") {
        return true;
    }
    let mut chars = line.chars();
    let Some(first @ ('-' | '.' | '+' | '/' | '=' | '*' | '_')) = chars.next() else { return false };
    line.len() >= 4 && chars.all(|char| char == first)
}

/// Rows of a table: a row stands on one line, or each cell on its own with blank lines between rows.
fn rows(table: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut open = false;
    for line in table.lines().map(str::trim) {
        let cells: Vec<String> = line.split('|').skip(1).map(|cell| inline(cell.trim())).collect();
        if line.is_empty() {
            open = false;
        } else if cells.is_empty() || (cells.len() == 1 && open) {
            let gap = if cells.is_empty() { " " } else { " | " };
            match rows.last_mut().filter(|_| open) {
                Some(row) => *row += &format!("{gap}{}", cells.first().map_or(line, String::as_str)),
                None => rows.push(line.to_owned()),
            }
        } else {
            rows.push(cells.join(" | "));
            open = cells.len() == 1;
        }
    }
    rows
}

/// A line as a reader sees it.
fn inline(line: &str) -> String {
    let line = MACRO.replace_all(line, "$1$2$3");
    let line = ATTRIBUTE.replace_all(&line, "$1");
    line.replace("``", "`").replace(['`'], "").replace("+++", "")
}
