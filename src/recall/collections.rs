//! Both collections while they are open: who writes when, and what is measured after a write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use kubewright_ingest::{IngestProgress, KnowledgeBase, KnowledgeError};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{info, warn};

use super::Places;
use crate::telemetry::metrics;

/// How long a person's click waits for a write that is going on in this process.
const TURN: Duration = Duration::from_secs(2);

/// The name of the collection of documents.
const DOCUMENTS: &str = "documents";

/// How often and after which pause background work tries again while another process writes.
const BUSY_TRIES: u32 = 24;
const BUSY_PAUSE: Duration = Duration::from_secs(5);

/// How often it is looked whether another replica has written.
const LOOK: Duration = Duration::from_secs(20);

/// Documents and episodes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Collections {
    pub(super) documents: Collection,
    pub(super) episodes: Collection,
}

/// One collection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Collection {
    pub(super) base: KnowledgeBase,
    name: &'static str,
    /// Writers of this process queue here instead of finding the knowledge base busy.
    writing: Arc<Mutex<()>>,
    degraded: Arc<AtomicBool>,
    pub(super) embedded: Arc<Embedded>,
}

/// How many passages of the ingestion under way have their vector.
#[derive(Default)]
pub(super) struct Embedded {
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Embedded {
    pub(super) fn note(&self, step: &IngestProgress<'_>) {
        if let IngestProgress::Embedded { done, total, .. } = step {
            self.done.store(*done, Ordering::Relaxed);
            self.total.store(*total, Ordering::Relaxed);
        }
    }

    /// With vector, and in all; `None` before the first is made.
    pub(super) fn so_far(&self) -> Option<(usize, usize)> {
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        (total > 0).then_some((done, total))
    }
}

impl Collections {
    pub(super) async fn open(places: &Places) -> anyhow::Result<Self> {
        let documents = KnowledgeBase::open(places.documents.clone()).await.context("the documents")?;
        let episodes = KnowledgeBase::open(places.episodes.clone()).await.context("the past incidents")?;
        Ok(Self {
            documents: Collection::new(DOCUMENTS, documents),
            episodes: Collection::new("episodes", episodes),
        })
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.documents.degraded.load(Ordering::Relaxed)
    }
}

impl Collection {
    fn new(name: &'static str, base: KnowledgeBase) -> Self {
        Self { base, name, writing: Arc::default(), degraded: Arc::default(), embedded: Arc::default() }
    }

    /// Waits for a turn to write, for as long as a person would.
    pub(super) async fn turn(&self) -> Result<MutexGuard<'_, ()>, KnowledgeError> {
        let turn = tokio::time::timeout(TURN, self.writing.lock()).await;
        turn.map_err(|_| KnowledgeError::Busy(self.base.folder().display().to_string()))
    }

    /// Writes in the background: waits for its turn, and for other processes for two minutes.
    pub(super) async fn write<T, F>(&self, work: impl Fn(KnowledgeBase) -> F) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<T>>,
    {
        let _turn = self.writing.lock().await;
        for _ in 1..BUSY_TRIES {
            match work(self.base.clone()).await {
                Err(error) if is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
                result => return result,
            }
        }
        work(self.base.clone()).await
    }

    /// Sees what other replicas write, for as long as it is polled.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let caught_up = {
                // While this process writes, it sees what others have written.
                let Ok(_turn) = self.writing.try_lock() else { continue };
                Box::pin(self.base.catch_up()).await
            };
            match caught_up {
                Ok(true) => self.measure().await,
                Ok(false) => {}
                Err(error) => {
                    let error = format!("{error:#}");
                    warn!(collection = self.name, error, "it is not known what other replicas have written");
                }
            }
        }
    }

    /// Loads the reranker, if there is one: the first question would not wait for that.
    pub(super) async fn load_reranker(&self) {
        match self.base.reranker().await {
            Ok(None) => {}
            Ok(Some(reranker)) => info!(collection = self.name, reranker, "knowledge is reranked"),
            Err(why) => warn!(collection = self.name, why, "knowledge is searched, but not reranked"),
        }
    }

    /// Sets the metrics of what is there.
    pub(super) async fn measure(&self) {
        let stats = match self.base.stats().await {
            Ok(stats) => stats,
            Err(error) => {
                warn!(collection = self.name, error = format!("{error:#}"), "knowledge cannot be counted");
                return;
            }
        };
        metrics::knowledge_size(self.name, stats.documents, stats.passages);
        // Without documents nothing is found; that there are no past incidents yet is as it should be.
        let has_nothing = stats.passages == 0 && self.name == DOCUMENTS;
        metrics::knowledge_degraded(self.name, has_nothing || stats.degraded.is_some());
        let was = self.degraded.swap(stats.degraded.is_some(), Ordering::Relaxed);
        if let Some(why) = stats.degraded.filter(|_| !was) {
            warn!(collection = self.name, why, "knowledge is searched by words only");
        }
    }
}

pub(super) fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(KnowledgeError::Busy(_) | KnowledgeError::LockLost { .. }))
}
