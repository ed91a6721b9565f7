//! Files inside a zip or tar. Nothing is unpacked to disk, and nothing that an archive says about itself is believed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::files::raw;
use super::location::Place;
use super::outlet::Outlet;
use super::web::Web;
use super::{SourceError, SourceRead, joined, size};
use crate::{Limits, Validators};

mod tarball;
mod zipped;

/// Longest name of an entry, bytes.
const NAME_BYTES: usize = 1024;
/// Unpacked bytes of one entry before its ratio counts.
const RATIO_AFTER: u64 = 1 << 20;

/// Reads all files of an archive; the version is the archive's SHA-256.
pub(super) async fn read(
    place: &Place,
    limits: &Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let (file, uri) = match place {
        Place::Local(path) => (open(path, limits)?, path.display().to_string()),
        Place::Remote(url) => (download(url, limits).await?, url.to_string()),
    };
    let limits = limits.clone();
    joined(
        spawn_blocking(move || {
            let mut reading =
                Reading { uri, limits, outlet: &mut outlet, unpacked: 0, names: HashSet::new() };
            read_archive(file, &mut reading)
        })
        .await,
    )
}

fn open(path: &Path, limits: &Limits) -> Result<File, SourceError> {
    let unreadable = |error| SourceError::Unreadable { path: path.to_owned(), error };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let refused = |reason: String| SourceError::Archive { archive: path.display().to_string(), reason };
    if !metadata.is_file() {
        return Err(refused("is not a regular file".into()));
    }
    if metadata.len() > limits.archive_bytes {
        return Err(refused(format!("is larger than {}", size(limits.archive_bytes))));
    }
    File::open(path).map_err(unreadable)
}

async fn download(url: &url::Url, limits: &Limits) -> Result<File, SourceError> {
    let failed = |error| SourceError::Web { url: url.to_string(), error };
    let file = tempfile::tempfile()
        .map_err(|error| SourceError::Unreadable { path: std::env::temp_dir(), error })?;
    let writer = file.try_clone().map_err(|error| failed(super::WebError::Keep(error)))?;
    let web = Web::new(limits).map_err(failed)?;
    web.download(url, limits.archive_bytes, tokio::fs::File::from_std(writer)).await.map_err(failed)?;
    Ok(file)
}

fn read_archive(mut file: File, reading: &mut Reading<'_>) -> Result<SourceRead, SourceError> {
    let broken = |uri: &str, error: std::io::Error| SourceError::Archive {
        archive: uri.to_owned(),
        reason: format!("cannot be read: {error}"),
    };
    let version = hash(&mut file).map_err(|error| broken(&reading.uri, error))?;
    let mut start = [0_u8; 262];
    let length = fill(&mut file, &mut start).map_err(|error| broken(&reading.uri, error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| broken(&reading.uri, error))?;
    let start = start.get(..length).unwrap_or_default();
    let packed = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let file = BufReader::new(file);
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        zipped::read(file, reading)?;
    } else if start.starts_with(&[0x1f, 0x8b]) {
        tarball::read_packed(file, packed, reading)?;
    } else if start.get(257..262) == Some(b"ustar") {
        tarball::read(file, reading)?;
    } else {
        return Err(reading.broken("is neither zip nor tar nor tar.gz"));
    }
    Ok(SourceRead { version: Some(version) })
}

fn hash(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    file.seek(SeekFrom::Start(0))?;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hash.update(buffer.get(..length).unwrap_or_default());
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex::encode(hash.finalize()))
}

/// Reads until the buffer is full or the stream ends.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest)? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

/// One archive as it is read: what has come out of it so far.
struct Reading<'outlet> {
    uri: String,
    limits: Limits,
    outlet: &'outlet mut Outlet,
    unpacked: u64,
    names: HashSet<String>,
}

