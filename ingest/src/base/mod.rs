//! The knowledge base: one folder, one writer at a time, any number of readers.
//!
//! Owns how truth and index of words belong together. Every write goes to the truth first, in one commit, and then to the
//! index of words, which is stamped with the truth's version. A reader takes a commit of the index and looks at the truth
//! in exactly that version, so it sees the old state or the new one, never half of each.

mod answer;
#[cfg(feature = "vectors")]
mod backing;
#[cfg(not(feature = "vectors"))]
#[path = "words_only.rs"]
mod backing;
mod gathered;
mod history;
mod lock;
mod manage;
mod pipeline;
mod renew;
#[cfg(feature = "vectors")]
#[cfg(test)]
mod renew_tests;
mod report;
mod rerank;
mod restore;
mod search;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use thiserror::Error;
use tokio::sync::OnceCell;

pub use history::Happened;
pub use manage::{DocumentInfo, Stats};
pub use pipeline::{IngestOptions, IngestProgress};
pub use report::{IngestReport, SourceReport};

use crate::expand::Glossary;
use crate::lexical::{Lexical, LexicalView, Places, Roster};
use crate::limits::Limits;
use crate::recipe::Recipe;
use crate::search::Platform;
use backing::Backing;
use lock::FolderLock;

/// Where a knowledge base is and how it works.
#[derive(Clone)]
pub struct KnowledgeSettings {
    /// The folder of the indexes.
    pub folder: PathBuf,
    /// Where the truth is, if not in that folder: `s3://bucket/prefix` and the like, with the matching Cargo feature.
    pub location: Option<String>,
    /// The folder of the embedding models.
    pub models: PathBuf,
    /// Which model.
    pub model: ModelChoice,
    /// Which cross-encoder has the last word on the order of what is found.
    pub reranker: RerankerChoice,
    /// The ONNX Runtime library, if not beside the models or in the system's folders.
    pub onnx_runtime: Option<PathBuf>,
    /// Whether a model that is not there may be downloaded.
    pub download: bool,
    /// The file of embeddings that were made before; `None`: beside the indexes.
    pub cache: Option<PathBuf>,
    /// How long old versions are kept.
    pub keep_versions: Duration,
    /// A glossary in addition to the built-in one.
    pub glossary: Option<PathBuf>,
    /// What the clusters are: of documents of one title, that of this platform comes first.
    pub platform: Option<Platform>,
    /// Bounds on what is read.
    pub limits: Limits,
    /// What every text for a remote model goes through first: secrets stay here.
    pub scrub: Option<Scrub>,
}

/// Takes out of a text what must not leave.
pub type Scrub = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Which embedding model.
#[derive(Clone, PartialEq, Eq)]
pub enum ModelChoice {
    /// None: search by words only.
    None,
    /// One on this machine, by name.
    Local(String),
    /// One behind an OpenAI-compatible endpoint.
    Remote {
        /// Base URL, with `/v1`.
        url: url::Url,
        /// The model's name there.
        model: String,
        /// The key, empty where none is asked for. Never logged.
        key: String,
        /// The dimension to ask for.
        dimension: Option<usize>,
    },
}

/// Which cross-encoder. It is always one on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RerankerChoice {
    /// None.
    None,
    /// This one if its folder is among the models; nothing is missing where it is not, and it is never downloaded.
    WhenPresent(String),
    /// This one. Where it is missing, answers say so.
    Named(String),
}

/// The reranker that is used where its folder is among the models and no other is named: jina-reranker-v1-turbo-en,
/// English, 6 layers, 38 million parameters, Apache-2.0.
pub const DEFAULT_RERANKER: &str = "jina-reranker-v1-turbo-en";

/// The model that is used unless another is named: all-MiniLM-L6-v2 with int8 weights, 384 dimensions, Apache-2.0.
pub const DEFAULT_MODEL: &str = "all-MiniLM-L6-v2-int8";

impl KnowledgeSettings {
    /// A knowledge base in a folder with the default model from a models folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, models: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            location: None,
            models: models.into(),
            model: ModelChoice::Local(DEFAULT_MODEL.to_owned()),
            reranker: RerankerChoice::WhenPresent(DEFAULT_RERANKER.to_owned()),
            onnx_runtime: None,
            download: false,
            cache: None,
            keep_versions: Duration::from_secs(30 * 24 * 3600),
            glossary: None,
            platform: None,
            limits: Limits::default(),
            scrub: None,
        }
    }
}

/// What a caller can do something about.
#[derive(Debug, Error)]
pub enum KnowledgeError {
    /// Another process writes there; in an object store it says which.
    #[error("another process is writing to the knowledge base in {0}; try again when it has finished")]
    Busy(String),
    /// What keeps writers on other machines away was lost while writing.
    #[error(
        "the writer's lock of {place} was lost: {why}. What was committed before is there; do it again for the rest"
    )]
    LockLost {
        /// Which knowledge base.
        place: String,
        /// Why.
        why: String,
    },
    /// The index was made differently.
    #[error("the knowledge base cannot be added to: {0}. Run `kubewright ingest --rebuild` to make it anew")]
    Recipe(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The question or the input is of no use.
    #[error("{0}")]
    Invalid(String),
}

/// An open knowledge base. Cheap to clone.
#[derive(Clone)]
pub struct KnowledgeBase {
    inner: Arc<Inner>,
}

struct Inner {
    settings: KnowledgeSettings,
    glossary: Glossary,
    backing: Backing,
    lexical: Mutex<Arc<Lexical>>,
    view: Mutex<Option<Arc<View>>>,
}

