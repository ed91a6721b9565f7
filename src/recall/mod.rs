//! The port to the knowledge base: documents and past incidents, found again when they help.
//!
//! Owns both collections while the server runs: opening them in the background, the first ingestion, what is asked of
//! them for an incident, how a closed incident is remembered, and uploads. How documents are read, indexed and searched
//! is the business of `kubewright_ingest`; when to ask and when to remember is the workflow's. Nothing waits for it: a
//! search before the collections are open finds nothing, and a server whose collections cannot be opened works without.

mod answers;
mod cite;
mod collections;
mod episode;
mod jobs;
mod past;
mod question;
#[cfg(test)]
mod recall_tests;
mod refresh;
mod reword;
mod runbooks;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use kubewright_ingest::search::{
    Citation, Filter, FilterError, MOST_RESULTS, Mode, SearchRequest, SearchResponse, SearchResult,
};
pub use kubewright_ingest::{
    Attributes, Category, DocumentInfo, KnowledgeError, KnowledgeSettings, RawDocument, Severity,
    SourceReport, Stats, Validators,
};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use cite::{EPISODE, PASSAGE, document_href};
pub use jobs::{Job, JobState, Slot, Upload};
pub use past::PastIncident;
pub use question::Symptoms;
pub use reword::{Reword, wordings};
pub use runbooks::{BUILT_IN, Runbook};

use crate::telemetry::metrics;
use collections::Collections;
use jobs::Jobs;
use past::Closings;
use runbooks::Runbooks;

/// How long after a failure the collections are opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(60);

/// Where both collections are, and what is read into the first.
#[derive(Clone)]
pub struct Places {
    /// What people wrote.
    pub documents: KnowledgeSettings,
    /// What kubewright has seen.
    pub episodes: KnowledgeSettings,
    /// The list of sources that is read at the start, beside the built-in runbooks.
    pub manifest: Option<PathBuf>,
}

