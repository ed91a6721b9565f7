//! Cuts prose that is too long: between paragraphs, list items and sentences where it can, and with overlap.

use std::ops::Range;

use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

use crate::{Lines, document::Block};

use super::{Chunker, line_for_line, units::Unit};

/// Most bytes that are looked at together, so that the cost grows with a text's length and not with its square.
const WINDOW: usize = 16 << 10;
/// A line shorter than this, bytes, was not wrapped: it ends on purpose.
const WRAPPED: usize = 40;

struct Sizer<'c>(&'c Chunker);

impl ChunkSizer for Sizer<'_> {
    fn size(&self, chunk: &str) -> usize {
        self.0.count(chunk)
    }
}

/// The units of a block of prose.
pub(super) fn split(chunker: &Chunker, block: &Block, budget: usize) -> Vec<Unit> {
    let newlines: Vec<usize> = block.text.match_indices('\n').map(|(at, _)| at).collect();
    let exact = line_for_line(block, newlines.len());
    let place = |offset: usize| {
        let line = newlines.partition_point(|newline| *newline < offset);
        block.lines.first.saturating_add(u32::try_from(line).unwrap_or(u32::MAX))
    };
    let slices = slices(chunker, &block.text, budget, chunker.settings.overlap_tokens);
    let unit = |slice: Range<usize>| {
        let text = tidy(block.text.get(slice.clone()).unwrap_or_default());
        let lines =
            if exact { Lines::new(place(slice.start), place(slice.end.max(1) - 1)) } else { block.lines };
        Unit { tokens: chunker.count(&text), text, lines, prose: true, code: false }
    };
    slices.into_iter().map(unit).collect()
}

/// Where to cut a text so that no part has more than `budget` tokens; parts overlap by up to `overlap`.
pub(super) fn slices(chunker: &Chunker, text: &str, budget: usize, overlap: usize) -> Vec<Range<usize>> {
    let config = ChunkConfig::new(budget.max(1)).with_sizer(Sizer(chunker));
    // Overlap that is as long as a part is refused: there is none then.
    let Ok(config) = config.with_overlap(overlap.min(budget / 4)) else { return Vec::new() };
    let splitter = TextSplitter::new(config);
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = window_end(text, start);
        let window = unwrapped(text.get(start..end).unwrap_or_default());
        found.extend(splitter.chunk_indices(&window).map(|(at, chunk)| start + at..start + at + chunk.len()));
        start = end;
    }
    found
}

/// A place near `start + WINDOW` to cut: after the last blank line, else line, else word, else character.
fn window_end(text: &str, start: usize) -> usize {
    if text.len() - start <= WINDOW {
        return text.len();
    }
    let limit = (start..=start + WINDOW).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let window = text.get(start..limit).unwrap_or_default();
    let half = window.len() / 2;
    let cut = |at: Option<usize>, length: usize| at.filter(|at| *at > half).map(|at| start + at + length);
    let white = |window: &str| {
        window
            .char_indices()
            .rev()
            .find(|(_, char)| char.is_whitespace())
            .map(|(at, char)| (at, char.len_utf8()))
    };
    cut(window.rfind("\n\n"), 2)
        .or_else(|| cut(window.rfind('\n'), 1))
        .or_else(|| white(window).and_then(|(at, length)| cut(Some(at), length)))
        .unwrap_or(limit.max(start + 1))
}

/// The same text, byte for byte, with spaces for line breaks that only wrap a paragraph: sentences go on there.
fn unwrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if let Some(next) = lines.peek() {
            let wrapped = line.len() >= WRAPPED && !line.trim_end().ends_with(['.', ':', ';', '!', '?']);
            out.push(if wrapped && !begins_anew(next) { ' ' } else { '\n' });
        }
    }
    out
}

/// A blank line or a list's item.
fn begins_anew(line: &str) -> bool {
    let line = line.trim_start();
    let digits = line.trim_start_matches(|char: char| char.is_ascii_digit());
    let numbered = digits.len() < line.len() && digits.starts_with([')', '.']);
    line.is_empty() || numbered || line.starts_with("- ") || line.starts_with("* ")
}

/// Without blank space around it, and with one blank line where there were more.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for line in text.trim().split('\n').map(str::trim_end) {
        if line.is_empty() && blank {
            continue;
        }
        blank = line.is_empty();
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(line);
    }
    out
}
