//! From a folder that somebody collected to a [`Snapshot`]: `kubectl get … -o json|yaml` files, `kubectl cluster-info dump`,
//! a must-gather style tree, or a tar of these.
//!
//! `write` goes the other way. `files` hands over what lies in the folder, `place` says what a file is by its path, `documents` cuts text into objects,
//! `objects` puts them where they belong, `recorded` and `alerts` read the parts beside them, `reading` takes them in and `assembling` makes a Snapshot of it
//! all. Whatever cannot be read is a gap; only a folder that cannot be opened at all is an error.

mod alerts;
mod assembling;
mod documents;
mod events;
mod files;
mod gathered;
mod mend;
mod notes;
mod objects;
mod place;
mod reading;
mod recorded;
mod tarball;
#[cfg(test)]
mod tests;
mod times;
mod write;
mod yaml;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(super) use alerts::firing;
pub use write::{may_be_written, write_dump};

use super::Snapshot;
use crate::incident::ObjectRef;

/// What of a dump is of interest, and when it is read.
#[derive(Debug, Clone)]
pub struct DumpRequest {
    /// What the cluster is called in the Snapshot.
    pub cluster: String,
    /// The namespace of interest; `None`: all that were collected.
    pub namespace: Option<String>,
    /// The workload of interest.
    pub workload: Option<ObjectRef>,
    /// The present: times after it are a wrong clock's.
    pub now: Timestamp,
}

/// How much of a dump is read.
#[derive(Debug, Clone)]
pub struct DumpLimits {
    /// Most files and folders.
    pub files: usize,
    /// Largest file of objects, bytes.
    pub file_bytes: u64,
    /// Most bytes of all files together, after unpacking.
    pub total_bytes: u64,
    /// How much of the end of each log is kept, bytes.
    pub log_bytes: usize,
    /// Most bytes of all logs together.
    pub all_log_bytes: usize,
    /// Most objects.
    pub objects: usize,
}

impl Default for DumpLimits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            files: 200_000,
            file_bytes: 512 * MIB as u64,
            total_bytes: 2048 * MIB as u64,
            log_bytes: MIB,
            all_log_bytes: 256 * MIB,
            objects: 1_000_000,
        }
    }
}

/// Why a dump cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The folder or file cannot be opened.
    #[error("{path} cannot be opened")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file that is no archive.
    #[error("{0} is neither a folder nor a tar or tar.gz file")]
    NotADump(PathBuf),
    /// Nothing that it holds could be used.
    #[error("{path} holds no Kubernetes objects: collect with `kubectl get pods,events,… -A -o json`{first}")]
    Empty {
        /// Which.
        path: PathBuf,
        /// The first thing that could not be read, or nothing.
        first: String,
    },
}

/// Reads a folder or a tar of it. Blocks: it reads files.
///
/// # Errors
/// [`DumpError`] when there is no such folder, or nothing in it is an object of Kubernetes. Everything else that cannot be
/// read is a gap of the Snapshot.
pub fn read_dump(path: &Path, request: &DumpRequest, limits: &DumpLimits) -> Result<Snapshot, DumpError> {
    let mut reading = reading::Reading::new(limits);
    files::walk(path, limits, &mut reading)?;
    reading.into_snapshot(path, request)
}
