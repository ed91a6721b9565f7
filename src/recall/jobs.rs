//! Uploads: taken in one after the other in the background, with a list of what became of them.
//!
//! Both the queue and the list are bounded and in memory: a restart forgets them, and what had not been taken in by then
//! has to be sent again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::collections::Collections;
use super::{Attributes, RawDocument, Recall, RecallError, SourceReport};

/// The source of what people uploaded.
const UPLOADS: &str = "uploads";

/// Uploads that wait; each may be as large as the interface allows.
const WAITING: usize = 16;

/// Jobs that are remembered; the oldest are forgotten first.
const KEPT: usize = 500;

/// A document with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// The document.
    pub document: RawDocument,
    /// What its sender says about it; its front matter is stronger.
    pub attributes: Attributes,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// The document is being read and indexed.
    Running,
    /// It can be found.
    Done,
    /// It was not taken in.
    Failed,
}

impl JobState {
    /// The name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What became of an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// The source that the document belongs to.
    pub source: &'static str,
    /// The document's name.
    pub path: String,
    /// How far it is.
    pub state: JobState,
    /// When it was sent.
    pub submitted_at: Timestamp,
    /// When it was done or had failed.
    pub finished_at: Option<Timestamp>,
    /// What was done.
    pub report: Option<SourceReport>,
    /// Why it failed, for people.
    pub error: Option<String>,
}

/// A place in the queue, taken before the document is read off the network.
#[derive(Debug)]
pub struct Slot(mpsc::OwnedPermit<(String, Upload)>);

pub(super) struct Jobs {
    queue: mpsc::Sender<(String, Upload)>,
    waiting: Mutex<Option<mpsc::Receiver<(String, Upload)>>>,
    list: Mutex<VecDeque<Job>>,
}

impl Default for Jobs {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        Self { queue, waiting: Mutex::new(Some(waiting)), list: Mutex::default() }
    }
}

impl Recall {
    /// Takes a place in the queue; `None` when all are taken.
    ///
    /// # Errors
    /// [`RecallError::Unavailable`].
    pub fn reserve(&self) -> Result<Option<Slot>, RecallError> {
        self.collections()?;
        Ok(self.inner.jobs.queue.clone().try_reserve_owned().ok().map(Slot))
    }

    /// Queues an upload.
    #[must_use]
    pub fn submit(&self, slot: Slot, upload: Upload) -> Job {
        let job = Job {
            id: format!("job-{:016x}", rand::random::<u64>()),
            source: UPLOADS,
            path: upload.document.path.clone(),
            state: JobState::Queued,
            submitted_at: Timestamp::now(),
            finished_at: None,
            report: None,
            error: None,
        };
        self.inner.jobs.keep(job.clone());
        slot.0.send((job.id.clone(), upload));
        job
    }

    /// What became of an upload; `None` for one that was never made or is forgotten.
    #[must_use]
    pub fn job(&self, id: &str) -> Option<Job> {
        self.inner.jobs.list().iter().find(|job| job.id == id).cloned()
    }
}

impl Jobs {
    fn list(&self) -> std::sync::MutexGuard<'_, VecDeque<Job>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, job: Job) {
        let mut list = self.list();
        list.push_back(job);
        // The queue is shorter than the list: whatever is dropped has ended.
        while list.len() > KEPT {
            list.pop_front();
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.list().iter_mut().find(|job| job.id == id) {
            change(job);
        }
    }

    /// Works the queue off for as long as it is polled.
    pub(super) async fn work(&self, collections: &Collections) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        while let Some((id, upload)) = waiting.recv().await {
            self.change(&id, |job| job.state = JobState::Running);
            let result = take_in(collections, upload).await;
            match &result {
                Ok(report) => info!(job = id, passages = report.passages, "an upload was taken in"),
                Err((_, why)) => warn!(job = id, why, "an upload was not taken in"),
            }
            self.change(&id, |job| {
                job.finished_at = Some(Timestamp::now());
                (job.state, job.report, job.error) = match result {
                    Ok(report) => (JobState::Done, Some(report), None),
                    Err((report, why)) => (JobState::Failed, report, Some(why)),
                };
            });
        }
    }
}

/// The report, or why the document was not taken in, as its sender may read it.
async fn take_in(
    collections: &Collections,
    Upload { document, attributes }: Upload,
) -> Result<SourceReport, (Option<SourceReport>, String)> {
    let put = collections.documents.write(|base| {
        let documents = vec![(document.clone(), attributes.clone())];
        async move { Box::pin(base.put(UPLOADS, documents)).await }
    });
    let report = put.await.map_err(|error| (None, safe(&error)))?;
    collections.documents.measure().await;
    match report.refused.first() {
        Some(refusal) => {
            let why = refusal.reason.clone();
            Err((Some(report), why))
        }
        None if report.empty > 0 => Err((Some(report), "has no text".to_owned())),
        None => Ok(report),
    }
}

/// What a client may read of an error: the knowledge base's own sentences; the rest is for the log.
fn safe(error: &anyhow::Error) -> String {
    match error.downcast_ref::<super::KnowledgeError>() {
        Some(super::KnowledgeError::Busy(_) | super::KnowledgeError::LockLost { .. }) => {
            "another process writes to the knowledge base; send the document again later".to_owned()
        }
        Some(known) => known.to_string(),
        None => {
            warn!(error = format!("{error:#}"), "an upload failed");
            "the server failed; its log says more".to_owned()
        }
    }
}
