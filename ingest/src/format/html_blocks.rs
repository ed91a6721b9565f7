//! The blocks of a parsed page: headings, code, tables; everything else is prose.
//!
//! Expects lines in an attribute of the page's elements, as `html` writes them.

use dom_query::NodeRef;

use crate::{Lines, document::BlockKind};

use super::outline::{Outline, newlines};

/// The attribute that holds the line of an element in the source.
pub(super) const LINE: &str = "data-source-line";

/// Elements around which prose breaks into paragraphs.
const PARAGRAPHS: [&str; 22] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "ul",
    "ol",
    "dl",
    "blockquote",
    "details",
    "figure",
    "body",
    "dd",
    "dt",
    "summary",
    "figcaption",
    "address",
    "center",
    "fieldset",
    "hr",
    "html",
    "table",
];

/// A step of the walk: into an element, or out of it.
enum Step<'n> {
    Enter(NodeRef<'n>),
    Leave(String),
}

/// Walks through what stands below `root`, without recursion.
pub(super) fn walk(outline: &mut Outline, root: NodeRef) {
    let mut walk = Walk { outline, text: String::new(), line: 1, first: 1, lists: Vec::new() };
    let mut steps = vec![Step::Enter(root)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Leave(name) => walk.leave(&name),
            Step::Enter(node) if node.is_text() => walk.words(&node.text()),
            Step::Enter(node) => {
                let name = node.node_name().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
                if walk.enter(&node, &name) {
                    steps.push(Step::Leave(name));
                    steps.extend(node.children_it(true).map(Step::Enter));
                }
            }
        }
    }
    walk.flush();
}

struct Walk<'o> {
    outline: &'o mut Outline,
    text: String,
    /// The line of the element we are in, and that of the prose's beginning.
    line: u32,
    first: u32,
    /// The next number of each list around us; `None` for bullets.
    lists: Vec<Option<u32>>,
}

impl Walk<'_> {
    /// Whether its children are to be walked through as well.
    fn enter(&mut self, node: &NodeRef, name: &str) -> bool {
        if let Some(line) = node.attr(LINE).and_then(|line| line.parse().ok()) {
            self.line = line;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                let level = name.bytes().last().map_or(1, |digit| digit - b'0');
                self.outline.heading(level, node.text().trim().trim_end_matches(['#', '¶']));
                false
            }
            "pre" => {
                self.code(node);
                false
            }
            "table" if is_data(node) => {
                self.table(node);
                false
            }
            "ul" | "ol" => {
                self.paragraph();
                self.lists.push((name == "ol").then_some(1));
                true
            }
            "li" => {
                self.item();
                true
            }
            "br" => {
                self.text.push('\n');
                false
            }
            "img" => {
                let alt = node.attr("alt").unwrap_or_default();
                self.words(&format!(" {alt} "));
                false
            }
            "script" | "style" | "template" | "head" => false,
            name => {
                if PARAGRAPHS.contains(&name) {
                    self.paragraph();
                }
                node.may_have_children() || node.is_document() || node.is_fragment()
            }
        }
    }

    fn leave(&mut self, name: &str) {
        match name {
            "ul" | "ol" => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.flush();
                }
            }
            "td" | "th" => self.words(" "),
            name if PARAGRAPHS.contains(&name) || name == "tr" => self.paragraph(),
            _ => {}
        }
    }

    fn item(&mut self) {
        while self.text.ends_with([' ', '\n']) {
            self.text.pop();
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        } else {
            self.first = self.line;
        }
        self.text.push_str(&"  ".repeat(self.lists.len().saturating_sub(1).min(10)));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.text.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.text.push_str("- "),
        }
    }

    /// Prose ends here, unless it is a list's.
    fn paragraph(&mut self) {
        if self.lists.is_empty() {
            self.flush();
        } else if !self.text.ends_with(['\n', ' ']) && !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Text with its white space folded as a browser does.
    fn words(&mut self, text: &str) {
        if self.text.trim().is_empty() && !text.trim().is_empty() {
            self.first = self.line;
        }
        let gap = text.starts_with(char::is_whitespace) && !self.text.ends_with(char::is_whitespace);
        if gap && !self.text.is_empty() {
            self.text.push(' ');
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        self.text.push_str(&words.join(" "));
        if !words.is_empty() && text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        self.outline.prose(&lines.join("\n"), Lines::new(self.first, self.line.max(self.first)));
        self.first = self.line;
    }

    fn code(&mut self, node: &NodeRef) {
        self.flush();
        let code = node.text();
        let blank = code.lines().take_while(|line| line.trim().is_empty()).count();
        let code = code.lines().skip(blank).collect::<Vec<_>>().join("\n");
        let code = code.trim_end();
        let first = self.line + u32::try_from(blank).unwrap_or(0);
        let last = first + newlines(code);
        self.outline.block(BlockKind::Code(language(node)), code.to_owned(), Lines::new(first, last));
        self.line = last;
    }

    fn table(&mut self, node: &NodeRef) {
        self.flush();
        let first = self.line;
        let rows: Vec<String> = node
            .descendants_it()
            .filter(|row| row.has_name("tr"))
            .map(|row| {
                if let Some(line) = row.attr(LINE).and_then(|line| line.parse().ok()) {
                    self.line = line;
                }
                let cells = row
                    .element_children()
                    .into_iter()
                    .filter(|cell| cell.has_name("td") || cell.has_name("th"));
                cells
                    .map(|cell| cell.text().split_whitespace().collect::<Vec<_>>().join(" "))
                    .collect::<Vec<_>>()
                    .join(" | ")
            })
            .filter(|row| !row.is_empty())
            .collect();
        let last = self.line.max(first);
        self.outline.block(BlockKind::Table, rows.join("\n"), Lines::new(first, last));
    }
}

/// A table of data, none that lays out a page: no block stands in it.
fn is_data(table: &NodeRef) -> bool {
    let layout = ["pre", "table", "h1", "h2", "h3", "h4"];
    let mut rows = 0;
    for node in table.descendants_it() {
        if layout.iter().any(|name| node.has_name(name)) {
            return false;
        }
        rows += usize::from(node.has_name("tr"));
    }
    rows > 1
}

/// The language that a class names, on the block or an element around or in it: `language-yaml`, `highlight-bash`.
fn language(pre: &NodeRef) -> String {
    let around = pre.ancestors_it(Some(3));
    let candidates = std::iter::once(*pre).chain(pre.element_children()).chain(around);
    let named = |node: NodeRef| {
        let class = node.class()?;
        let word = class.split_whitespace().find_map(|class| {
            ["language-", "lang-", "highlight-source-", "highlight-"]
                .iter()
                .find_map(|prefix| class.strip_prefix(prefix))
        })?;
        Some(word.to_owned()).filter(|word| {
            !matches!(word.as_str(), "default" | "none" | "text" | "plaintext" | "notranslate")
        })
    };
    candidates.into_iter().find_map(named).unwrap_or_default()
}