/// One state of the whole, for readers.
struct View {
    lexical: LexicalView,
    roster: Roster,
    backing: Option<backing::BackingView>,
    /// Where the truth's rows stand in the index of words, found at the first question by meaning.
    places: OnceCell<Places>,
}

impl KnowledgeBase {
    /// Opens a knowledge base, or makes an empty one. A damaged index of words is rebuilt from the truth.
    ///
    /// # Errors
    /// When the folder cannot be used, or the truth is damaged: then the message says what to do.
    pub async fn open(settings: KnowledgeSettings) -> anyhow::Result<Self> {
        let folder = &settings.folder;
        std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        let mut glossary = Glossary::built_in()?;
        if let Some(file) = &settings.glossary {
            glossary = glossary.with_file(file)?;
        }
        let backing = Backing::open(&settings).await?;
        let lexical = match Lexical::open(&words_folder(folder))? {
            Some(lexical) => lexical,
            None => {
                let _lock = FolderLock::take(folder)?;
                Lexical::recreate(&words_folder(folder))?
            }
        };
        let inner = Inner {
            settings,
            glossary,
            backing,
            lexical: Mutex::new(Arc::new(lexical)),
            view: Mutex::new(None),
        };
        let base = Self { inner: Arc::new(inner) };
        base.mirror_if_behind().await?;
        Ok(base)
    }

    /// Brings the index of words up to the truth if another replica has written to it, and says whether one had. Where the
    /// truth lies in the folder itself there are no replicas, and nothing is done.
    ///
    /// # Errors
    /// When the truth cannot be read; then the last state is served further.
    pub async fn catch_up(&self) -> anyhow::Result<bool> {
        if self.inner.settings.location.is_none() {
            return Ok(false);
        }
        self.mirror_if_behind().await
    }

    /// Brings the index of words up to the truth where it is behind: after a crash, or when another replica has written.
    /// Says whether it was.
    async fn mirror_if_behind(&self) -> anyhow::Result<bool> {
        let (version, recipe) = self.inner.backing.latest().await?;
        let stamp = self.lexical().stamp()?;
        if stamp.is_some_and(|stamp| stamp.truth == version && stamp.recipe == recipe) {
            return Ok(false);
        }
        // Whoever writes right now will bring it up to date; until then the last state is served.
        let Ok(_lock) = FolderLock::take(&self.inner.settings.folder) else { return Ok(false) };
        self.level().await?;
        Ok(true)
    }

    /// Brings the index of words up to the truth, and says how its passages are made. Call with the writer's lock.
    async fn level(&self) -> anyhow::Result<Recipe> {
        let (version, recipe) = self.inner.backing.latest().await?;
        let stamp = self.lexical().stamp()?;
        if !stamp.is_some_and(|stamp| stamp.truth == version && stamp.recipe == recipe) {
            self.mirror(version, &recipe).await?;
        }
        Ok(recipe)
    }

    /// Makes the index of words anew from the truth. Call with the writer's lock.
    async fn mirror(&self, version: u64, recipe: &Recipe) -> anyhow::Result<()> {
        let passages = match self.inner.backing.all(version).await? {
            Some(passages) => passages,
            // The index is the truth itself: keep what it has.
            None => match self.lexical().view()? {
                Some(view) => view.passages()?,
                None => Vec::new(),
            },
        };
        let (lexical, recipe) = (self.lexical(), recipe.clone());
        tracing::info!(passages = passages.len(), version, "making the index of words from the truth");
        blocking(move || lexical.replace_all(version, &recipe, &passages)).await
    }

    fn lexical(&self) -> Arc<Lexical> {
        self.inner.lexical.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest state. Opens the truth at the version that the index of words mirrors.
    async fn view(&self) -> anyhow::Result<Arc<View>> {
        let lexical = self.lexical();
        let stamp = lexical.stamp()?;
        let known = self.inner.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(known), Some(stamp)) = (&known, &stamp)
            && known.lexical.stamp == *stamp
        {
            return Ok(known.clone());
        }
        let read = move || {
            let Some(view) = lexical.view()? else { return Ok(None) };
            let roster = view.roster()?;
            Ok(Some((view, roster)))
        };
        let read = blocking(read).await?;
        let (view, roster) = read.context("the knowledge base has no state yet; run `kubewright ingest`")?;
        let backing = match self.inner.backing.at(view.stamp.truth).await {
            Ok(backing) => backing,
            Err(error) => {
                tracing::warn!(%error, version = view.stamp.truth, "the vectors of this version cannot be read");
                None
            }
        };
        let view = Arc::new(View { lexical: view, roster, backing, places: OnceCell::new() });
        *self.inner.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(view.clone());
        Ok(view)
    }

    /// Why search by meaning is not available; `None` if it is. Loads the model.
    pub async fn degraded(&self) -> Option<String> {
        let view = match self.view().await {
            Ok(view) => view,
            Err(error) => return Some(format!("{error:#}")),
        };
        self.usable(&view).await.err()
    }

    /// Whether questions can be asked by meaning of this state.
    async fn usable(&self, view: &View) -> Result<(), String> {
        let stamp = &view.lexical.stamp;
        self.inner.backing.usable(&stamp.recipe, stamp.passages == 0).await
    }

    /// Whether there is nothing to find.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn is_empty(&self) -> anyhow::Result<bool> {
        Ok(self.view().await?.lexical.stamp.passages == 0)
    }

    /// Whether the truth lies where other machines may write to it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.inner.settings.location.is_some()
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.settings.folder
    }
}

fn words_folder(folder: &Path) -> PathBuf {
    folder.join("words")
}

/// Runs heavy work away from the async threads, within the caller's span.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await?
}
