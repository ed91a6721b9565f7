//! Markdown: front matter, headings, lists and paragraphs as prose, code blocks and tables as blocks of their own.
//!
//! In prose every line stands as far below the block's first line as in the source, so that passages can name lines.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{Document, Lines, document::BlockKind};

use super::{
    front_matter, markup,
    outline::{LineIndex, Outline, newlines},
    shortcodes,
};

pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    let (front, body) = front_matter::split(text);
    let mut outline = Outline::default();
    blocks(&mut outline, body, front.lines);
    let document = outline.finish(front.title, front.attributes, path)?;
    Ok(Document { ignored: front.ignored, ..document })
}

/// Walks through Markdown that begins after `skipped` lines of its document.
pub(super) fn blocks(outline: &mut Outline, markdown: &str, skipped: u32) {
    // White space behind a table's rows keeps the parser from seeing a table; nothing needs it elsewhere.
    let markdown = shortcodes::strip(markdown).lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM;
    let index = LineIndex::of(&markdown);
    let mut walk =
        Walk { outline, prose: Prose::default(), lists: Vec::new(), inside: Inside::Prose, containers: 0 };
    for (event, range) in Parser::new_ext(&markdown, options).into_offset_iter() {
        walk.step(event, skipped + index.line(range.start));
    }
    walk.prose.flush(walk.outline);
}

struct Walk<'o> {
    outline: &'o mut Outline,
    prose: Prose,
    /// The next number of each list around us; `None` for bullets.
    lists: Vec<Option<u64>>,
    inside: Inside,
    /// Lists, quotations, definitions around us: prose goes on until the outermost ends.
    containers: usize,
}

/// Where text goes.
enum Inside {
    Prose,
    Heading(u8, String),
    Code { language: String, text: String, first: Option<u32> },
    Html { text: String, first: u32 },
    Table { rows: Vec<String>, cells: Vec<String>, cell: String, first: u32 },
}

impl Walk<'_> {
    fn step(&mut self, event: Event, line: u32) {
        match event {
            Event::Start(tag) => self.start(tag, line),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) => self.text(&text, line),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text.replace('\n', " "), line);
            }
            Event::InlineHtml(tag) if tag.starts_with("<br") => self.text(" ", line),
            Event::SoftBreak | Event::HardBreak => {
                if !matches!(self.inside, Inside::Prose) {
                    self.text(" ", line);
                }
            }
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }, line),
            Event::Rule => self.prose.flush(self.outline),
            Event::InlineHtml(_) | Event::FootnoteReference(_) => {}
        }
    }

    fn start(&mut self, tag: Tag, line: u32) {
        match tag {
            Tag::Heading { level, .. } => {
                self.prose.flush(self.outline);
                self.inside = Inside::Heading(level as u8, String::new());
            }
            Tag::CodeBlock(kind) => {
                self.prose.flush(self.outline);
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => String::new(),
                };
                self.inside = Inside::Code { language, text: String::new(), first: None };
            }
            Tag::HtmlBlock => self.inside = Inside::Html { text: String::new(), first: line },
            Tag::Table(_) => {
                self.prose.flush(self.outline);
                let (rows, cells) = (Vec::new(), Vec::new());
                self.inside = Inside::Table { rows, cells, cell: String::new(), first: line };
            }
            Tag::List(number) => {
                self.containers += 1;
                self.lists.push(number);
            }
            Tag::Item => self.item(),
            Tag::BlockQuote(_) | Tag::FootnoteDefinition(_) | Tag::DefinitionList => self.containers += 1,
            _ => {}
        }
    }

    fn item(&mut self) {
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(10));
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "- ".to_owned(),
        };
        self.prose.prefix = indent + &marker;
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::Table => {
                let done = std::mem::replace(&mut self.inside, Inside::Prose);
                self.close(done);
            }
            TagEnd::TableCell => {
                if let Inside::Table { cells, cell, .. } = &mut self.inside {
                    cells.push(cell.split_whitespace().collect::<Vec<_>>().join(" "));
                    cell.clear();
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Inside::Table { rows, cells, .. } = &mut self.inside {
                    rows.push(cells.join(" | "));
                    cells.clear();
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.leave();
            }
            TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition | TagEnd::DefinitionList => self.leave(),
            TagEnd::Paragraph if self.containers == 0 => self.prose.flush(self.outline),
            _ => {}
        }
    }

    fn leave(&mut self) {
        self.containers = self.containers.saturating_sub(1);
        if self.containers == 0 {
            self.prose.flush(self.outline);
        }
    }

    fn text(&mut self, text: &str, line: u32) {
        match &mut self.inside {
            Inside::Prose => self.prose.push(text, line),
            Inside::Heading(_, heading) => heading.push_str(text),
            Inside::Code { text: code, first, .. } => {
                first.get_or_insert(line);
                code.push_str(text);
            }
            Inside::Html { text: html, .. } => html.push_str(text),
            Inside::Table { cell, .. } => cell.push_str(text),
        }
    }

    fn close(&mut self, done: Inside) {
        match done {
            Inside::Heading(level, text) => self.outline.heading(level, &text),
            Inside::Code { language, text, first } => {
                let code = text.trim_end();
                let first = first.unwrap_or(1);
                let lines = Lines::new(first, first + newlines(code));
                self.outline.block(BlockKind::Code(language), code.to_owned(), lines);
            }
            Inside::Html { text, first } => {
                for (line, text) in (first..).zip(markup::text_of(&text).split('\n')) {
                    if !text.is_empty() {
                        self.prose.push(text, line);
                    }
                }
                if self.containers == 0 {
                    self.prose.flush(self.outline);
                }
            }
            Inside::Table { rows, first, .. } => {
                // The line under the header is in the source only.
                let last = first + u32::try_from(rows.len()).unwrap_or(0);
                self.outline.block(BlockKind::Table, rows.join("\n"), Lines::new(first, last));
            }
            Inside::Prose => {}
        }
    }
}

/// Prose in the making, its lines as far apart as in the source.
#[derive(Default)]
struct Prose {
    text: String,
    first: u32,
    line: u32,
    /// The mark of a list item that has no text yet.
    prefix: String,
}

impl Prose {
    fn push(&mut self, text: &str, line: u32) {
        if self.text.is_empty() {
            self.first = line;
            self.line = line;
        }
        while self.line < line {
            self.text.push('\n');
            self.line += 1;
        }
        let prefix = std::mem::take(&mut self.prefix);
        if !prefix.is_empty() {
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push(' ');
            }
            self.text.push_str(&prefix);
        }
        self.text.push_str(text);
        self.line += newlines(text);
    }

    fn flush(&mut self, outline: &mut Outline) {
        let text = std::mem::take(&mut self.text);
        self.prefix.clear();
        outline.prose(&text, Lines::new(self.first, self.line));
    }
}

/// The language of a fence's info string: `yaml {hl_lines=[2]}` and `{.bash}` name one.
fn language(info: &str) -> String {
    let word =
        info.trim_start_matches(['{', '.', ' ']).split([' ', ',', '{', '}', '\t']).next().unwrap_or_default();
    word.chars()
        .filter(|char| char.is_alphanumeric() || "+-#_.".contains(*char))
        .take(24)
        .collect::<String>()
        .to_lowercase()
}
