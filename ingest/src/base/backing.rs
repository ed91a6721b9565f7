//! The truth in LanceDB, the embedding model, the reranker, and the cache of embeddings.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt;
use tokio::sync::{OnceCell, RwLock};

use super::lock::{Lease, Place, Times};
use super::{KnowledgeSettings, ModelChoice, RerankerChoice};
use crate::Passage;
use crate::chunk::{ApproximateTokens, TokenCounter};
pub(super) use crate::embed::Reranker;
use crate::embed::{
    Context, Embedder, EmbeddingCache, LocalModel, ModelFolder, ModelTokens, Progress, RemoteModel,
    RemoteSettings, Vector, embed_all,
};
use crate::recipe::{ModelOf, Recipe};
use crate::search::Filter;
use crate::truth::{Change, Neighbour, Truth, Version};

/// How long after a failure a writer tries to load the model again.
const LOAD_AGAIN: Duration = Duration::from_secs(20);

/// Questions whose vectors are remembered.
const REMEMBERED: u64 = 2_000;

pub(super) struct Backing {
    settings: KnowledgeSettings,
    truth: RwLock<Truth>,
    embedder: OnceCell<Embedder>,
    /// When the model could not be loaded, and why.
    failed: Mutex<Option<(Instant, String)>>,
    reranker: OnceCell<Result<Option<Arc<Reranker>>, String>>,
    measure: std::sync::OnceLock<ModelTokens>,
    questions: moka::sync::Cache<String, Arc<Vector>>,
    place: OnceCell<Place>,
}

/// The truth at one version.
pub(super) struct BackingView(Truth);

impl Backing {
    pub(super) async fn open(settings: &KnowledgeSettings) -> anyhow::Result<Self> {
        let local = settings.folder.join("truth");
        let location = settings.location.clone().unwrap_or_else(|| local.display().to_string());
        let opened = Truth::open(&location, &Recipe::new(None)).boxed().await;
        let truth = opened.with_context(|| {
            format!(
                "the knowledge base at {location} is damaged or cannot be reached. If it is damaged, move that folder away \
                 and run `kubewright ingest` to make it anew from its sources"
            )
        })?;
        Ok(Self {
            settings: settings.clone(),
            truth: RwLock::new(truth),
            embedder: OnceCell::new(),
            reranker: OnceCell::new(),
            failed: Mutex::default(),
            measure: std::sync::OnceLock::new(),
            questions: moka::sync::Cache::new(REMEMBERED),
            place: OnceCell::new(),
        })
    }

    async fn truth(&self) -> Truth {
        self.truth.read().await.clone()
    }

    pub(super) async fn latest(&self) -> anyhow::Result<(u64, Recipe)> {
        let truth = self.truth().await;
        let truth = truth.reopened().boxed().await?;
        let found = (truth.version().await?, truth.recipe().clone());
        *self.truth.write().await = truth;
        Ok(found)
    }

    pub(super) async fn at(&self, version: u64) -> anyhow::Result<Option<BackingView>> {
        Ok(Some(BackingView(self.truth().await.at(version).boxed().await?)))
    }

    /// What keeps writers on other machines away while it is held; `None` where the truth is on this one.
    pub(super) async fn lease(&self) -> anyhow::Result<Option<Lease>> {
        let Some(location) = self.settings.location.as_deref().filter(|location| location.contains("://"))
        else {
            return Ok(None);
        };
        let place = self.place.get_or_try_init(|| place(location)).await?;
        Ok(Some(Lease::take(place, Times::DEFAULT).await?))
    }

    /// Every passage of a version of the truth.
    pub(super) async fn all(&self, version: u64) -> anyhow::Result<Option<Vec<Passage>>> {
        let mut passages = Vec::new();
        let truth = self.truth().await.at(version).boxed().await?;
        truth
            .scan(None, |batch| {
                passages.extend(batch);
                Ok(())
            })
            .boxed()
            .await?;
        Ok(Some(passages))
    }

    /// The model, loaded at the first call. One that could not be loaded is not asked for again: a question must not wait.
    async fn embedder(&self) -> Result<&Embedder, String> {
        if let Some(embedder) = self.embedder.get() {
            return Ok(embedder);
        }
        match self.failure() {
            Some((_, why)) => Err(why),
            None => self.load(Duration::MAX).await,
        }
    }

    /// The reranker, loaded at the first call; `None` where there is to be none.
    ///
    /// # Errors
    /// When one is there or named and cannot be loaded.
    pub(super) async fn reranker(&self) -> Result<Option<Arc<Reranker>>, String> {
        let load = || async { load_reranker(&self.settings).await.map_err(|error| format!("{error:#}")) };
        self.reranker.get_or_init(load).await.clone()
    }

