//! Making everything anew: vectors of another model, and documents that no source brings again as this version cuts them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backing::Store;
use super::gathered::{Parsed, parse, seal};
use super::{KnowledgeBase, KnowledgeError, SourceReport, blocking};
use crate::chunk::{ChunkSettings, Chunker};
use crate::limits::Limits;
use crate::recipe::Recipe;
use crate::source::{Location, SourceSpec};
use crate::{Found, Original, Passage, RawDocument, format};

impl KnowledgeBase {
    /// Makes everything anew by the present model and chunker, where it was made by others. Says whether it was.
    ///
    /// # Errors
    /// When the model cannot be loaded, another process writes, or writing fails; then everything is as it was.
    pub async fn rebuild(&self) -> anyhow::Result<bool> {
        self.locked(Box::pin(self.rebuild_alone())).await
    }

    async fn rebuild_alone(&self) -> anyhow::Result<bool> {
        let wanted = self.inner.backing.wanted().await.map_err(KnowledgeError::Recipe)?;
        let found = self.level().await?;
        let Some(difference) = found.difference(&wanted) else { return Ok(false) };
        let store = self.inner.backing.cache().await?;
        let version = self.renew(&store, &found, &wanted, &mut |_, _| {}).await?;
        self.note(version, None, format!("made anew: {difference}"), &SourceReport::default());
        Ok(true)
    }

    /// Replaces what was made as `found` by what is made as `wanted`, in one commit. Returns its version. Documents whose
    /// source can be read again keep their passages until that is done.
    pub(super) async fn renew(
        &self,
        store: &Store,
        found: &Recipe,
        wanted: &Recipe,
        progress: &mut (impl FnMut(usize, usize) + Send),
    ) -> anyhow::Result<u64> {
        let (version, _) = self.inner.backing.latest().await?;
        let mut passages = self.inner.backing.all(version).await?.unwrap_or_default();
        if found.pipeline != wanted.pipeline {
            let counter = self.inner.backing.counter().await;
            let limits = self.inner.settings.limits.clone();
            passages = blocking(move || {
                Ok(recut(passages, &limits, &Chunker::new(counter, ChunkSettings::default())))
            })
            .await?;
        }
        let passages = Arc::new(passages);
        self.inner.backing.prepare(store, wanted, &passages, progress).await?;
        let version = self.inner.backing.rebuild(store, wanted, &passages).await?;
        self.mirror(version, wanted).await?;
        Ok(version)
    }
}

/// Cuts the documents that are kept whole anew; the others, and those that are refused now, stay as they were cut, without
/// the values of Secrets that they show.
fn recut(passages: Vec<Passage>, limits: &Limits, chunker: &Chunker) -> Vec<Passage> {
    let mut documents = BTreeMap::<(String, String), Vec<Passage>>::new();
    for passage in passages {
        documents.entry((passage.source.clone(), passage.path.clone())).or_default().push(passage);
    }
    let anew = |old: Vec<Passage>| {
        let new =
            old.iter().find_map(|passage| cut(passage, passage.original.as_ref()?, &old, limits, chunker));
        new.unwrap_or_else(|| old.into_iter().map(shown).collect())
    };
    documents.into_values().flat_map(anew).collect()
}

/// A passage as it may be shown now.
fn shown(mut passage: Passage) -> Passage {
    let text = format::without_pasted_secrets(&passage.text);
    if text != passage.text {
        passage.text = text;
        seal(&mut passage);
    }
    passage
}

/// A document's passages from its `original`; what people said about a text stays with it.
fn cut(
    first: &Passage,
    original: &Original,
    old: &[Passage],
    limits: &Limits,
    chunker: &Chunker,
) -> Option<Vec<Passage>> {
    let raw = RawDocument {
        path: first.path.clone(),
        uri: first.uri.clone(),
        bytes: original.text.clone().into_bytes(),
        media_type: original.media_type.clone(),
        modified: first.attributes.last_updated,
        validators: first.validators.clone(),
    };
    let mut spec = SourceSpec::new(first.source.clone(), Location::BuiltIn);
    spec.attributes = first.attributes.clone();
    let mut passages = match parse(&spec, Found::Document(raw), limits, chunker, &BTreeMap::new()) {
        Parsed::Passages { passages, .. } if !passages.is_empty() => passages,
        Parsed::Passages { .. } | Parsed::Unchanged(_) => return None,
        Parsed::Refused(refusal) => {
            tracing::warn!(
                document = refusal.uri,
                reason = refusal.reason,
                "a document could not be cut anew; it stays as it was"
            );
            return None;
        }
    };
    for passage in &mut passages {
        if let Some(known) = old.iter().find(|known| known.content_hash == passage.content_hash) {
            passage.feedback = known.feedback;
        }
    }
    passages.first_mut()?.original = Some(original.clone());
    Some(passages)
}
