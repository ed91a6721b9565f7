//! Files on this machine: one, a folder of them, those that a glob names, and what is piped in.
//!
//! Nothing outside the named folder is read, whatever symbolic links say; devices and pipes are never opened.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use globset::GlobSet;
use ignore::{DirEntry, WalkBuilder};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::outlet::{Outlet, globs};
use super::{SourceError, SourceRead, joined, size};
use crate::{Limits, RawDocument, Validators};

/// Deepest folder below the named one.
const DEPTH: usize = 64;

/// Reads one file; its path as a document is its name.
pub(super) async fn read_file(
    path: PathBuf,
    limits: Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    joined(
        spawn_blocking(move || {
            fs::metadata(&path).map_err(|error| SourceError::Unreadable { path: path.clone(), error })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            offer(&path, name, &limits, &mut outlet)?;
            Ok(SourceRead::default())
        })
        .await,
    )
}

/// Reads all files of a folder in the order of their names.
pub(super) async fn read_folder(
    root: PathBuf,
    limits: Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    joined(
        spawn_blocking(move || {
            walk(&root, None, &limits, &mut outlet)?;
            Ok(SourceRead::default())
        })
        .await,
    )
}

/// Reads the files below `base` that match.
pub(super) async fn read_glob(
    base: PathBuf,
    pattern: String,
    limits: Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let matching = globs(std::slice::from_ref(&pattern))?;
    joined(
        spawn_blocking(move || {
            walk(&base, Some(&matching), &limits, &mut outlet)?;
            if outlet.taken() == 0 {
                let what = format!("no file matches {}", base.join(pattern).display());
                return Err(SourceError::Nothing { what });
            }
            Ok(SourceRead::default())
        })
        .await,
    )
}

/// Reads standard input to its end.
pub(super) async fn read_stdin(
    name: Option<String>,
    limits: Limits,
    outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    joined(spawn_blocking(move || read_stream(io::stdin().lock(), name, &limits, outlet)).await)
}

/// One document from a stream; a stream beyond the limit is refused.
pub(super) fn read_stream(
    stream: impl Read,
    name: Option<String>,
    limits: &Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let path = name.unwrap_or_else(|| "stdin.md".into());
    match read_limited(stream, limits.document_bytes) {
        Ok(Some(bytes)) => outlet.document(raw(path, "stdin".into(), bytes, None))?,
        Ok(None) => outlet.refuse("stdin", too_large(limits))?,
        Err(error) => return Err(SourceError::Unreadable { path: "stdin".into(), error }),
    }
    Ok(SourceRead::default())
}

fn walk(
    root: &Path,
    matching: Option<&GlobSet>,
    limits: &Limits,
    outlet: &mut Outlet,
) -> Result<(), SourceError> {
    let unreadable = |error| SourceError::Unreadable { path: root.to_owned(), error };
    let inside = fs::canonicalize(root).map_err(unreadable)?;
    fs::read_dir(&inside).map_err(unreadable)?;
    let (escapes, escaped) = mpsc::channel();
    let mut builder = WalkBuilder::new(root);
    builder.sort_by_file_name(Ord::cmp).follow_links(true).max_depth(Some(DEPTH));
    builder.parents(false).git_global(false).git_exclude(false).require_git(false);
    builder.filter_entry(move |entry| stays_inside(entry, &inside, &escapes));
    for entry in builder.build() {
        if !outlet.is_open() {
            return Err(SourceError::Stopped);
        }
        match entry {
            Ok(entry) => take(&entry, root, matching, limits, outlet)?,
            Err(error) => outlet.refuse(root.display().to_string(), format!("cannot be read: {error}"))?,
        }
        for path in escaped.try_iter() {
            outlet.refuse(path.display().to_string(), "is a symbolic link that leads out of the folder")?;
        }
    }
    for path in escaped.try_iter() {
        outlet.refuse(path.display().to_string(), "is a symbolic link that leads out of the folder")?;
    }
    Ok(())
}

/// Whether an entry is still in the folder once its links are followed. Mounted ConfigMaps are full of links that stay.
fn stays_inside(entry: &DirEntry, inside: &Path, escapes: &mpsc::Sender<PathBuf>) -> bool {
    if entry.depth() == 0 || !entry.path_is_symlink() {
        return true;
    }
    let stays = fs::canonicalize(entry.path()).is_ok_and(|target| target.starts_with(inside));
    if !stays {
        let _ = escapes.send(entry.path().to_owned());
    }
    stays
}

fn take(
    entry: &DirEntry,
    root: &Path,
    matching: Option<&GlobSet>,
    limits: &Limits,
    outlet: &mut Outlet,
) -> Result<(), SourceError> {
    if entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return Ok(());
    }
    let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let Some(path) = relative.to_str() else {
        return outlet.refuse(entry.path().display().to_string(), "has a name that is not UTF-8; rename it");
    };
    let path = path.replace(std::path::MAIN_SEPARATOR, "/");
    if matching.is_some_and(|globs| !globs.is_match(&path)) || !outlet.wants(&path) {
        return Ok(());
    }
    offer(entry.path(), path, limits, outlet)
}

/// Sends a file's content, or why it cannot be had.
fn offer(file: &Path, path: String, limits: &Limits, outlet: &mut Outlet) -> Result<(), SourceError> {
    let uri = file.display().to_string();
    match content(file, limits) {
        Ok((bytes, modified)) => outlet.document(raw(path, uri, bytes, modified)),
        Err(reason) => outlet.refuse(uri, reason),
    }
}

fn content(file: &Path, limits: &Limits) -> Result<(Vec<u8>, Option<Timestamp>), String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // Asked before opening: opening a pipe waits for its writer.
    let metadata = fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    if metadata.len() > limits.document_bytes {
        return Err(too_large(limits));
    }
    let opened = File::open(file).map_err(unreadable)?;
    let bytes = read_limited(opened, limits.document_bytes).map_err(unreadable)?;
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Ok((bytes.ok_or_else(|| too_large(limits))?, modified))
}

/// All of a stream, or `None` when it is longer than the limit.
pub(super) fn read_limited(stream: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    stream.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(if bytes.len() as u64 > limit { None } else { Some(bytes) })
}

/// The reason for refusing a document that is too large.
pub(super) fn too_large(limits: &Limits) -> String {
    format!("is larger than {}; split it, or raise the limit for documents", size(limits.document_bytes))
}

/// A document of which no server said anything.
pub(super) fn raw(path: String, uri: String, bytes: Vec<u8>, modified: Option<Timestamp>) -> RawDocument {
    RawDocument { path, uri, bytes, media_type: None, modified, validators: Validators::default() }
}
