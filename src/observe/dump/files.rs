//! Handing over the files of a folder or a tar, one after the other, within limits. Links are not followed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::place::{Place, place};
use super::reading::Reading;
use super::{DumpError, DumpLimits, tarball};

/// Deepest folder that is looked into.
const DEPTH: usize = 24;

/// Reads all files below `path`, or in it where it is a tar.
pub(super) fn walk(path: &Path, limits: &DumpLimits, reading: &mut Reading<'_>) -> Result<(), DumpError> {
    let unreadable = |error| DumpError::Unreadable { path: path.to_owned(), error };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() {
        return tarball::read(path, metadata.len(), limits, reading);
    }
    fs::read_dir(path).map_err(unreadable)?;
    let mut left = Budget { files: limits.files, bytes: limits.total_bytes };
    folder(path, "", DEPTH, &mut left, limits, reading);
    Ok(())
}

/// What may still be read.
struct Budget {
    files: usize,
    bytes: u64,
}

/// Reads one folder, in the order of the names.
fn folder(
    path: &Path,
    within: &str,
    depth: usize,
    left: &mut Budget,
    limits: &DumpLimits,
    reading: &mut Reading<'_>,
) {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return reading.gap("dump", format!("the folder {within} cannot be read: {error}")),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let inner = if within.is_empty() { name.to_owned() } else { format!("{within}/{name}") };
        if left.files == 0 {
            return reading
                .gap("dump", format!("there are more than {} files; the rest was left out", limits.files));
        }
        left.files -= 1;
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() && depth > 0 {
            folder(&path, &inner, depth - 1, left, limits, reading);
        } else if metadata.is_file() {
            file(&path, &inner, metadata.len(), left, limits, reading);
        }
    }
}

fn file(
    path: &Path,
    inner: &str,
    length: u64,
    left: &mut Budget,
    limits: &DumpLimits,
    reading: &mut Reading<'_>,
) {
    let place = place(inner);
    let is_log = matches!(place, Place::Log { .. });
    if place == Place::Other {
        return reading.passed_over();
    }
    if length > limits.file_bytes && !is_log {
        return reading.too_large(inner, &place, limits.file_bytes);
    }
    let wanted = if is_log { length.min(limits.log_bytes as u64) } else { length };
    if wanted > left.bytes {
        return reading.too_large(inner, &place, limits.total_bytes);
    }
    left.bytes -= wanted;
    match tail(path, length - wanted, wanted) {
        Ok(bytes) => reading.file(inner, &place, bytes, wanted < length),
        Err(error) => reading.gap("dump", format!("{inner} cannot be read: {error}")),
    }
}

/// The bytes from `skipped` on, at most `wanted`: the file may grow meanwhile.
fn tail(path: &Path, skipped: u64, wanted: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if skipped > 0 {
        file.seek(SeekFrom::Start(skipped))?;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
    file.take(wanted).read_to_end(&mut bytes)?;
    Ok(bytes)
}
