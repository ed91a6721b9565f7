//! Puts blocks under their headings while a parser walks through a document. Knows no format.

use crate::{
    Attributes, Document, Lines,
    document::{Block, BlockKind},
};

use super::title::title_from_path;

/// Longest heading and title kept, characters: they are repeated with every passage below them.
const HEADING_CHARS: usize = 160;
/// Deepest heading path.
const LEVELS: u8 = 6;
/// Most parts of one document; a real one of this size is a data dump.
const BLOCKS: usize = 300_000;

/// A document in the making.
#[derive(Default)]
pub(super) struct Outline {
    above: Vec<(u8, String)>,
    blocks: Vec<Block>,
    first_levels: usize,
    title: Option<String>,
    overflow: bool,
    pinned: Option<Lines>,
}

impl Outline {
    /// A heading of `level` 1 to 6: what follows stands below it.
    pub(super) fn heading(&mut self, level: u8, text: &str) {
        let text = one_line(text);
        if text.is_empty() {
            return;
        }
        let level = level.clamp(1, LEVELS);
        if level == 1 {
            self.first_levels += 1;
            self.title.get_or_insert_with(|| text.clone());
        }
        self.above.retain(|(above, _)| *above < level);
        self.above.push((level, text));
    }

    /// What follows stands below no heading.
    pub(super) fn below_nothing(&mut self) {
        self.above.clear();
    }

    /// Every block until the next call stands in these lines, whatever it says itself (cells of a notebook).
    pub(super) fn pin(&mut self, lines: Option<Lines>) {
        self.pinned = lines;
    }

    /// Prose; blank lines around it are cut off and do not count as its lines.
    pub(super) fn prose(&mut self, text: &str, lines: Lines) {
        let leading = text.len() - text.trim_start().len();
        let skipped = newlines(text.get(..leading).unwrap_or_default());
        let trailing = newlines(text.get(text.trim_end().len()..).unwrap_or_default());
        let cut = if skipped + trailing > lines.last.saturating_sub(lines.first) {
            lines
        } else if newlines(text) == lines.last.saturating_sub(lines.first) {
            Lines::new(lines.first + skipped, lines.last - trailing)
        } else {
            lines
        };
        self.block(BlockKind::Prose, text.trim().to_owned(), cut);
    }

    /// Any block. Blank ones are dropped.
    pub(super) fn block(&mut self, kind: BlockKind, text: String, lines: Lines) {
        if text.trim().is_empty() {
            return;
        }
        if self.blocks.len() >= BLOCKS {
            self.overflow = true;
            return;
        }
        let headings = self.above.iter().map(|(_, text)| text.clone()).collect();
        self.blocks.push(Block { kind, text, headings, lines: self.pinned.unwrap_or(lines) });
    }

    /// The document. `title` is what front matter or metadata says; else the only first level heading is the title,
    /// else the first of several, else the file's name.
    pub(super) fn finish(
        mut self,
        title: Option<String>,
        attributes: Attributes,
        path: &str,
    ) -> Result<Document, String> {
        if self.overflow {
            return Err(format!("has more than {BLOCKS} paragraphs: split it"));
        }
        let given = title.map(|title| one_line(&title)).filter(|title| !title.is_empty());
        let heading = self.title.take();
        if let Some(heading) = &heading
            && self.first_levels == 1
            && given.as_deref().is_none_or(|given| given.eq_ignore_ascii_case(heading))
        {
            for block in &mut self.blocks {
                if block.headings.first() == Some(heading) {
                    block.headings.remove(0);
                }
            }
        }
        let title = given.or(heading).unwrap_or_else(|| title_from_path(path));
        Ok(Document { title, attributes, blocks: self.blocks, ignored: Vec::new() })
    }
}

/// Line breaks in a text.
pub(super) fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// The words of a text with single spaces, not longer than a heading may be.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        chars += word.chars().count() + 1;
        if chars > HEADING_CHARS + 1 {
            let room = HEADING_CHARS.saturating_sub(line.chars().count() + 1);
            if line.is_empty() {
                line.extend(word.chars().take(room));
            }
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Where lines begin in a text: from byte offsets to line numbers.
pub(super) struct LineIndex(Vec<usize>);

impl LineIndex {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, on which the byte at `offset` stands.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|newline| *newline < offset)).unwrap_or(u32::MAX - 1) + 1
    }
}
