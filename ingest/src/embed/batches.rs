//! Many texts into the cache: sorted by length so that batches carry little padding.

use super::cache::CacheKey;
use super::{EmbedError, Embedder, EmbeddingCache};

/// Most passages of one batch, and most characters: what keeps all cores busy without a large working set.
const BATCH: usize = 32;
const BATCH_CHARACTERS: usize = 32 * 1024;

/// How far an embedding run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Passages that have their vector.
    pub done: usize,
    /// Passages in all.
    pub total: usize,
}

/// Makes sure that every text has its embedding in the cache.
///
/// # Errors
/// When the model or the cache fails; what was done stays done.
pub async fn embed_all(
    embedder: &Embedder,
    cache: &EmbeddingCache,
    texts: &[String],
    mut progress: impl FnMut(Progress),
) -> anyhow::Result<()> {
    let keys: Vec<CacheKey> = texts.iter().map(|text| CacheKey::of(embedder.name(), text)).collect();
    let missing = cache.missing(&keys)?;
    let mut open: Vec<(CacheKey, &String)> = keys
        .into_iter()
        .zip(texts)
        .zip(missing)
        .filter(|(_, missing)| *missing)
        .map(|(open, _)| open)
        .collect();
    // The longest first: the first batches show the real speed, and memory peaks at once.
    open.sort_by(|(a_key, a), (b_key, b)| b.len().cmp(&a.len()).then(a_key.cmp(b_key)));
    open.dedup_by_key(|(key, _)| *key);
    let mut done = texts.len() - open.len();
    progress(Progress { done, total: texts.len() });
    let mut rest = open.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_size(rest));
        rest = later;
        let vectors = embedder.passages(batch.iter().map(|(_, text)| (*text).clone()).collect()).await?;
        check(embedder, batch.len(), &vectors)?;
        cache.put(batch.iter().map(|(key, _)| *key).zip(vectors.iter().map(Vec::as_slice)))?;
        done += batch.len();
        progress(Progress { done, total: texts.len() });
    }
    Ok(())
}

fn batch_size(rest: &[(CacheKey, &String)]) -> usize {
    let longest = rest.first().map_or(1, |(_, text)| text.len().max(1));
    (BATCH_CHARACTERS / longest).clamp(1, BATCH).min(rest.len())
}

/// An endpoint may answer anything.
fn check(embedder: &Embedder, wanted: usize, vectors: &[Vec<f32>]) -> Result<(), EmbedError> {
    let fits =
        |vector: &Vec<f32>| vector.len() == embedder.dimension() && vector.iter().all(|x| x.is_finite());
    if vectors.len() == wanted && vectors.iter().all(fits) {
        return Ok(());
    }
    Err(EmbedError::Failed {
        model: embedder.name().to_owned(),
        source: anyhow::anyhow!(
            "{} vectors of dimension {} for {wanted} texts, where dimension {} was expected",
            vectors.len(),
            vectors.first().map_or(0, Vec::len),
            embedder.dimension()
        ),
    })
}
