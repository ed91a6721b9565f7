//! reStructuredText, as text with its title, headings and code recognised; no directive is carried out.

use std::sync::LazyLock;

use regex::Regex;

use crate::{Attributes, Document, Lines, document::BlockKind};

use super::outline::{Outline, newlines};

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static DIRECTIVE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\s*)\.\.\s+([\w-]+(?::[\w-]+)?)::\s*(.*)$").unwrap());

/// Roles and links, of which the text is kept.
#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static ROLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?::[\w:+-]+:)?`([^`<]*?)\s*(?:<([^`>]*)>)?`_{0,2}").unwrap());

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static OPTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*:[\w-]+:(?:\s|$)").unwrap());

pub(super) fn read(path: &str, text: &str) -> Result<Document, String> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut reader = Reader::default();
    let mut at = 0;
    while at < lines.len() {
        at = reader.step(&lines, at);
    }
    reader.paragraph();
    reader.outline.finish(None, Attributes::default(), path)
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    text: String,
    first: u32,
    last: u32,
    /// The underlines in the order in which they came; their place is their level.
    underlines: Vec<(char, bool)>,
}

impl Reader {
    /// Reads what begins at a line, and says where the next begins.
    fn step(&mut self, lines: &[&str], at: usize) -> usize {
        let line = lines.get(at).copied().unwrap_or_default();
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let after = lines.get(at + 2).copied().unwrap_or_default();
        if let Some(mark) = underline(line)
            && !next.is_empty()
            && underline(after) == Some(mark)
        {
            return self.heading(next, (mark, true), at + 3);
        }
        if let Some(mark) = underline(next)
            && !line.is_empty()
            && !line.starts_with(' ')
            && next.len() + 2 >= line.chars().count()
            && underline(line).is_none()
        {
            return self.heading(line, (mark, false), at + 2);
        }
        if let Some(directive) = DIRECTIVE.captures(line) {
            let group = |group: usize| directive.get(group).map_or("", |group| group.as_str());
            return self.directive(lines, at, group(1).len(), group(2), group(3));
        }
        if line.trim_start() == ".." || line.trim_start().starts_with(".. ") {
            self.paragraph();
            return after_block(lines, at + 1, indent(line));
        }
        if line.is_empty() {
            self.paragraph();
        } else {
            self.push(
                &inline(line.strip_suffix("::").map_or(line, |_| line.strip_suffix(':').unwrap_or(line))),
                at,
            );
            if line.ends_with("::") {
                self.paragraph();
                return self.code(lines, at + 1, indent(line), "");
            }
        }
        at + 1
    }

    fn heading(&mut self, text: &str, mark: (char, bool), next: usize) -> usize {
        self.paragraph();
        let level = self.underlines.iter().position(|known| *known == mark).unwrap_or_else(|| {
            self.underlines.push(mark);
            self.underlines.len() - 1
        });
        self.outline.heading(u8::try_from(level + 1).unwrap_or(6), &inline(text));
        next
    }

    fn directive(&mut self, lines: &[&str], at: usize, indent: usize, name: &str, argument: &str) -> usize {
        self.paragraph();
        match name {
            "code-block" | "code" | "sourcecode" | "literalinclude" | "highlight" | "prompt"
            | "parsed-literal" => self.code(lines, at + 1, indent, argument),
            "toctree" | "include" | "index" | "contents" | "raw" | "meta" | "only" | "currentmodule" => {
                after_block(lines, at + 1, indent)
            }
            name => {
                // Admonitions and figures: what they are called, what they say, and the text below them as text.
                let label = match name {
                    "note" | "warning" | "caution" | "danger" | "tip" | "hint" | "important"
                    | "attention" => name
                        .chars()
                        .take(1)
                        .flat_map(char::to_uppercase)
                        .chain(name.chars().skip(1))
                        .chain(": ".chars())
                        .collect(),
                    _ => String::new(),
                };
                let said = if matches!(name, "image" | "figure") { "" } else { argument };
                self.push(&inline(&(label + said)), at);
                let options = lines.iter().skip(at + 1).take_while(|line| OPTION.is_match(line)).count();
                at + 1 + options
            }
        }
    }

    /// The lines below that stand further in than `outer`, as code.
    fn code(&mut self, lines: &[&str], from: usize, outer: usize, language: &str) -> usize {
        let end = after_block(lines, from, outer);
        let body: Vec<&str> = lines.get(from..end).unwrap_or_default().to_vec();
        let skipped = body.iter().take_while(|line| line.is_empty() || OPTION.is_match(line)).count();
        let body = body.get(skipped..).unwrap_or_default();
        let inner =
            body.iter().filter(|line| !line.is_empty()).map(|line| self::indent(line)).min().unwrap_or(0);
        let code: Vec<&str> = body.iter().map(|line| line.get(inner..).unwrap_or_default()).collect();
        let code = code.join("\n");
        let code = code.trim_end();
        let first = number(from + skipped);
        let language = language.split_whitespace().next().unwrap_or_default().to_lowercase();
        self.outline.block(
            BlockKind::Code(language),
            code.to_owned(),
            Lines::new(first, first + newlines(code)),
        );
        end
    }

    fn push(&mut self, line: &str, at: usize) {
        let line_number = number(at);
        if self.text.is_empty() {
            self.first = line_number;
        } else {
            self.text.extend((self.last..line_number).map(|_| '\n'));
        }
        self.last = line_number;
        self.text.push_str(line);
    }

    fn paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.outline.prose(&text, Lines::new(self.first, self.last));
    }
}

/// The line's number, from 1.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX - 1) + 1
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The first line from `from` on that stands no further in than `outer`.
fn after_block(lines: &[&str], from: usize, outer: usize) -> usize {
    let block = lines.iter().skip(from).take_while(|line| line.is_empty() || indent(line) > outer);
    from + block.count()
}

/// The character of a line that is nothing but one.
fn underline(line: &str) -> Option<char> {
    let first = line.chars().next().filter(|char| "=-~^\"'`#*+.:_".contains(*char))?;
    (line.len() >= 3 && line.chars().all(|char| char == first)).then_some(first)
}

/// A line as a reader sees it.
fn inline(line: &str) -> String {
    let line = line.replace("``", "\u{1}");
    let line = ROLE.replace_all(&line, |found: &regex::Captures| {
        let group = |group: usize| found.get(group).map_or("", |group| group.as_str());
        if group(1).is_empty() { group(2).to_owned() } else { group(1).to_owned() }
    });
    line.replace('\u{1}', "").replace("**", "")
}
