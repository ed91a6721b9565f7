//! Earlier versions: what each did, and bringing one back, whole or one source of it.

use std::collections::BTreeMap;

use super::history::{self, Happened};
use super::{KnowledgeBase, KnowledgeError, SourceReport, blocking};
use crate::Version;

impl KnowledgeBase {
    /// The versions that can be restored, the oldest first, each with what is known about how it came about.
    ///
    /// # Errors
    /// When the truth cannot be read, or this build has none.
    pub async fn versions(&self) -> anyhow::Result<Vec<(Version, Option<Happened>)>> {
        let mut happened: BTreeMap<u64, Happened> =
            history::read(self.folder()).into_iter().map(|happened| (happened.version, happened)).collect();
        let versions = self.inner.backing.versions().await?.into_iter();
        Ok(versions.map(|version| (version.clone(), happened.remove(&version.version))).collect())
    }

    /// Brings an earlier version back, as a new one. Returns the new version's number.
    ///
    /// # Errors
    /// When that version is gone, another process writes, or writing fails.
    pub async fn restore(&self, version: u64) -> anyhow::Result<u64> {
        self.locked(Box::pin(self.restore_alone(version))).await
    }

    async fn restore_alone(&self, version: u64) -> anyhow::Result<u64> {
        self.must_be_kept(version).await?;
        self.level().await?;
        let now = self.hashes(None).await?;
        let (restored, recipe) = self.inner.backing.restore(version).await?;
        self.mirror(restored, &recipe).await?;
        let report = compared("", &now, &self.hashes(None).await?);
        self.note(restored, None, format!("restored version {version}"), &report);
        Ok(restored)
    }

    /// Makes one source what it was in an earlier version, in one commit; the others stay as they are. Returns the new
    /// version's number.
    ///
    /// # Errors
    /// When that version is gone, does not know the source or was made differently, another process writes, or writing
    /// fails.
    pub async fn restore_source(&self, version: u64, source: &str) -> anyhow::Result<u64> {
        self.locked(Box::pin(self.restore_source_alone(version, source))).await
    }

    async fn restore_source_alone(&self, version: u64, source: &str) -> anyhow::Result<u64> {
        self.must_be_kept(version).await?;
        let recipe = self.level().await?;
        if let Some(difference) = self.inner.backing.recipe_at(version).await?.difference(&recipe) {
            return Err(KnowledgeError::Invalid(format!(
                "version {version} cannot be mixed with the knowledge base of today: {difference}. Bring it back whole with \
                 `kubewright knowledge restore {version}`, or read {source} anew with `kubewright ingest`"
            ))
            .into());
        }
        let states = self.view().await?.lexical.states(Some(source))?;
        let (restored, passages) = self.inner.backing.restore_source(version, source).await?;
        if passages.is_empty() {
            let what = format!(
                "version {version} has no source {source}; see `kubewright knowledge versions`, or remove the source with \
                 `kubewright knowledge remove {source}`"
            );
            return Err(KnowledgeError::NotFound(what).into());
        }
        let place = |source: &str, path: &str| (source.to_owned(), path.to_owned());
        let now = states.values().map(|state| (place(&state.source, &state.path), state.hash.clone()));
        let then = passages
            .iter()
            .map(|passage| (place(&passage.source, &passage.path), passage.document_hash.clone()));
        let report = compared(source, &now.collect(), &then.collect());
        let lexical = self.lexical();
        blocking(move || {
            let gone: Vec<(&str, &str)> =
                states.values().map(|state| (state.source.as_str(), state.path.as_str())).collect();
            lexical.apply(restored, &recipe, &gone, &passages)
        })
        .await?;
        self.note(restored, Some(source), format!("restored {source} of version {version}"), &report);
        Ok(restored)
    }

    /// What the documents of a source, or of all, hold now.
    async fn hashes(&self, source: Option<&str>) -> anyhow::Result<Hashes> {
        let (view, source) = (self.view().await?, source.map(str::to_owned));
        let states = blocking(move || view.lexical.states(source.as_deref())).await?;
        Ok(states.into_values().map(|state| ((state.source, state.path), state.hash)).collect())
    }

    async fn must_be_kept(&self, version: u64) -> anyhow::Result<()> {
        let known = self.inner.backing.versions().await?;
        if known.iter().any(|known| known.version == version) {
            return Ok(());
        }
        let what = format!("there is no version {version} any more; see `kubewright knowledge versions`");
        Err(KnowledgeError::NotFound(what).into())
    }
}

/// Content hashes of documents by source and path.
type Hashes = BTreeMap<(String, String), String>;

/// How documents differ from those that take their place.
fn compared(source: &str, now: &Hashes, then: &Hashes) -> SourceReport {
    let changed = then.iter().filter(|(place, hash)| now.get(*place).is_some_and(|known| known != *hash));
    SourceReport {
        source: source.to_owned(),
        added: then.keys().filter(|place| !now.contains_key(*place)).count(),
        changed: changed.count(),
        removed: now.keys().filter(|place| !then.contains_key(*place)).count(),
        ..SourceReport::default()
    }
}
