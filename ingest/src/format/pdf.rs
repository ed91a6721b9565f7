//! The text of a PDF, page for page: a block's lines are page numbers.
//!
//! The parser trusts what it reads: it unpacks streams without bound and follows references until the stack ends.
//! So both are checked here first; a panic in it is caught by the thread it runs on.

use std::{collections::HashMap, io::Read};

use pdf_extract::{Dictionary, Object, ObjectId, PlainTextOutput};

use crate::{Attributes, Document, Lines};

use super::outline::Outline;

/// Most bytes that the streams of one PDF unpack to: a scanned book has less.
const UNPACKED: u64 = 512 << 20;
/// Longest chain of page tree nodes or of drawings within drawings.
const NESTING: usize = 40;

const BROKEN: &str = "is a broken PDF: print it to a new PDF, or convert it to text";
const ENCRYPTED: &str = "is an encrypted PDF: save it without a password";

pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Document, String> {
    check_size(bytes)?;
    let mut pdf = pdf_extract::Document::load_mem(bytes).map_err(|_| blame(bytes).to_owned())?;
    if pdf.is_encrypted() {
        pdf.decrypt("").map_err(|_| ENCRYPTED.to_owned())?;
    }
    check_nesting(&pdf)?;
    let mut outline = Outline::default();
    let mut letters = 0;
    for page in pdf.get_pages().into_keys() {
        let mut text = String::new();
        let mut output = PlainTextOutput::new(&mut text);
        pdf_extract::output_doc_page(&pdf, &mut output, page).map_err(|_| blame(bytes).to_owned())?;
        letters += text.chars().filter(|char| char.is_alphanumeric()).count();
        for paragraph in paragraphs(&text) {
            outline.prose(&paragraph, Lines::new(page, page));
        }
    }
    if letters == 0 && blame(bytes) == ENCRYPTED {
        return Err(ENCRYPTED.to_owned());
    }
    if letters == 0 {
        return Err("is a PDF without text, a scan perhaps: run text recognition over it".to_owned());
    }
    outline.finish(title(&pdf), Attributes::default(), path)
}

fn blame(bytes: &[u8]) -> &'static str {
    if bytes.windows(8).any(|window| window == b"/Encrypt") { ENCRYPTED } else { BROKEN }
}

/// Unpacks every stream to nowhere, so that one that unfolds without end is found before it fills the memory.
fn check_size(bytes: &[u8]) -> Result<(), String> {
    let mut left = UNPACKED;
    let starts =
        bytes.windows(6).enumerate().filter(|(_, window)| *window == b"stream").map(|(at, _)| at + 6);
    for start in starts {
        let data = bytes.get(start..).unwrap_or_default();
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let Some(data @ [b'\x08' | b'\x18' | b'\x28' | b'\x38' | b'\x48' | b'\x58' | b'\x68' | b'\x78', ..]) =
            data.strip_prefix(b"\n")
        else {
            continue;
        };
        let mut unpacked = flate2::read::ZlibDecoder::new(data).take(left);
        // Streams that break off are the parser's business.
        drop(std::io::copy(&mut unpacked, &mut std::io::sink()));
        left = unpacked.limit();
        if left == 0 {
            return Err(format!("is a PDF that unpacks to more than {} MB: split it", UNPACKED >> 20));
        }
    }
    Ok(())
}

/// No page stands below itself, no drawing contains itself.
fn check_nesting(pdf: &pdf_extract::Document) -> Result<(), String> {
    for page in pdf.get_pages().into_values() {
        let mut above = 0;
        let mut node = pdf.get_dictionary(page).ok();
        while let Some(parent) = node.and_then(|node| node.get(b"Parent").ok()?.as_reference().ok()) {
            above += 1;
            if above > NESTING {
                return Err(BROKEN.to_owned());
            }
            node = pdf.get_dictionary(parent).ok();
        }
    }
    let mut heights = HashMap::new();
    let deep = pdf.objects.keys().any(|id| height(pdf, *id, NESTING, &mut heights) > NESTING);
    if deep { Err(BROKEN.to_owned()) } else { Ok(()) }
}

/// How many drawings stand within each other below this one; more than `NESTING` for a cycle.
fn height(
    pdf: &pdf_extract::Document,
    id: ObjectId,
    room: usize,
    known: &mut HashMap<ObjectId, usize>,
) -> usize {
    if let Some(height) = known.get(&id) {
        return *height;
    }
    let Some(drawing) = form(pdf, id) else { return 0 };
    if room == 0 {
        return NESTING + 1;
    }
    let inner = drawn_by(pdf, drawing);
    let deepest = inner.into_iter().map(|id| height(pdf, id, room - 1, known)).max().unwrap_or(0);
    let height = (deepest + 1).min(NESTING + 1);
    known.insert(id, height);
    height
}

fn form(pdf: &pdf_extract::Document, id: ObjectId) -> Option<&Dictionary> {
    let stream = pdf.get_object(id).ok()?.as_stream().ok()?;
    (stream.dict.get(b"Subtype").ok()?.as_name().ok()? == b"Form").then_some(&stream.dict)
}

/// The drawings that a drawing may draw: those of its resources.
fn drawn_by(pdf: &pdf_extract::Document, drawing: &Dictionary) -> Vec<ObjectId> {
    let resolve = |object: &Object| -> Option<Dictionary> {
        match object {
            Object::Reference(id) => pdf.get_dictionary(*id).ok().cloned(),
            Object::Dictionary(dictionary) => Some(dictionary.clone()),
            _ => None,
        }
    };
    let objects = drawing.get(b"Resources").ok().and_then(resolve);
    let drawings = objects.and_then(|resources| resolve(resources.get(b"XObject").ok()?));
    drawings
        .map(|all| all.iter().filter_map(|(_, object)| object.as_reference().ok()).collect())
        .unwrap_or_default()
}

/// Paragraphs, which blank lines part; words that a line's end cut in two are joined.
fn paragraphs(page: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in page.lines().map(str::trim) {
        let Some(last) = paragraphs.last_mut() else { break };
        let hyphenated = last.ends_with('-') && line.starts_with(char::is_lowercase);
        if line.is_empty() {
            if !last.is_empty() {
                paragraphs.push(String::new());
            }
        } else if hyphenated && last.chars().rev().nth(1).is_some_and(char::is_lowercase) {
            last.pop();
            last.push_str(line);
        } else {
            if !last.is_empty() {
                last.push('\n');
            }
            last.push_str(line);
        }
    }
    let clean = |text: String| {
        text.chars().map(|char| if char.is_control() && char != '\n' { ' ' } else { char }).collect()
    };
    paragraphs.into_iter().filter(|text| !text.is_empty()).map(clean).collect()
}

fn title(pdf: &pdf_extract::Document) -> Option<String> {
    let info = pdf.trailer.get(b"Info").ok()?.as_reference().ok()?;
    let bytes = pdf.get_dictionary(info).ok()?.get(b"Title").ok()?.as_str().ok()?;
    let title = match bytes {
        [0xfe, 0xff, units @ ..] => {
            let (pairs, _) = units.as_chunks::<2>();
            String::from_utf16(&pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect::<Vec<_>>())
                .ok()?
        }
        bytes => std::str::from_utf8(bytes).ok()?.to_owned(),
    };
    // Word processors put the file's name there.
    let name = title.contains('/')
        || title.contains('\\')
        || title.rsplit_once('.').is_some_and(|(_, end)| end.len() <= 5);
    (!name && !title.trim().is_empty() && !title.eq_ignore_ascii_case("untitled")).then_some(title)
}