    fn failure(&self) -> Option<(Instant, String)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads the model, unless that has failed less than `pause` ago.
    async fn load(&self, pause: Duration) -> Result<&Embedder, String> {
        let loaded = self.embedder.get_or_try_init(|| async {
            // Who has waited for somebody else's attempt needs none of his own.
            if let Some((_, why)) = self.failure().filter(|(at, _)| at.elapsed() < pause) {
                return Err(why);
            }
            load(&self.settings).await.map_err(|error| {
                let why = format!("{error:#}");
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((Instant::now(), why.clone()));
                why
            })
        });
        loaded.await
    }

    /// How passages are to be made now. A model that could not be loaded before is tried once more.
    ///
    /// # Errors
    /// When a model is configured and cannot be loaded.
    pub(super) async fn wanted(&self) -> Result<Recipe, String> {
        if self.settings.model == ModelChoice::None {
            return Ok(Recipe::new(None));
        }
        let embedder = self.load(LOAD_AGAIN).await?;
        let model = ModelOf { name: embedder.name().to_owned(), dimension: embedder.dimension() };
        Ok(Recipe::new(Some(model)))
    }

    /// Whether questions can be asked by meaning of an index made by this recipe. Of an empty one it does not matter: what
    /// comes first is made by the model of today.
    pub(super) async fn usable(&self, recipe: &Recipe, is_empty: bool) -> Result<(), String> {
        if self.settings.model == ModelChoice::None {
            return Err("no embedding model is configured (knowledge.model)".to_owned());
        }
        let embedder = self.embedder().await?;
        if is_empty {
            return Ok(());
        }
        let Some(model) = &recipe.model else {
            return Err("the knowledge base has no vectors; run `kubewright ingest --rebuild` to make them"
                .to_owned());
        };
        if embedder.name() != model.name || embedder.dimension() != model.dimension {
            return Err(format!(
                "the knowledge base was made with the embedding model {}, and {} is configured; run `kubewright ingest \
                 --rebuild` to make it anew",
                model.name,
                embedder.name()
            ));
        }
        Ok(())
    }

    /// Measures passages with this, though there is no model.
    pub(super) fn use_counter_of(&self, tokens: ModelTokens) {
        if self.measure.set(tokens).is_err() {
            tracing::debug!("passages are measured already");
        }
    }

    pub(super) async fn counter(&self) -> Arc<dyn TokenCounter> {
        if let Some(tokens) = self.measure.get() {
            return Arc::new(tokens.clone());
        }
        match self.embedder().await.ok().and_then(Embedder::tokens) {
            Some(tokens) => Arc::new(tokens),
            None => Arc::new(ApproximateTokens),
        }
    }

    /// The vector of a question.
    pub(super) async fn question(&self, sentence: &str) -> anyhow::Result<Arc<Vector>> {
        if let Some(known) = self.questions.get(sentence) {
            return Ok(known);
        }
        let embedder = self.embedder().await.map_err(anyhow::Error::msg)?;
        let vector = Arc::new(embedder.query(sentence).await?);
        self.questions.insert(sentence.to_owned(), vector.clone());
        Ok(vector)
    }

    /// Opens the cache; the caller holds the writer's lock.
    pub(super) async fn cache(&self) -> anyhow::Result<Store> {
        let path = cache_path(&self.settings);
        let cache = super::blocking(move || EmbeddingCache::open(&path)).await?;
        Ok(Store(Arc::new(cache)))
    }

    /// Makes the vectors of passages, where the recipe wants any. What was done stays done when this is cut off.
    pub(super) async fn prepare(
        &self,
        store: &Store,
        recipe: &Recipe,
        passages: &[Passage],
        mut progress: impl FnMut(usize, usize),
    ) -> anyhow::Result<()> {
        if recipe.model.is_none() {
            return Ok(());
        }
        let embedder = self.embedder().await.map_err(anyhow::Error::msg)?;
        let context = Context::of(passages);
        let texts: Vec<String> = passages.iter().flat_map(|passage| context.texts(passage)).collect();
        embed_all(embedder, &store.0, &texts, |Progress { done, total }| progress(done / 3, total / 3)).await
    }

    pub(super) async fn commit(&self, store: &Store, change: &Change) -> anyhow::Result<u64> {
        self.truth().await.commit(change, Some(store.0.clone())).boxed().await
    }

