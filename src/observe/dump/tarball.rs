//! The files of a tar, packed with gzip or not. Nothing is unpacked to disk, and nothing that the archive says about itself is
//! believed: names only say what a file is, sizes are counted while reading.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::place::{Place, place};
use super::reading::Reading;
use super::{DumpError, DumpLimits};

/// Unpacked bytes before the ratio counts.
const RATIO_AFTER: u64 = 16 << 20;

/// Most that gzip may grow: real dumps, which repeat themselves a lot, reach some 40.
const RATIO: u64 = 200;

/// Longest name, bytes.
const NAME: usize = 1024;

/// Reads the archive's files in their order. What comes after a defect is lost, and a gap says so.
pub(super) fn read(
    path: &Path,
    packed: u64,
    limits: &DumpLimits,
    reading: &mut Reading<'_>,
) -> Result<(), DumpError> {
    let unreadable = |error| DumpError::Unreadable { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = Vec::with_capacity(262);
    (&mut file).take(262).read_to_end(&mut start).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let file = BufReader::new(file);
    let bounded = |stream, most| Bounded { stream, left: most, most };
    let ended = if start.starts_with(&[0x1f, 0x8b]) {
        let grown = packed.saturating_mul(RATIO).max(RATIO_AFTER).min(limits.total_bytes);
        entries(bounded(Box::new(MultiGzDecoder::new(file)) as Box<dyn Read>, grown), limits, reading)
    } else if start.get(257..262) == Some(b"ustar") {
        entries(bounded(Box::new(file) as Box<dyn Read>, limits.total_bytes), limits, reading)
    } else {
        return Err(DumpError::NotADump(path.to_owned()));
    };
    if let Err(error) = ended {
        reading.gap("dump", format!("the archive is broken, what follows is lost: {error}"));
    }
    Ok(())
}

fn entries(stream: impl Read, limits: &DumpLimits, reading: &mut Reading<'_>) -> io::Result<()> {
    let mut archive = Archive::new(stream);
    // Raw: the tar crate reads long names whole into memory however long they say they are.
    let mut long_name = None;
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        let mut entry = entry?;
        if count >= limits.files.saturating_mul(2) {
            return Err(io::Error::other(format!("it has more than {} files", limits.files)));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => long_name = Some(gnu_name(&mut entry)?),
            EntryType::XHeader => long_name = pax_name(&mut entry)?.or(long_name),
            EntryType::Regular | EntryType::Continuous => {
                let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
                take(&String::from_utf8_lossy(&name), entry, limits, reading)?;
            }
            // Folders, links and devices.
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            _ => long_name = None,
        }
    }
    Ok(())
}

/// Takes in one file. Its name never becomes a path on disk; one that climbs is a sign of ill will all the same.
fn take(
    name: &str,
    entry: Entry<'_, impl Read>,
    limits: &DumpLimits,
    reading: &mut Reading<'_>,
) -> io::Result<()> {
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.starts_with('/') || name.split('/').any(|part| part == "..") {
        reading.gap("dump", format!("{name:?} was left out: it points outside the archive"));
        return Ok(());
    }
    let place = place(name);
    let is_log = matches!(place, Place::Log { .. });
    if place == Place::Other || name.ends_with('/') {
        reading.passed_over();
        return Ok(());
    }
    let length = entry.header().entry_size().unwrap_or_default();
    if length > limits.file_bytes && !is_log {
        reading.too_large(name, &place, limits.file_bytes);
        return Ok(());
    }
    let wanted = if is_log { length.min(limits.log_bytes as u64) } else { length };
    let mut stream = entry.take(length);
    io::copy(&mut (&mut stream).take(length - wanted), &mut io::sink())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let torn = (bytes.len() as u64) < wanted;
    reading.file(name, &place, bytes, wanted < length);
    if torn {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ends in the middle of {name}")));
    }
    Ok(())
}

fn gnu_name(entry: &mut Entry<'_, impl Read>) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    entry.take(NAME as u64 + 1).read_to_end(&mut name)?;
    if name.len() > NAME {
        return Err(io::Error::other("it has a name that is too long"));
    }
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

fn pax_name(entry: &mut Entry<'_, impl Read>) -> io::Result<Option<Vec<u8>>> {
    let mut block = Vec::new();
    entry.take(1 << 16).read_to_end(&mut block)?;
    let mut name = None;
    for record in tar::PaxExtensions::new(&block) {
        let record = record?;
        match record.key_bytes() {
            b"path" => name = Some(record.value_bytes().iter().copied().take(NAME).collect()),
            // The tar crate, told to be raw, does not look at it, and would take content for headers.
            b"size" => return Err(io::Error::other("it has a file of more than 8 GiB")),
            _ => {}
        }
    }
    Ok(name)
}

/// A stream that fails when it gives more than it may.
struct Bounded<R> {
    stream: R,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.left = self
            .left
            .checked_sub(length as u64)
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {} MiB", self.most >> 20)))?;
        Ok(length)
    }
}
