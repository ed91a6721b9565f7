//! Logs whose events are known, in the form of LogHub.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What a table's name ends with.
const TABLE: &str = "_structured.csv";

/// Largest file that is read, bytes.
const MAX_FILE: u64 = 512 << 20;

/// Folders deep that are looked through.
const MAX_DEPTH: usize = 3;

/// A log, the events of its lines known.
#[derive(Debug)]
pub(super) struct Labelled {
    pub(super) name: String,
    /// The event of each line.
    pub(super) events: Vec<String>,
    /// The message of each line.
    pub(super) contents: Vec<Vec<u8>>,
    /// Each line as it was, where the log is there.
    pub(super) whole_lines: Option<Vec<Vec<u8>>>,
}

/// The tables in a folder, by name.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn find(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    look_into(folder, MAX_DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn look_into(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?.path();
        if path.is_dir() && depth > 1 {
            look_into(&path, depth - 1, found)?;
        } else if path.is_file() && path.to_string_lossy().ends_with(TABLE) {
            found.push(path);
        }
    }
    Ok(())
}

impl Labelled {
    /// Reads a table and the log beside it.
    ///
    /// # Errors
    /// When the table cannot be read or lacks a column, or the log has another number of lines.
    pub(super) fn read(table: &Path) -> anyhow::Result<Self> {
        let bytes = bytes(table)?;
        let (events, contents) =
            columns(&bytes).with_context(|| format!("the table {} cannot be used", table.display()))?;
        let file = table.file_name().unwrap_or_default().to_string_lossy();
        let name = file.strip_suffix(TABLE).unwrap_or(&file).to_owned();
        let log = table.with_file_name(&name);
        let whole_lines = if log.is_file() { Some(lines(&log, events.len())?) } else { None };
        Ok(Self { name, events, contents, whole_lines })
    }
}

fn columns(bytes: &[u8]) -> anyhow::Result<(Vec<String>, Vec<Vec<u8>>)> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.byte_headers()?.clone();
    let place = |wanted: &str| {
        let place = header.iter().position(|name| name == wanted.as_bytes());
        place.with_context(|| format!("it has no column {wanted}"))
    };
    let (content, event) = (place("Content")?, place("EventId")?);
    let (mut events, mut contents) = (Vec::new(), Vec::new());
    for record in reader.byte_records() {
        let record = record?;
        events.push(String::from_utf8_lossy(record.get(event).unwrap_or_default()).into_owned());
        contents.push(record.get(content).unwrap_or_default().to_owned());
    }
    Ok((events, contents))
}

fn lines(log: &Path, expected: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = bytes(log)?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_owned).collect();
    if lines.len() != expected {
        bail!("{} has {} lines, its table {expected}", log.display(), lines.len());
    }
    Ok(lines)
}

fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut bytes = Vec::new();
    opened
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", file.display()))?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{} is larger than {} MiB", file.display(), MAX_FILE >> 20);
    }
    Ok(bytes)
}