    pub(super) async fn rebuild(
        &self,
        store: &Store,
        recipe: &Recipe,
        passages: &Arc<Vec<Passage>>,
    ) -> anyhow::Result<u64> {
        let rebuilt = self.truth().await.rebuild(recipe, passages, Some(store.0.clone())).boxed().await?;
        let version = rebuilt.version().await?;
        *self.truth.write().await = rebuilt;
        Ok(version)
    }

    pub(super) async fn versions(&self) -> anyhow::Result<Vec<Version>> {
        self.truth().await.versions().boxed().await
    }

    pub(super) async fn restore(&self, version: u64) -> anyhow::Result<(u64, Recipe)> {
        let restored = self.truth().await.restore(version).boxed().await?;
        let state = (restored.version().await?, restored.recipe().clone());
        *self.truth.write().await = restored;
        Ok(state)
    }

    /// How the passages of a version were made.
    pub(super) async fn recipe_at(&self, version: u64) -> anyhow::Result<Recipe> {
        Ok(self.truth().await.at(version).boxed().await?.recipe().clone())
    }

    pub(super) async fn restore_source(
        &self,
        version: u64,
        source: &str,
    ) -> anyhow::Result<(u64, Vec<Passage>)> {
        let truth = self.truth().await;
        let old = truth.at(version).boxed().await?;
        truth.restore_source(&old, source).boxed().await
    }

    pub(super) async fn rate(&self, id: &str, helpful: u32, unhelpful: u32) -> anyhow::Result<u64> {
        self.truth().await.rate(id, helpful, unhelpful).boxed().await
    }

    pub(super) async fn tidy(&self) -> anyhow::Result<()> {
        self.truth().await.tidy(self.settings.keep_versions).boxed().await
    }
}

/// The cache of embeddings, open.
pub(super) struct Store(Arc<EmbeddingCache>);

impl BackingView {
    pub(super) async fn nearest(
        &self,
        vector: &[f32],
        most: usize,
        filter: &Filter,
    ) -> anyhow::Result<Vec<Neighbour>> {
        self.0.nearest(vector, most, filter.sql()).boxed().await
    }

    /// The identities of all passages with their rows.
    pub(super) async fn rows(&self) -> anyhow::Result<Vec<(String, u64)>> {
        self.0.rows().boxed().await
    }
}

/// Where the writer's lock of an object store is. The store is reached as LanceDB reaches it.
async fn place(location: &str) -> anyhow::Result<Place> {
    let (store, folder) = lance_io::object_store::ObjectStore::from_uri(location).await?;
    Ok(Place { store: store.inner.clone(), path: folder.join("writer.lock"), name: location.to_owned() })
}

fn cache_path(settings: &KnowledgeSettings) -> PathBuf {
    settings.cache.clone().unwrap_or_else(|| settings.folder.join("embeddings.redb"))
}

async fn load(settings: &KnowledgeSettings) -> anyhow::Result<Embedder> {
    match &settings.model {
        ModelChoice::None => anyhow::bail!("no embedding model is configured (knowledge.model)"),
        ModelChoice::Local(name) => {
            let (name, settings) = (name.clone(), settings.clone());
            let load = move || {
                let folder = ModelFolder::new(&settings.models);
                let model =
                    LocalModel::load(&name, &folder, settings.onnx_runtime.as_deref(), settings.download)?;
                Ok(model)
            };
            Ok(Embedder::Local(Arc::new(super::blocking(load).await?)))
        }
        ModelChoice::Remote { url, model, key, dimension } => {
            let remote = RemoteSettings {
                url: url.clone(),
                model: model.clone(),
                key: key.clone(),
                dimension: *dimension,
                deadline: RemoteSettings::DEADLINE,
                scrub: settings.scrub.clone(),
            };
            Ok(Embedder::Remote(Arc::new(RemoteModel::connect(remote).await?)))
        }
    }
}

async fn load_reranker(settings: &KnowledgeSettings) -> anyhow::Result<Option<Arc<Reranker>>> {
    let folder = ModelFolder::new(&settings.models);
    let (name, download) = match &settings.reranker {
        RerankerChoice::None => return Ok(None),
        RerankerChoice::WhenPresent(name) if !folder.has(name) => return Ok(None),
        RerankerChoice::WhenPresent(name) => (name.clone(), false),
        RerankerChoice::Named(name) => (name.clone(), settings.download),
    };
    let onnx_runtime = settings.onnx_runtime.clone();
    let load = move || Ok(Reranker::load(&name, &folder, onnx_runtime.as_deref(), download)?);
    Ok(Some(Arc::new(super::blocking(load).await?)))
}
