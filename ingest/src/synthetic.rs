//! For benchmarks: knowledge bases with vectors that nobody had to embed, and the speed of the model by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::embed::{CacheKey, Context, Embedder, EmbeddingCache, LocalModel, ModelFolder, embed_all};
use crate::source::SourceSpec;
use crate::{IngestOptions, KnowledgeBase, KnowledgeSettings, ModelChoice};

/// How many real embeddings the made ones are mixed from.
const REAL: usize = 512;

/// Passages a second.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    /// As the pipeline embeds: sorted, batched, cached.
    pub pipeline: f64,
    /// The model alone on batches of the same texts, already sorted.
    pub raw: f64,
}

/// Measures the embedding of texts by the pipeline and by the model alone.
///
/// # Errors
/// When the model cannot be loaded or fails.
#[expect(clippy::cast_precision_loss, reason = "rates for people")]
pub async fn embedding_speed(models: &Path, model: &str, texts: &[String]) -> anyhow::Result<Speed> {
    let model = Arc::new(LocalModel::load(model, &ModelFolder::new(models), None, false)?);
    let mut sorted = texts.to_vec();
    sorted.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let batches: Vec<&[String]> = sorted.chunks(32).collect();
    for batch in batches.iter().take(1) {
        model.passages(batch)?;
    }
    let started = Instant::now();
    for batch in &batches {
        model.passages(batch)?;
    }
    let raw = texts.len() as f64 / started.elapsed().as_secs_f64();
    let folder = tempfile::tempdir()?;
    let cache = EmbeddingCache::open(&folder.path().join("cache.redb"))?;
    let started = Instant::now();
    embed_all(&Embedder::Local(model), &cache, texts, |_| {}).await?;
    Ok(Speed { pipeline: texts.len() as f64 / started.elapsed().as_secs_f64(), raw })
}

/// Ingests a folder with vectors mixed from real embeddings of `samples`.
///
/// # Errors
/// When the model cannot be loaded, or writing fails.
pub async fn fill(settings: &KnowledgeSettings, documents: &Path, samples: &[String]) -> anyhow::Result<()> {
    let ModelChoice::Local(name) = &settings.model else { anyhow::bail!("a local model is needed") };
    let model =
        LocalModel::load(name, &ModelFolder::new(&settings.models), settings.onnx_runtime.as_deref(), false)?;
    let step = samples.len().div_ceil(REAL).max(1);
    let mut real = Vec::new();
    for batch in samples.iter().step_by(step).cloned().collect::<Vec<_>>().chunks(32) {
        real.extend(model.passages(batch)?);
    }
    // What the ingestion would embed, learnt from a run by words.
    let mut words = settings.clone();
    words.folder = settings.folder.with_extension("probe");
    words.model = ModelChoice::None;
    let source = SourceSpec::from_argument(&documents.display().to_string())?;
    let base = KnowledgeBase::open(words.clone()).await?;
    base.use_counter_of(model.tokens());
    base.ingest(std::slice::from_ref(&source), IngestOptions::default(), |_| {}).await?;
    let passages = base.passages().await?;
    std::fs::create_dir_all(&settings.folder)?;
    let cache = EmbeddingCache::open(&settings.folder.join("embeddings.redb"))?;
    let context = Context::of(&passages);
    for group in passages.chunks(1_000) {
        let texts: Vec<String> = group.iter().flat_map(|passage| context.texts(passage)).collect();
        let made: Vec<(CacheKey, Vec<f32>)> =
            texts.iter().map(|text| (CacheKey::of(name, text), mixed(text, &real))).collect();
        cache.put(made.iter().map(|(key, vector)| (*key, vector.as_slice())))?;
    }
    drop(cache);
    std::fs::remove_dir_all(&words.folder)?;
    let base = KnowledgeBase::open(settings.clone()).await?;
    base.ingest(&[source], IngestOptions::default(), |_| {}).await?;
    Ok(())
}

/// A vector between three real ones, chosen by the text.
fn mixed(text: &str, real: &[Vec<f32>]) -> Vec<f32> {
    let seed = CacheKey::of("seed", text).bytes();
    let pick = |at: usize| {
        let number = usize::from(seed.get(at).copied().unwrap_or(0)) << 8
            | usize::from(seed.get(at + 1).copied().unwrap_or(0));
        real.get(number % real.len().max(1))
    };
    let weight = |at: usize| f32::from(seed.get(at).copied().unwrap_or(0)) / 255.0 + 0.1;
    let mut sum = vec![0.0_f32; real.first().map_or(0, Vec::len)];
    for (place, share) in [(0, weight(6)), (2, weight(7)), (4, weight(8))] {
        if let Some(vector) = pick(place) {
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += share * x);
        }
    }
    sum
}
