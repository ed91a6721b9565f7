//! The files of a git repository at one commit, from a clone on this machine or over https.
//!
//! Reads what is committed, never the work tree. No program is started, no configuration of the user is read, and
//! nobody is asked for a password.

use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;
use gix::{Commit, ObjectId, Repository};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::archive::entry_name;
use super::files::{raw, too_large};
use super::location::Place;
use super::outlet::Outlet;
use super::{SourceError, SourceRead, joined};
use crate::Limits;

mod remote;

/// Largest listing of one folder, bytes.
const TREE_BYTES: u64 = 16 << 20;
/// Deepest folder.
const DEPTH: usize = 64;
/// Entries looked at for each document allowed: made-up trees can have more entries than there are atoms.
const ENTRIES_PER_DOCUMENT: usize = 4;

/// Reads all files at the reference; the version is the commit's id.
pub(super) async fn read(
    place: &Place,
    reference: Option<&str>,
    limits: &Limits,
    mut outlet: Outlet,
) -> Result<SourceRead, SourceError> {
    let limits = limits.clone();
    let (folder, url, wanted, cloned) = match place {
        Place::Local(path) => (path.clone(), path.display().to_string(), reference.map(Into::into), None),
        Place::Remote(url) => {
            let folder = remote::clone(url.as_str(), reference, &limits, &outlet).await?;
            // The clone's HEAD is the reference.
            (folder.path().to_owned(), url.to_string(), None, Some(folder))
        }
    };
    joined(
        spawn_blocking(move || {
            let _kept_until_read = cloned;
            read_clone(&folder, &url, wanted, &limits, &mut outlet)
        })
        .await,
    )
}

fn read_clone(
    folder: &Path,
    url: &str,
    reference: Option<String>,
    limits: &Limits,
    outlet: &mut Outlet,
) -> Result<SourceRead, SourceError> {
    let repository = gix::open_opts(folder, gix::open::Options::isolated())
        .map_err(|error| failed(url, "is not the root of a git clone", error))?;
    let commit = commit_of(&repository, reference.as_deref()).map_err(|error| {
        let reason = match &reference {
            Some(name) => format!("has no branch, tag or full commit id {name}"),
            None => "has no commit at HEAD".into(),
        };
        failed(url, &reason, error)
    })?;
    let id = commit.id.to_string();
    let short: String = id.chars().take(10).collect();
    let time = commit.time().ok().and_then(|time| Timestamp::from_second(time.seconds).ok());
    let root = commit.tree_id().map_err(|error| failed(url, "has a broken commit", error))?.detach();
    Tree { repository: &repository, prefix: format!("{url}@{short}:"), time, limits }.send(root, outlet)?;
    Ok(SourceRead { version: Some(id) })
}

fn commit_of<'repo>(repository: &'repo Repository, reference: Option<&str>) -> gix::Result<Commit<'repo>> {
    let Some(name) = reference else { return repository.head_commit() };
    match ObjectId::from_hex(name.as_bytes()) {
        Ok(id) => repository.find_object(id)?.peel_to_commit(),
        Err(_) => repository.find_reference(name)?.peel_to_commit(),
    }
}

/// An error that git said something about.
fn failed(
    url: &str,
    reason: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SourceError {
    let error = error.into();
    SourceError::Git { url: url.to_owned(), reason: format!("{reason} ({error})"), error: Some(error) }
}

/// The files of one commit.
struct Tree<'repo> {
    repository: &'repo Repository,
    prefix: String,
    time: Option<Timestamp>,
    limits: &'repo Limits,
}

struct Entry {
    path: String,
    kind: EntryKind,
    id: ObjectId,
}

impl Tree<'_> {
    fn send(&self, root: ObjectId, outlet: &mut Outlet) -> Result<(), SourceError> {
        let most = self.limits.documents.saturating_mul(ENTRIES_PER_DOCUMENT).saturating_add(DEPTH);
        let mut seen = 0_usize;
        let mut waiting = vec![Entry { path: String::new(), kind: EntryKind::Tree, id: root }];
        while let Some(entry) = waiting.pop() {
            if !outlet.is_open() {
                return Err(SourceError::Stopped);
            }
            if entry.kind != EntryKind::Tree {
                self.send_file(entry, outlet)?;
                continue;
            }
            let mut children = self.children(&entry).map_err(|reason| SourceError::Git {
                url: format!("{}{}", self.prefix, entry.path),
                reason: format!("the folder {reason}"),
                error: None,
            })?;
            seen = seen.saturating_add(children.len());
            if seen > most {
                return Err(SourceError::TooMany { limit: self.limits.documents });
            }
            children.reverse();
            waiting.append(&mut children);
        }
        Ok(())
    }

    fn send_file(&self, entry: Entry, outlet: &mut Outlet) -> Result<(), SourceError> {
        if !outlet.wants(&entry.path) {
            return Ok(());
        }
        let uri = format!("{}{}", self.prefix, entry.path);
        let content = match entry.kind {
            EntryKind::Link => Err("is a symbolic link; the file that it names is read itself".into()),
            EntryKind::Commit => Err("is a submodule; name it as a source of its own".into()),
            _ => self.blob(entry.id),
        };
        match content {
            Ok(bytes) => outlet.document(raw(entry.path, uri, bytes, self.time)),
            Err(reason) => outlet.refuse(uri, reason),
        }
    }

    /// The visible entries of a folder, in git's order.
    fn children(&self, parent: &Entry) -> Result<Vec<Entry>, String> {
        if parent.path.split('/').count() > DEPTH {
            return Err(format!("is more than {DEPTH} folders deep"));
        }
        self.check_size(parent.id, TREE_BYTES)?;
        let tree = self.repository.find_object(parent.id).and_then(gix::Object::try_into_tree);
        let tree = tree.map_err(|error| format!("cannot be read: {error}"))?;
        let mut children = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| format!("cannot be read: {error}"))?;
            let name = entry.filename().to_str_lossy();
            if name.starts_with('.') || entry_name(&name).is_err() {
                continue;
            }
            let path = match parent.path.as_str() {
                "" => name.into_owned(),
                folder => format!("{folder}/{name}"),
            };
            children.push(Entry { path, kind: entry.kind(), id: entry.object_id() });
        }
        Ok(children)
    }

    fn blob(&self, id: ObjectId) -> Result<Vec<u8>, String> {
        self.check_size(id, self.limits.document_bytes)?;
        let blob = self.repository.find_object(id).and_then(gix::Object::try_into_blob);
        Ok(blob.map_err(|error| format!("cannot be read: {error}"))?.take_data())
    }

    fn check_size(&self, id: ObjectId, limit: u64) -> Result<(), String> {
        let header = self.repository.find_header(id).map_err(|error| format!("cannot be read: {error}"))?;
        if header.size() > limit { Err(too_large(self.limits)) } else { Ok(()) }
    }
}

/// The sum of the sizes of the files in a folder; what cannot be read counts nothing.
fn folder_size(folder: PathBuf) -> u64 {
    let mut sum = 0;
    let mut waiting = vec![folder];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => waiting.push(entry.path()),
                Ok(metadata) => sum += metadata.len(),
                Err(_) => {}
            }
        }
    }
    sum
}
