//! Bytes into headings, prose, code and tables.
//!
//! Owns which formats are read and how. Does not know where bytes come from, nor how long a passage is. Whatever the
//! bytes are, reading them ends with a whole document or with a sentence that says why not; never a panic, never a part.

mod asciidoc;
mod detect;
mod front_matter;
mod guarded;
mod html;
mod html_blocks;
mod json_spans;
mod manifest;
mod markdown;
mod markup;
mod notebook;
mod outline;
mod pasted;
mod pdf;
mod rst;
mod rules;
mod secrets;
mod shortcodes;
mod text;
mod title;
mod worker;
mod yaml;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod garbage_tests;
#[cfg(test)]
mod pasted_tests;

pub use detect::Format;
pub use title::title_from_path;
pub use worker::{PdfWorker, serve_pdf};

use crate::document::{Block, BlockKind};
use crate::{Document, Limits, RawDocument};

/// Reads a document: its title, what it says about itself, its parts in reading order. A document without any text
/// (front matter only) is a document without blocks.
///
/// # Errors
/// The reason why it is refused, to stand after the document's name: what it is, and what to do about it.
pub fn parse(raw: &RawDocument, limits: &Limits) -> Result<Document, String> {
    let size = raw.bytes.len() as u64;
    if size > limits.document_bytes {
        return Err(format!("has {size} bytes, more than the {} allowed: split it", limits.document_bytes));
    }
    let format = Format::of(raw)?;
    let document = bounded(format, &raw.path, &raw.bytes, limits)?;
    let mut document = guarded::run(limits.parse, move || without_secrets(document))?;
    document.attributes.last_updated = document.attributes.last_updated.or(raw.modified);
    Ok(document)
}

/// Reads a document where its parser cannot hurt: a PDF in a process of its own if there is a program for that, anything
/// else on a thread of its own.
fn bounded(format: Format, path: &str, bytes: &[u8], limits: &Limits) -> Result<Document, String> {
    match &limits.pdf_worker {
        Some(worker) if format == Format::Pdf => worker::read(worker, path, bytes, limits.parse),
        _ => {
            let (path, bytes) = (path.to_owned(), bytes.to_owned());
            guarded::run(limits.parse, move || read(format, &path, &bytes))?
        }
    }
}

/// The text of a document as it may be kept beside its passages: the values of Secrets are hidden, everything else is as
/// it was. `None` where it is no text, or where they cannot be hidden in it as it stands.
#[must_use]
pub fn keepable(raw: &RawDocument, limits: &Limits) -> Option<String> {
    let text = String::from_utf8(raw.bytes.clone()).ok()?;
    if !text.contains("Secret") {
        return Some(text);
    }
    let shown = parse(raw, limits).ok()?;
    let (format, bare) = (Format::of(raw).ok()?, pasted::hide(&text));
    // Read without hiding anything more, it must say what is shown of the original.
    let read = bounded(format, &raw.path, bare.as_bytes(), limits).ok()?;
    // Where a block ends in hidden lines, its last line is another.
    let same = |one: &Block, other: &Block| {
        (&one.kind, &one.text, &one.headings) == (&other.kind, &other.text, &other.headings)
    };
    let all = read.blocks.len() == shown.blocks.len()
        && read.blocks.iter().zip(&shown.blocks).all(|(one, other)| same(one, other));
    all.then_some(bare)
}

/// Secrets in manifests are hidden where they are parsed; these are the ones in code and other text.
fn without_secrets(mut document: Document) -> Document {
    for block in document.blocks.iter_mut().filter(|block| block.text.contains("Secret")) {
        let hidden = pasted::hide(&block.text);
        if hidden != block.text {
            let text = if block.kind == BlockKind::Prose { hidden.trim() } else { hidden.trim_end() };
            block.text = text.to_owned();
        }
    }
    document
}

/// A text that an earlier version has cut, with the values of Secrets hidden as far as the piece shows that they are some.
pub(crate) fn without_pasted_secrets(text: &str) -> String {
    pasted::hide(text)
}

fn read(format: Format, path: &str, bytes: &[u8]) -> Result<Document, String> {
    match format {
        Format::Pdf => return pdf::read(path, bytes),
        Format::Html if bytes.len() > html::LARGEST => {
            return Err(format!(
                "is an HTML page of {} MB, and only {} MB are read: save its parts as pages of their own",
                bytes.len() >> 20,
                html::LARGEST >> 20
            ));
        }
        _ => {}
    }
    let text = text::decode(bytes)?;
    match format {
        Format::Markdown => markdown::read(path, &text),
        Format::Html => html::read(path, &text),
        Format::Yaml => manifest::read_yaml(path, &text),
        Format::Json => manifest::read_json(path, &text),
        Format::AsciiDoc => asciidoc::read(path, &text),
        Format::Rst => rst::read(path, &text),
        Format::Notebook => notebook::read(path, &text),
        Format::Text | Format::Pdf => text::read(path, &text),
    }
}
