//! A passage's vector knows its document: it is the direction of the passage, its document's opening and its title
//! together, so that one ordinary nearest-neighbour search carries what the document is about.
//!
//! For a question q, the similarity to the mixture is q·passage + q·opening + ½ q·title up to scale. Weights from a broad
//! plateau: see docs/BENCHMARKS.md.

use std::collections::HashMap;

use anyhow::Context as _;

use super::{CacheKey, EmbeddingCache, Vector, normalize};
use crate::{Passage, analysis};

const OPENING: f32 = 1.0;
const TITLE: f32 = 0.5;

/// Words of a document's first passage that stand for what it is about.
const OPENING_WORDS: usize = 110;

/// The openings of the documents that passages belong to.
pub struct Context {
    openings: HashMap<(String, String), String>,
}

impl Context {
    /// From whole documents: all their passages.
    #[must_use]
    pub fn of(passages: &[Passage]) -> Self {
        let first = passages.iter().filter(|passage| passage.ordinal == 0);
        let openings = first.map(|passage| {
            let words: Vec<&str> = passage.text.split_whitespace().take(OPENING_WORDS).collect();
            let opening = format!("{}. {}", analysis::spoken(&passage.title), words.join(" "));
            ((passage.source.clone(), passage.path.clone()), opening)
        });
        Self { openings: openings.collect() }
    }

    /// The texts whose embeddings make up a passage's vector.
    #[must_use]
    pub fn texts(&self, passage: &Passage) -> [String; 3] {
        let key = (passage.source.clone(), passage.path.clone());
        let opening = self.openings.get(&key).cloned().unwrap_or_default();
        [passage.embedded_text(), opening, analysis::spoken(&passage.title)]
    }

    /// A passage's vector, from embeddings that are in the cache.
    ///
    /// # Errors
    /// When one is not there.
    pub fn vector(&self, cache: &EmbeddingCache, model: &str, passage: &Passage) -> anyhow::Result<Vector> {
        let keys = self.texts(passage).map(|text| CacheKey::of(model, &text));
        let mut parts = cache.get(&keys)?.into_iter().zip([1.0, OPENING, TITLE]);
        let (own, _) = parts.next().context("a passage has no texts")?;
        let mut sum = own.context("a passage has no vector in the embedding cache")?;
        for (part, weight) in parts {
            let part = part.context("a document has no vector in the embedding cache")?;
            sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += weight * x);
        }
        Ok(normalize(sum))
    }
}
