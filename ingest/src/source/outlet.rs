//! The way out of a source: which documents are wanted, how many, and the channel that takes them.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use tokio::sync::mpsc;

use super::{SourceError, SourceSpec};
use crate::{Found, Limits, RawDocument, Refusal};

/// Takes what a source comes upon, within the number of documents that is allowed.
pub(super) struct Outlet {
    found: mpsc::Sender<Found>,
    include: Option<GlobSet>,
    exclude: GlobSet,
    limit: usize,
    taken: usize,
}

impl Outlet {
    pub(super) fn new(
        spec: &SourceSpec,
        limits: &Limits,
        found: mpsc::Sender<Found>,
    ) -> Result<Self, SourceError> {
        let include = if spec.include.is_empty() { None } else { Some(globs(&spec.include)?) };
        Ok(Self { found, include, exclude: globs(&spec.exclude)?, limit: limits.documents, taken: 0 })
    }

    /// Whether `include` and `exclude` let this document through.
    pub(super) fn wants(&self, path: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(path)) && !self.exclude.is_match(path)
    }

    /// As [`Self::wants`], and no part of the path is hidden (`.github/`, `.draft.md`).
    pub(super) fn wants_visible(&self, path: &str) -> bool {
        !path.split('/').any(|part| part.starts_with('.')) && self.wants(path)
    }

    /// Whether anybody still listens.
    pub(super) fn is_open(&self) -> bool {
        !self.found.is_closed()
    }

    /// How many documents have gone out; refusals count, too.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) async fn send(&mut self, found: Found) -> Result<(), SourceError> {
        self.count()?;
        self.found.send(found).await.map_err(|_| SourceError::Stopped)
    }

    /// As [`Self::send`], for blocking threads.
    pub(super) fn push(&mut self, found: Found) -> Result<(), SourceError> {
        self.count()?;
        self.found.blocking_send(found).map_err(|_| SourceError::Stopped)
    }

    pub(super) fn document(&mut self, document: RawDocument) -> Result<(), SourceError> {
        self.push(Found::Document(document))
    }

    pub(super) fn refuse(
        &mut self,
        uri: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<(), SourceError> {
        self.push(refused(uri, reason))
    }

    fn count(&mut self) -> Result<(), SourceError> {
        if self.taken >= self.limit {
            return Err(SourceError::TooMany { limit: self.limit });
        }
        self.taken += 1;
        Ok(())
    }
}

/// A refusal as something found.
pub(super) fn refused(uri: impl Into<String>, reason: impl Into<String>) -> Found {
    Found::Refused(Refusal { uri: uri.into(), reason: reason.into() })
}

/// One matcher for many patterns; `*` does not cross `/`.
pub(super) fn globs(patterns: &[String]) -> Result<GlobSet, SourceError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let invalid = |error| SourceError::Pattern { pattern: pattern.clone(), error };
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(invalid)?);
    }
    set.build().map_err(|error| SourceError::Pattern { pattern: patterns.join(", "), error })
}
