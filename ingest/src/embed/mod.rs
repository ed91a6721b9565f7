//! Text into vectors, and question and passage together into a score.
//!
//! Owns the embedding models: local ones through fastembed and ONNX Runtime, remote ones through an OpenAI-compatible
//! endpoint; and the rerankers, local ones only. What cannot be loaded is a normal state: search does without, and the
//! reason is kept for people.

mod batches;
mod bounded;
mod cache;
mod context;
mod files;
mod local;
mod remote;
#[cfg(test)]
mod remote_tests;
mod rerank;
mod runtime;
mod tokens;

use std::sync::Arc;

use thiserror::Error;

pub use batches::{Progress, embed_all};
pub use cache::{CacheKey, EmbeddingCache};
pub use context::Context;
pub use files::ModelFolder;
pub use local::LocalModel;
pub use remote::{RemoteModel, RemoteSettings};
pub use rerank::Reranker;
pub use tokens::ModelTokens;

/// One embedding; its length is the model's dimension, its Euclidean norm 1.
pub type Vector = Vec<f32>;

/// Why a model gives nothing.
#[derive(Debug, Error)]
pub enum EmbedError {
    /// The model or its runtime library is not on this machine.
    #[error("{0}")]
    Missing(String),
    /// They are there and do not work.
    #[error("the model {model} cannot be loaded")]
    Broken {
        /// Its name.
        model: String,
        /// What it says.
        #[source]
        source: anyhow::Error,
    },
    /// The model or the endpoint failed on some text.
    #[error("the model {model} failed")]
    Failed {
        /// Its name.
        model: String,
        /// What it says.
        #[source]
        source: anyhow::Error,
    },
}

/// A model that is ready.
#[derive(Clone)]
pub enum Embedder {
    /// On this machine.
    Local(Arc<LocalModel>),
    /// Behind an HTTP endpoint.
    Remote(Arc<RemoteModel>),
}

impl Embedder {
    /// What is written into the index: vectors of two names are never compared.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Local(model) => model.name(),
            Self::Remote(model) => model.name(),
        }
    }

    /// Length of its vectors.
    #[must_use]
    pub fn dimension(&self) -> usize {
        match self {
            Self::Local(model) => model.dimension(),
            Self::Remote(model) => model.dimension(),
        }
    }

    /// The counter that chunks are measured with.
    #[must_use]
    pub fn tokens(&self) -> Option<ModelTokens> {
        match self {
            Self::Local(model) => Some(model.tokens()),
            Self::Remote(_) => None,
        }
    }

    /// Embeds a question. Does not wait for passages that are being embedded.
    ///
    /// # Errors
    /// When the model or the endpoint fails.
    pub async fn query(&self, text: &str) -> Result<Vector, EmbedError> {
        match self {
            Self::Local(model) => {
                let (model, text) = (model.clone(), text.to_owned());
                let span = tracing::Span::current();
                let name = model.name().to_owned();
                tokio::task::spawn_blocking(move || span.in_scope(|| model.query(&text)))
                    .await
                    .map_err(|error| EmbedError::Failed { model: name, source: error.into() })?
            }
            Self::Remote(model) => {
                let mut vectors = model.embed(vec![text.to_owned()]).await?;
                vectors.pop().ok_or_else(|| EmbedError::Failed {
                    model: model.name().to_owned(),
                    source: anyhow::anyhow!("the endpoint returned no vector"),
                })
            }
        }
    }

    /// Embeds one batch of passages, in their order.
    ///
    /// # Errors
    /// When the model or the endpoint fails.
    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbedError> {
        match self {
            Self::Local(model) => {
                let model = model.clone();
                let span = tracing::Span::current();
                let name = model.name().to_owned();
                tokio::task::spawn_blocking(move || span.in_scope(|| model.passages(&texts)))
                    .await
                    .map_err(|error| EmbedError::Failed { model: name, source: error.into() })?
            }
            Self::Remote(model) => model.embed(texts).await,
        }
    }
}

/// Scales a vector to length 1; leaves a zero vector alone.
fn normalize(mut vector: Vector) -> Vector {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}