/// Why something was not found, noted or taken in.
#[derive(Debug, Error)]
pub enum RecallError {
    /// There is no knowledge base now; the text says why and what to do.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The knowledge base has refused or failed; often a [`KnowledgeError`].
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// The port. Cheap to clone.
#[derive(Clone)]
pub struct Recall {
    inner: Arc<Inner>,
}

struct Inner {
    places: Option<Places>,
    state: watch::Sender<State>,
    runbooks: Runbooks,
    jobs: Jobs,
    closings: Closings,
    reword: OnceLock<Arc<dyn Reword>>,
}

/// How far it is.
#[derive(Clone)]
enum State {
    Off,
    Opening,
    Failed,
    Open(Collections),
    /// Open, and the first ingestion is over.
    Settled(Collections),
}

impl Recall {
    /// A port to the collections in `places`, closed until [`Recall::run`] opens them. `None`: switched off for good.
    pub async fn new(places: Option<Places>) -> Self {
        let state = if places.is_some() { State::Opening } else { State::Off };
        let inner = Inner {
            places,
            state: watch::Sender::new(state),
            runbooks: Runbooks::read().await,
            jobs: Jobs::default(),
            closings: Closings::default(),
            reword: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens the collections, brings them up to date and works uploads off, until `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) {
        let Some(places) = &self.inner.places else {
            info!("knowledge is switched off; incidents are worked on without documents and past incidents");
            return;
        };
        let Some(collections) = shutdown.run_until_cancelled(self.open(places)).await else { return };
        self.inner.state.send_replace(State::Open(collections.clone()));
        let refreshed = async {
            collections.refresh(places.manifest.as_deref()).await;
            self.inner.state.send_replace(State::Settled(collections.clone()));
        };
        let followed = async { tokio::join!(collections.documents.follow(), collections.episodes.follow()) };
        shutdown
            .run_until_cancelled(Box::pin(futures::future::join3(
                refreshed,
                self.inner.jobs.work(&collections),
                followed,
            )))
            .await;
    }

    /// Opens the collections beside a server that keeps them up to date, until `shutdown`. Nothing is written, except that
    /// documents without any get the built-in runbooks.
    pub async fn read(&self, shutdown: CancellationToken) {
        let Some(places) = &self.inner.places else { return };
        let reading = async {
            let collections = self.open(places).await;
            self.inner.state.send_replace(State::Open(collections.clone()));
            match collections.documents.base.documents().await {
                Ok(documents) if documents.is_empty() => collections.refresh(None).await,
                Ok(_) => collections.prepare().await,
                Err(error) => warn!(error = format!("{error:#}"), "the documents cannot be read"),
            }
            self.inner.state.send_replace(State::Settled(collections.clone()));
            tokio::join!(collections.documents.follow(), collections.episodes.follow());
        };
        shutdown.run_until_cancelled(Box::pin(reading)).await;
    }

    /// Tries until they are open.
    async fn open(&self, places: &Places) -> Collections {
        loop {
            match Collections::open(places).await {
                Ok(collections) => return collections,
                Err(error) => {
                    let error = format!("{error:#}");
                    warn!(
                        error,
                        "knowledge cannot be opened; incidents are worked on without it, it is tried again"
                    );
                    metrics::knowledge_degraded("documents", true);
                    metrics::knowledge_degraded("episodes", true);
                    self.inner.state.send_replace(State::Failed);
                }
            }
            tokio::time::sleep(OPEN_AGAIN).await;
        }
    }

    /// Waits until the first ingestion is over. Returns at once when knowledge is switched off or cannot be opened.
    pub async fn settled(&self) {
        let mut state = self.inner.state.subscribe();
        let settled = |state: &State| !matches!(state, State::Opening | State::Open(_));
        // The sender lives as long as `self`.
        let _ = state.wait_for(settled).await;
    }

    /// Waits until there are collections; `false` when there will never be any.
    pub async fn opened(&self) -> bool {
        let mut state = self.inner.state.subscribe();
        let known = |state: &State| matches!(state, State::Off | State::Open(_) | State::Settled(_));
        state.wait_for(known).await.is_ok_and(|state| !matches!(*state, State::Off))
    }

    /// Whether the collections are open and the first ingestion is not over.
    fn is_refreshing(&self) -> bool {
        matches!(*self.inner.state.borrow(), State::Open(_))
    }

    /// How it stands, in a few words that anybody may read.
    #[must_use]
    pub fn standing(&self) -> &'static str {
        match &*self.inner.state.borrow() {
            State::Off => "switched off",
            State::Opening => "being opened",
            State::Failed => "cannot be opened; the log says why",
            State::Open(_) => "being brought up to date",
            State::Settled(collections) if collections.is_degraded() => {
                "searched by words only; the log says why"
            }
            State::Settled(_) => "ready",
        }
    }

    /// The collections, if they are open.
    fn collections(&self) -> Result<Collections, RecallError> {
        let unavailable = match &*self.inner.state.borrow() {
            State::Off => {
                "knowledge is switched off; set enabled = true under [knowledge] in the configuration"
            }
            State::Opening => "knowledge is being opened; try again in a moment",
            State::Failed => {
                "knowledge cannot be opened; the server's log says why, and it is tried again every minute"
            }
            State::Open(collections) | State::Settled(collections) => return Ok(collections.clone()),
        };
        Err(RecallError::Unavailable(unavailable))
    }

    /// The built-in runbook that is about a diagnosis code; where several are, the one that names it first.
    #[must_use]
    pub fn runbook_for(&self, code: &str) -> Option<&Runbook> {
        self.inner.runbooks.for_code(code)
    }

    /// The built-in runbook that is about an alert; where several are, the one that names it first.
    #[must_use]
    pub fn runbook_for_alert(&self, alert: &str) -> Option<&Runbook> {
        self.inner.runbooks.for_alert(alert)
    }
}
