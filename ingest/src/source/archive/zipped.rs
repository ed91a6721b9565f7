//! Zip archives.

use std::fs::File;
use std::io::BufReader;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zip::ZipArchive;

use super::Reading;
use crate::source::SourceError;

/// Sends the files of a zip in the order of its directory.
pub(super) fn read(file: BufReader<File>, reading: &mut Reading<'_>) -> Result<(), SourceError> {
    let broken =
        |reading: &Reading<'_>, error: zip::result::ZipError| reading.broken(format!("is broken: {error}"));
    let mut archive = ZipArchive::new(file).map_err(|error| broken(reading, error))?;
    if archive.len() > reading.limits.documents {
        return Err(SourceError::TooMany { limit: reading.limits.documents });
    }
    if archive.has_duplicate_names() {
        return Err(reading.broken("has two entries of the same name, which readers take differently"));
    }
    // Overlapping entries let a small archive unpack to a huge one, each entry with an innocent ratio.
    if archive.has_overlapping_entries().map_err(|error| broken(reading, error))? {
        return Err(reading.broken("has entries that overlap"));
    }
    for index in 0..archive.len() {
        read_entry(&mut archive, index, reading)?;
    }
    Ok(())
}

fn read_entry(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    reading: &mut Reading<'_>,
) -> Result<(), SourceError> {
    let numbered = format!("entry {}", index + 1);
    let entry = match archive.by_index_data(index) {
        Ok(entry) => entry,
        Err(error) => return reading.refuse(&numbered, format!("cannot be unpacked: {error}")),
    };
    let Ok(name) = entry.name().map(|name| name.into_owned()) else {
        return reading.refuse(&numbered, "has a name that cannot be read");
    };
    if entry.is_dir() {
        return Ok(());
    }
    if !entry.is_file() || entry.is_symlink() || entry.unix_mode().is_some_and(is_special) {
        return reading.refuse(&name, "is a link or device, not a file");
    }
    let (encrypted, packed, modified) = (entry.encrypted(), entry.compressed_size(), entry.last_modified());
    let Some(path) = reading.admit(&name)? else { return Ok(()) };
    if encrypted {
        return reading.refuse(&name, "is encrypted");
    }
    match archive.by_index(index) {
        Ok(file) => reading.unpack(&name, path, file, packed, modified.and_then(timestamp)),
        Err(error) => reading.refuse(&name, format!("cannot be unpacked: {error}")),
    }
}

/// Whether a Unix mode says that an entry is neither a file nor a folder.
fn is_special(mode: u32) -> bool {
    !matches!(mode & 0o170_000, 0 | 0o100_000 | 0o040_000)
}

/// The time of an entry; zip knows no time zones, so it is taken as UTC.
fn timestamp(time: zip::DateTime) -> Option<Timestamp> {
    let [month, day, hour, minute, second] =
        [time.month(), time.day(), time.hour(), time.minute(), time.second()]
            .map(|part| i8::try_from(part).ok());
    let year = i16::try_from(time.year()).ok()?;
    let civil = jiff::civil::DateTime::new(year, month?, day?, hour?, minute?, second?, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}
