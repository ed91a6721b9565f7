//! What a passage is made of: a block, or a part of one that is too long.

use crate::{
    Lines,
    document::{Block, BlockKind},
};

use super::{Chunker, line_for_line, prose};

/// Tokens of a fence around code: six backticks, the language, and what splits off a token's edge.
const FENCE: usize = 8;

/// A part of a section that is not torn apart any more.
pub(super) struct Unit {
    pub(super) text: String,
    pub(super) lines: Lines,
    pub(super) tokens: usize,
    pub(super) prose: bool,
    pub(super) code: bool,
}

/// The units of a block, none of more than `budget` tokens, but code and tables of up to twice the maximum.
pub(super) fn of(chunker: &Chunker, block: &Block, budget: usize) -> Vec<Unit> {
    let tokens = chunker.count(&block.text);
    let whole = |text: String, tokens: usize| Unit {
        text,
        lines: block.lines,
        tokens,
        prose: block.kind == BlockKind::Prose,
        code: matches!(block.kind, BlockKind::Code(_)),
    };
    let most = 2 * chunker.settings.max_tokens;
    match &block.kind {
        BlockKind::Prose if tokens <= budget => vec![whole(prose::tidy(&block.text), tokens)],
        BlockKind::Prose => prose::split(chunker, block, budget),
        BlockKind::Code(language) if tokens + FENCE <= most => {
            vec![whole(fenced(language, &block.text), tokens + FENCE)]
        }
        BlockKind::Table if tokens <= most => vec![whole(block.text.clone(), tokens)],
        BlockKind::Code(_) | BlockKind::Table => by_lines(chunker, block, budget),
    }
}

/// Code between fences that nothing within it closes.
fn fenced(language: &str, code: &str) -> String {
    let mut fence = "```".to_owned();
    while code.contains(&fence) && fence.len() < 12 {
        fence.push('`');
    }
    format!("{fence}{language}\n{code}\n{fence}")
}

/// A block cut between its lines; each part of a table begins with its header, each part of code is fenced.
fn by_lines(chunker: &Chunker, block: &Block, budget: usize) -> Vec<Unit> {
    let mut parts = Parts::new(chunker, block, budget);
    let mut lines = (0..).zip(block.text.split('\n'));
    if block.kind == BlockKind::Table
        && let Some((_, header)) = lines.next()
    {
        parts.header(header);
    }
    for (number, line) in lines {
        let tokens = chunker.count(line);
        if tokens <= parts.room {
            parts.line(line, tokens, number);
            continue;
        }
        for slice in prose::slices(chunker, line, parts.room, 0) {
            let piece = line.get(slice).unwrap_or_default();
            parts.line(piece, chunker.count(piece), number);
        }
    }
    parts.close();
    parts.units
}

struct Parts<'b> {
    block: &'b Block,
    /// Tokens for lines beside header or fence.
    room: usize,
    header: Option<String>,
    header_tokens: usize,
    header_taken: bool,
    exact: bool,
    /// Source lines that a table has between its header and its first row.
    rule: u32,
    text: String,
    tokens: usize,
    first: u32,
    last: u32,
    units: Vec<Unit>,
    counter: &'b Chunker,
}

impl<'b> Parts<'b> {
    fn new(counter: &'b Chunker, block: &'b Block, budget: usize) -> Self {
        let newlines = block.text.matches('\n').count();
        let table = block.kind == BlockKind::Table;
        let rule = u32::from(table && line_for_line(block, newlines + 1));
        let room = if table { budget } else { budget.saturating_sub(FENCE).max(budget / 2) }.max(1);
        Self {
            block,
            room,
            header: None,
            header_tokens: 0,
            header_taken: false,
            exact: rule == 1 || line_for_line(block, newlines),
            rule,
            text: String::new(),
            tokens: 0,
            first: 0,
            last: 0,
            units: Vec::new(),
            counter,
        }
    }

    /// Headers of more than half the room are rows like any other.
    fn header(&mut self, header: &str) {
        let tokens = self.counter.count(header);
        if tokens * 2 <= self.room {
            self.header = Some(header.to_owned());
            self.header_tokens = tokens;
            self.room -= tokens;
        } else {
            for slice in prose::slices(self.counter, header, self.room, 0) {
                let piece = header.get(slice).unwrap_or_default();
                self.line(piece, self.counter.count(piece), 0);
            }
        }
    }

    fn line(&mut self, line: &str, tokens: usize, number: u32) {
        if self.tokens + tokens > self.room {
            self.close();
        }
        if self.text.is_empty() {
            if line.trim().is_empty() {
                return;
            }
            self.first = number;
        } else {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.tokens += tokens;
        self.last = number;
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let tokens = std::mem::take(&mut self.tokens);
        if text.trim().is_empty() {
            return;
        }
        let lines = self.lines();
        let code = matches!(self.block.kind, BlockKind::Code(_));
        let (text, tokens) = match (&self.block.kind, &self.header) {
            (BlockKind::Code(language), _) => (fenced(language, text.trim_end()), tokens + FENCE),
            (_, Some(header)) => (format!("{header}\n{text}"), tokens + self.header_tokens),
            (_, None) => (text, tokens),
        };
        self.header_taken = true;
        self.units.push(Unit { text, lines, tokens, prose: false, code });
    }

    fn lines(&self) -> Lines {
        if !self.exact {
            return self.block.lines;
        }
        let place = |number: u32| self.block.lines.first + number + if number > 0 { self.rule } else { 0 };
        // The first part holds the header where it stands.
        let first = if self.header.is_some() && !self.header_taken { 0 } else { self.first };
        Lines::new(place(first), place(self.last).min(self.block.lines.last))
    }
}
