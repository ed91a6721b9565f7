//! Where documents come from: files, the web, git, archives, and the runbooks in the program.
//!
//! Owns the reading of bytes within limits, and what is refused on the way. Does not look into them: parsing is
//! `format`'s, and what is new, changed or gone is the pipeline's. Read `location` first, then one file per kind.

mod address;
mod archive;
mod builtin;
mod files;
mod git;
mod location;
mod manifest;
mod outlet;
mod robots;
mod sitemap;
mod watch;
mod web;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::task::JoinError;

pub use location::{Location, LocationError, Place};
pub use manifest::{Manifest, ManifestError};
pub use watch::{Watch, watch};
pub use web::WebError;
#[cfg(feature = "vectors")]
pub(crate) use web::install_crypto_provider;

use crate::{Attributes, Found, Limits, Validators};
use outlet::Outlet;

/// What the last version of a source knew, by document path: for conditional requests.
pub type Known = BTreeMap<String, Validators>;

/// One source as a manifest or a command line names it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// Unique among all sources; versions are kept under it.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// What holds for each of its documents that does not say otherwise itself.
    pub attributes: Attributes,
    /// Globs over document paths (`node/**/*.md`); empty takes all. `*` does not cross `/`.
    pub include: Vec<String>,
    /// Globs over document paths that are left out; stronger than `include`.
    pub exclude: Vec<String>,
}

impl SourceSpec {
    /// All documents of a place, nothing said about them.
    #[must_use]
    pub fn new(name: impl Into<String>, location: Location) -> Self {
        Self {
            name: name.into(),
            location,
            attributes: Attributes::default(),
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }

    /// The source that a command line argument means, named like the argument.
    ///
    /// # Errors
    /// As [`Location::parse`].
    pub fn from_argument(text: &str) -> Result<Self, LocationError> {
        Ok(Self::new(text.trim(), Location::parse(text)?))
    }
}

/// What is known of a source after all of it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRead {
    /// The git commit, or the SHA-256 of an archive or of the runbooks in the program; `None` where there is no such
    /// thing.
    pub version: Option<String>,
}

/// Why a source as a whole could not be read. Its last version stays.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder cannot be opened.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A glob, sitemap or archive brings nothing at all.
    #[error("{what}; the last version stays. Remove the source if that is meant")]
    Nothing {
        /// What was looked at, as a sentence.
        what: String,
    },
    /// More than [`Limits::documents`].
    #[error("more than {limit} documents; narrow the source with include and exclude, or split it")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// An include or exclude pattern is not a glob.
    #[error("`{pattern}` is not a glob: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        error: globset::Error,
    },
    /// The web did not answer, or not usefully.
    #[error("{url}: {error}")]
    Web {
        /// What was asked for.
        url: String,
        /// Why it did not work.
        #[source]
        error: WebError,
    },
    /// A git repository cannot be cloned or read.
    #[error("git {url}: {reason}")]
    Git {
        /// The URL or path, without credentials.
        url: String,
        /// What is wrong and what to do.
        reason: String,
        /// What git said.
        #[source]
        error: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// An archive is broken, or made to do harm.
    #[error("archive {archive}: {reason}")]
    Archive {
        /// Which.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A reader panicked on what it was given.
    #[error("reading stopped with an internal error: {reason}")]
    Broken {
        /// What it said.
        reason: String,
    },
    /// Nobody wants the documents any more.
    #[error("reading was stopped")]
    Stopped,
}

/// Reads a source and sends what it comes upon, in an order that depends on the source only. A slow receiver slows
/// the reading; a dropped one stops it. What `known` says about a document makes web requests conditional.
///
/// # Errors
/// When the source as a whole could not be read: then what was sent before is not the whole, and the version that
/// there was should stay. A single bad document is a [`Found::Refused`] and no error.
pub async fn read(
    spec: &SourceSpec,
    limits: &Limits,
    known: &Known,
    found: mpsc::Sender<Found>,
) -> Result<SourceRead, SourceError> {
    let outlet = Outlet::new(spec, limits, found)?;
    match &spec.location {
        Location::File(path) => files::read_file(path.clone(), limits.clone(), outlet).await,
        Location::Folder(path) => files::read_folder(path.clone(), limits.clone(), outlet).await,
        Location::Glob { base, pattern } => {
            files::read_glob(base.clone(), pattern.clone(), limits.clone(), outlet).await
        }
        Location::Stdin { name } => files::read_stdin(name.clone(), limits.clone(), outlet).await,
        Location::Url(url) => web::read_page(url, limits, known, outlet).await,
        Location::Sitemap(url) => sitemap::read(url, limits, known, outlet).await,
        Location::Git { place, reference } => git::read(place, reference.as_deref(), limits, outlet).await,
        Location::Archive(place) => archive::read(place, limits, outlet).await,
        Location::BuiltIn => builtin::read(outlet).await,
    }
}

/// The result of blocking work; a panic in it becomes an error.
fn joined<T>(result: Result<Result<T, SourceError>, JoinError>) -> Result<T, SourceError> {
    match result {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(SourceError::Broken { reason: panic_text(error.into_panic()) }),
        Err(_) => Err(SourceError::Stopped),
    }
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            payload.downcast::<&str>().map_or_else(|_| "no reason given".into(), |text| (*text).into())
        }
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod git_server;
#[cfg(test)]
mod git_tests;
#[cfg(test)]
mod manifest_tests;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod sitemap_tests;
#[cfg(test)]
mod web_tests;
