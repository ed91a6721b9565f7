//! Looking at what is there, and setting it right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KnowledgeBase, KnowledgeError, SourceReport, blocking};
use crate::Passage;
use crate::recipe::Recipe;

/// The source of what people uploaded.
pub(crate) const UPLOADS: &str = "uploads";

/// One document as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentInfo {
    /// Its source.
    pub source: String,
    /// Its name within the source.
    pub path: String,
    /// Where people find it.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// How many passages it has.
    pub passages: u32,
}

/// What a knowledge base holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Documents.
    pub documents: u64,
    /// Passages.
    pub passages: u64,
    /// Documents by source.
    pub sources: BTreeMap<String, usize>,
    /// The version of the truth; 0 without vectors.
    pub version: u64,
    /// How the passages were made.
    pub recipe: Recipe,
    /// Size of the folder, bytes.
    pub bytes: u64,
    /// Why nothing can be added before everything is made anew, if so. Search goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated: Option<String>,
    /// Why search by meaning is not available, if it isn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

impl KnowledgeBase {
    /// All documents, by source and path.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn documents(&self) -> anyhow::Result<Vec<DocumentInfo>> {
        let view = self.view().await?;
        let states = blocking(move || view.lexical.states(None)).await?;
        let infos = states.into_values().map(|state| DocumentInfo {
            source: state.source,
            path: state.path,
            uri: state.uri,
            title: state.title,
            passages: state.passages,
        });
        Ok(infos.collect())
    }

    /// The passages of one document, in order.
    ///
    /// # Errors
    /// When there is no such document, or the index cannot be read.
    pub async fn document(&self, source: &str, path: &str) -> anyhow::Result<Vec<Passage>> {
        let passages = self.view().await?.lexical.document(source, path)?;
        if passages.is_empty() {
            let what = format!("there is no document {path} in {source}; see `kubewright knowledge list`");
            return Err(KnowledgeError::NotFound(what).into());
        }
        Ok(passages)
    }

    /// Every passage, in no particular order.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn passages(&self) -> anyhow::Result<Vec<Passage>> {
        let view = self.view().await?;
        blocking(move || view.lexical.passages()).await
    }

    /// Measures passages with a model's tokenizer though none is configured: for benchmarks.
    #[cfg(feature = "vectors")]
    pub(crate) fn use_counter_of(&self, tokens: crate::embed::ModelTokens) {
        self.inner.backing.use_counter_of(tokens);
    }

    /// What is there.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn stats(&self) -> anyhow::Result<Stats> {
        let view = self.view().await?;
        let mut sources = BTreeMap::<String, usize>::new();
        for document in self.documents().await? {
            *sources.entry(document.source).or_default() += 1;
        }
        let folder = self.folder().to_owned();
        let stamp = view.lexical.stamp.clone();
        Ok(Stats {
            documents: stamp.documents,
            passages: stamp.passages,
            sources,
            version: stamp.truth,
            outdated: stamp.recipe.outdated(),
            recipe: stamp.recipe,
            bytes: blocking(move || Ok(size(&folder))).await?,
            degraded: self.degraded().await,
        })
    }

    /// Notes whether a passage was of help; moves its trust. Returns the trust that it has now, 0 to 1.
    ///
    /// # Errors
    /// When there is no such passage, another process writes, or writing fails.
    pub async fn rate(&self, id: &str, helpful: bool) -> anyhow::Result<f32> {
        self.locked(Box::pin(self.rate_alone(id, helpful))).await
    }

    async fn rate_alone(&self, id: &str, helpful: bool) -> anyhow::Result<f32> {
        // What another replica has written since must not be written over.
        let recipe = self.level().await?;
        let view = self.view().await?;
        let Some(address) = view.lexical.find(id)? else {
            return Err(KnowledgeError::NotFound(format!("there is no passage {id}; search again")).into());
        };
        let found = view.lexical.passage(address)?;
        let mut passages = view.lexical.document(&found.source, &found.path)?;
        let Some(rated) = passages.iter_mut().find(|passage| passage.id == id) else {
            return Err(KnowledgeError::NotFound(format!("there is no passage {id}; search again")).into());
        };
        match helpful {
            true => rated.feedback.helpful = rated.feedback.helpful.saturating_add(1),
            false => rated.feedback.unhelpful = rated.feedback.unhelpful.saturating_add(1),
        }
        let (trust, feedback) = (rated.trust(), rated.feedback);
        let version = self.inner.backing.rate(id, feedback.helpful, feedback.unhelpful).await?;
        let lexical = self.lexical();
        let what = format!("feedback on {}", found.path);
        let source = found.source.clone();
        blocking(move || lexical.apply(version, &recipe, &[(&found.source, &found.path)], &passages)).await?;
        self.note(version, Some(&source), what, &SourceReport::default());
        Ok(trust)
    }
}

/// Bytes of a folder with everything in it.
fn size(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    });
    sizes.sum()
}