impl Reading<'_> {
    fn broken(&self, reason: impl Into<String>) -> SourceError {
        SourceError::Archive { archive: self.uri.clone(), reason: reason.into() }
    }

    fn refuse(&mut self, name: &str, reason: impl Into<String>) -> Result<(), SourceError> {
        let shown: String =
            name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        self.outlet.refuse(format!("{}!{shown}", self.uri), reason)
    }

    /// The path of a file entry, or `None` when it is refused or not wanted.
    fn admit(&mut self, name: &str) -> Result<Option<String>, SourceError> {
        if !self.outlet.is_open() {
            return Err(SourceError::Stopped);
        }
        let path = match entry_name(name) {
            Ok(path) => path,
            Err(reason) => return self.refuse(name, reason).map(|()| None),
        };
        if self.names.len() > self.limits.documents {
            return Err(SourceError::TooMany { limit: self.limits.documents });
        }
        if !self.names.insert(path.clone()) {
            return self.refuse(name, "stands twice in the archive; the first was taken").map(|()| None);
        }
        if !self.outlet.wants_visible(&path) {
            return Ok(None);
        }
        if is_archive_name(&path) {
            return self.refuse(name, "is an archive in an archive; unpack it first").map(|()| None);
        }
        Ok(Some(path))
    }

    /// Unpacks one entry and sends it. `packed`: how many bytes the entry can have in the archive.
    fn unpack(
        &mut self,
        name: &str,
        path: String,
        mut entry: impl Read,
        packed: u64,
        modified: Option<jiff::Timestamp>,
    ) -> Result<(), SourceError> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return self.refuse(name, format!("cannot be unpacked: {error}")),
            };
            self.count(length as u64)?;
            bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
            let unpacked = bytes.len() as u64;
            if unpacked > self.limits.document_bytes {
                return self.refuse(name, super::files::too_large(&self.limits));
            }
            if unpacked > RATIO_AFTER && unpacked > packed.saturating_mul(self.limits.archive_ratio) {
                let reason = format!("grows more than {} times when unpacked", self.limits.archive_ratio);
                return self.refuse(name, reason);
            }
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x1f, 0x8b]) {
            return self.refuse(name, "is an archive in an archive; unpack it first");
        }
        let uri = format!("{}!{path}", self.uri);
        let mut document = raw(path, uri, bytes, modified);
        document.validators = Validators::default();
        self.outlet.document(document)
    }

    fn count(&mut self, bytes: u64) -> Result<(), SourceError> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        if self.unpacked > self.limits.archive_bytes {
            let limit = size(self.limits.archive_bytes);
            return Err(self.broken(format!("unpacks to more than {limit}")));
        }
        Ok(())
    }
}

/// The path of an entry with `/` between its parts, or why its name is not taken.
pub(super) fn entry_name(name: &str) -> Result<String, &'static str> {
    if name.len() > NAME_BYTES {
        return Err("has a name that is too long");
    }
    if name.contains('\\') {
        return Err("has a backslash in its name");
    }
    if name.chars().any(char::is_control) {
        return Err("has a control character in its name");
    }
    let drive = name.as_bytes().get(1) == Some(&b':') && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if name.starts_with('/') || drive {
        return Err("has an absolute path as its name");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("leads out of the archive with `..`");
    }
    if parts.is_empty() { Err("has no name") } else { Ok(parts.join("/")) }
}

fn is_archive_name(path: &str) -> bool {
    const ENDINGS: [&str; 12] =
        [".zip", ".tar", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar", ".jar"];
    let path = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in [
            "../a",
            "a/../../b",
            "a/..",
            "/etc/passwd",
            "C:/a",
            "c:a",
            "a\\b",
            "..\\a",
            "a\0b",
            "",
            "./",
            "a\nb",
        ] {
            assert!(entry_name(name).is_err(), "{name:?}");
        }
        assert!(entry_name(&"a".repeat(2000)).is_err());
        assert_eq!(entry_name("./a//b/c..md").as_deref(), Ok("a/b/c..md"));
    }
}
