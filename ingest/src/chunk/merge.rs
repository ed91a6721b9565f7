//! Lets small sections share a passage with their siblings, below their common parent's headings.

use crate::{Lines, passage::Piece};

use super::{Chunker, pack::Part};

/// Collects the parts of section after section into pieces.
pub(super) struct Merge<'c> {
    chunker: &'c Chunker,
    title: &'c str,
    /// Sections that share a passage so far.
    open: Option<Open>,
    pieces: Vec<Piece>,
}

struct Open {
    headings: Vec<String>,
    text: String,
    lines: Lines,
    tokens: usize,
    /// Whether several sections are in it already, so that its headings are their parent's.
    shared: bool,
}

impl<'c> Merge<'c> {
    pub(super) fn new(chunker: &'c Chunker, title: &'c str) -> Self {
        Self { chunker, title, open: None, pieces: Vec::new() }
    }

    /// Takes the next section.
    pub(super) fn section(&mut self, headings: &[String], parts: Vec<Part>) {
        let alone = match parts.as_slice() {
            [only] => only.code,
            _ => true,
        };
        for part in parts.into_iter().filter(|part| !part.text.trim().is_empty()) {
            let next = Open {
                headings: headings.to_vec(),
                text: part.text,
                lines: part.lines,
                tokens: part.tokens,
                shared: false,
            };
            if alone {
                self.close();
                self.pieces.push(next.piece());
                continue;
            }
            if let Some(open) = self.open.take() {
                match self.join(&open, &next) {
                    Some(joined) => {
                        self.open = Some(joined);
                        continue;
                    }
                    None => self.pieces.push(open.piece()),
                }
            }
            self.open = Some(next);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.pieces
    }

    fn close(&mut self) {
        self.pieces.extend(self.open.take().map(Open::piece));
    }

    /// Both in one, if one of them is small, they stand below the same parent and there is room.
    fn join(&self, open: &Open, next: &Open) -> Option<Open> {
        let min = self.chunker.settings.min_tokens;
        let small = open.tokens < min || next.tokens < min;
        let parent = common_parent(open, next).filter(|_| small)?;
        let (one, other) = (below(parent, open), below(parent, next));
        let tokens = open.tokens + next.tokens + self.chunker.count(&one) + self.chunker.count(&other);
        if tokens > self.chunker.budget(self.title, parent) {
            return None;
        }
        let text = format!("{one}{}\n\n{other}{}", open.text, next.text);
        Some(Open {
            headings: parent.to_vec(),
            text,
            lines: open.lines.with(next.lines),
            tokens,
            shared: true,
        })
    }
}

impl Open {
    fn piece(self) -> Piece {
        Piece { headings: self.headings, text: self.text, lines: self.lines }
    }
}

/// The headings above both: their parent if they are siblings, the first's if the second is its child.
fn common_parent<'h>(open: &'h Open, next: &'h Open) -> Option<&'h [String]> {
    let (_, parent) = next.headings.split_last()?;
    let siblings = !open.shared && open.headings.split_last().is_some_and(|(_, of)| of == parent);
    (siblings || open.headings == parent).then_some(parent)
}

/// The last heading of a section that comes below its parent's, as a line of its own.
fn below(parent: &[String], section: &Open) -> String {
    match section.headings.get(parent.len()) {
        Some(heading) => format!("{heading}\n"),
        None => String::new(),
    }
}
