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
mod pdf;
mod rst;
mod rules;
mod secrets;
mod shortcodes;
mod text;
mod title;
mod yaml;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod garbage_tests;

pub use detect::Format;
pub use title::title_from_path;

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
    let (path, bytes) = (raw.path.clone(), raw.bytes.clone());
    let mut document = guarded::run(limits.parse, move || read(format, &path, &bytes))??;
    document.attributes.last_updated = document.attributes.last_updated.or(raw.modified);
    Ok(document)
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
