//! The twin of `backing` for builds without vectors: the index of words is the truth itself.

use std::sync::Arc;

use super::{KnowledgeError, KnowledgeSettings, RerankerChoice};
use crate::Passage;
use crate::chunk::{ApproximateTokens, TokenCounter};
use crate::recipe::Recipe;
use crate::search::Filter;
use crate::truth::{Change, Neighbour, Version};

const WITHOUT: &str = "this build of kubewright has no vectors (Cargo feature `vectors`)";

pub(super) struct Backing {
    reranker: RerankerChoice,
}

/// Nothing: there is no truth beside the index.
pub(super) struct BackingView;

/// Nothing: there are no embeddings.
pub(super) struct Store;

/// Nothing: there is no reranker.
pub(super) enum Reranker {}

impl Reranker {
    pub(super) fn name(&self) -> &str {
        match *self {}
    }

    pub(super) fn score(&self, _: &str, _: &[String]) -> anyhow::Result<Vec<f32>> {
        match *self {}
    }
}

/// Nothing: other machines cannot share an index of words.
pub(super) enum Lease {}

impl Lease {
    pub(super) async fn lost(&mut self) -> KnowledgeError {
        match *self {}
    }

    pub(super) async fn release(self) {
        match self {}
    }
}

impl Backing {
    pub(super) async fn lease(&self) -> anyhow::Result<Option<Lease>> {
        Ok(None)
    }

    pub(super) async fn open(settings: &KnowledgeSettings) -> anyhow::Result<Self> {
        Ok(Self { reranker: settings.reranker.clone() })
    }

    pub(super) async fn reranker(&self) -> Result<Option<Arc<Reranker>>, String> {
        match self.reranker {
            RerankerChoice::Named(_) => Err(WITHOUT.to_owned()),
            RerankerChoice::None | RerankerChoice::WhenPresent(_) => Ok(None),
        }
    }

    pub(super) async fn latest(&self) -> anyhow::Result<(u64, Recipe)> {
        Ok((0, Recipe::new(None)))
    }

    pub(super) async fn at(&self, _: u64) -> anyhow::Result<Option<BackingView>> {
        Ok(None)
    }

    pub(super) async fn all(&self, _: u64) -> anyhow::Result<Option<Vec<Passage>>> {
        Ok(None)
    }

    pub(super) async fn wanted(&self) -> Result<Recipe, String> {
        Ok(Recipe::new(None))
    }

    pub(super) async fn usable(&self, _: &Recipe, _: bool) -> Result<(), String> {
        Err(WITHOUT.to_owned())
    }

    pub(super) async fn counter(&self) -> Arc<dyn TokenCounter> {
        Arc::new(ApproximateTokens)
    }

    pub(super) async fn question(&self, _: &str) -> anyhow::Result<Arc<Vec<f32>>> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn cache(&self) -> anyhow::Result<Store> {
        Ok(Store)
    }

    pub(super) async fn prepare(
        &self,
        _: &Store,
        _: &Recipe,
        _: &[Passage],
        _: impl FnMut(usize, usize),
    ) -> anyhow::Result<()> {
        Ok(())
    }

    pub(super) async fn commit(&self, _: &Store, _: &Change) -> anyhow::Result<u64> {
        Ok(0)
    }

    pub(super) async fn rebuild(&self, _: &Store, _: &Recipe, _: &Arc<Vec<Passage>>) -> anyhow::Result<u64> {
        Ok(0)
    }

    pub(super) async fn versions(&self) -> anyhow::Result<Vec<Version>> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn restore(&self, _: u64) -> anyhow::Result<(u64, Recipe)> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn recipe_at(&self, _: u64) -> anyhow::Result<Recipe> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn restore_source(&self, _: u64, _: &str) -> anyhow::Result<(u64, Vec<Passage>)> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn rate(&self, _: &str, _: u32, _: u32) -> anyhow::Result<u64> {
        Ok(0)
    }

    pub(super) async fn tidy(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl BackingView {
    pub(super) async fn nearest(&self, _: &[f32], _: usize, _: &Filter) -> anyhow::Result<Vec<Neighbour>> {
        anyhow::bail!(WITHOUT)
    }

    pub(super) async fn rows(&self) -> anyhow::Result<Vec<(String, u64)>> {
        anyhow::bail!(WITHOUT)
    }
}
