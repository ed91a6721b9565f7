//! Tar archives, packed with gzip or not.
//!
//! Entries are taken raw, because the tar crate reads long names whole into memory however long they say they are.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::{NAME_BYTES, RATIO_AFTER, Reading};
use crate::Limits;
use crate::source::files::read_limited;
use crate::source::{SourceError, size};

/// Longest block of extended headers, bytes.
const PAX_BYTES: u64 = 1 << 16;

/// A tar packed with gzip; `packed` is the size of the file.
pub(super) fn read_packed(
    file: BufReader<File>,
    packed: u64,
    reading: &mut Reading<'_>,
) -> Result<(), SourceError> {
    let limits = reading.limits.clone();
    read(Bounded { stream: MultiGzDecoder::new(file), packed, unpacked: 0, limits }, reading)
}

/// Sends the files of a tar in their order.
pub(super) fn read(stream: impl Read, reading: &mut Reading<'_>) -> Result<(), SourceError> {
    let mut archive = Archive::new(stream);
    let broken = |reading: &Reading<'_>, error: io::Error| reading.broken(format!("is broken: {error}"));
    let entries = archive.entries().map_err(|error| broken(reading, error))?.raw(true);
    let mut long_name = None;
    let mut headers = 0_usize;
    for entry in entries {
        let mut entry = entry.map_err(|error| broken(reading, error))?;
        headers += 1;
        if headers > reading.limits.documents.saturating_mul(4) {
            return Err(SourceError::TooMany { limit: reading.limits.documents });
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => long_name = Some(gnu_name(&mut entry, reading)?),
            EntryType::XHeader => long_name = pax_name(&mut entry, reading)?.or(long_name),
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            kind => {
                let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
                read_entry(kind, &name, entry, reading)?;
            }
        }
    }
    Ok(())
}

fn read_entry(
    kind: EntryType,
    name: &[u8],
    entry: Entry<'_, impl Read>,
    reading: &mut Reading<'_>,
) -> Result<(), SourceError> {
    let shown = String::from_utf8_lossy(name).into_owned();
    match kind {
        EntryType::Directory => return Ok(()),
        // Old tars write folders as files whose name ends in a slash.
        EntryType::Regular | EntryType::Continuous if shown.ends_with('/') => return Ok(()),
        EntryType::Regular | EntryType::Continuous => {}
        _ => return reading.refuse(&shown, "is a link, device or other thing, not a file"),
    }
    if std::str::from_utf8(name).is_err() {
        return reading.refuse(&shown, "has a name that is not UTF-8");
    }
    let Some(path) = reading.admit(&shown)? else { return Ok(()) };
    let modified = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
    let modified = modified.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let length = entry.header().entry_size().unwrap_or_default();
    // A tar entry is as long packed as unpacked; gzip around it is bounded as a whole.
    reading.unpack(&shown, path, Exact { stream: entry, missing: length }, length, modified)
}

fn gnu_name(entry: &mut Entry<'_, impl Read>, reading: &Reading<'_>) -> Result<Vec<u8>, SourceError> {
    let name =
        read_limited(entry, NAME_BYTES as u64 + 1).map_err(|error| reading.broken(error.to_string()))?;
    let mut name = name.ok_or_else(|| reading.broken("has a name that is too long"))?;
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

fn pax_name(entry: &mut Entry<'_, impl Read>, reading: &Reading<'_>) -> Result<Option<Vec<u8>>, SourceError> {
    let block = read_limited(entry, PAX_BYTES).map_err(|error| reading.broken(error.to_string()))?;
    let block = block.ok_or_else(|| reading.broken("has extended headers that are too long"))?;
    let mut name = None;
    for record in PaxExtensions::new(&block) {
        let record =
            record.map_err(|error| reading.broken(format!("has broken extended headers: {error}")))?;
        match record.key_bytes() {
            b"path" => name = Some(record.value_bytes().to_vec()),
            // The tar crate, told to be raw, does not look at it, and would take content for headers.
            b"size" => return Err(reading.broken("has a file of more than 8 GiB")),
            _ => {}
        }
    }
    Ok(name)
}

/// The content of an entry, which is an error when the archive ends before it does.
struct Exact<R> {
    stream: R,
    missing: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.missing = self.missing.saturating_sub(length as u64);
        if length == 0 && self.missing > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle of it"));
        }
        Ok(length)
    }
}

/// A stream that fails when it unpacks to more than it may, skipped entries and all.
struct Bounded<R> {
    stream: R,
    packed: u64,
    unpacked: u64,
    limits: Limits,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(length as u64);
        if self.unpacked > self.limits.archive_bytes {
            return Err(io::Error::other(format!(
                "it unpacks to more than {}",
                size(self.limits.archive_bytes)
            )));
        }
        let most = self.packed.saturating_mul(self.limits.archive_ratio);
        if self.unpacked > RATIO_AFTER && self.unpacked > most {
            let ratio = self.limits.archive_ratio;
            return Err(io::Error::other(format!("it grows more than {ratio} times when unpacked")));
        }
        Ok(length)
    }
}
