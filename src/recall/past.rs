//! Past incidents: how they are remembered, and which are like one that is going on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use kubewright_ingest::KnowledgeBase;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{
    Attributes, Filter, KnowledgeError, RawDocument, Recall, RecallError, SearchRequest, SearchResult,
    SourceReport, Symptoms, episode,
};
use crate::incident::{Incident, IncidentId};
use crate::telemetry::metrics;

/// Closed incidents that wait to be remembered; further ones are found by the next comparison with the store.
const WAITING: usize = 1_000;

/// A past incident that is like another.
#[derive(Debug, Clone, PartialEq)]
pub struct PastIncident {
    /// Which.
    pub incident: IncidentId,
    /// What of it was found, with its labels and citation.
    pub found: SearchResult,
}

/// Who has closed and was not remembered yet.
pub(super) struct Closings {
    queue: mpsc::Sender<IncidentId>,
    waiting: Mutex<Option<mpsc::Receiver<IncidentId>>>,
}

impl Default for Closings {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        Self { queue, waiting: Mutex::new(Some(waiting)) }
    }
}

impl Recall {
    /// Says that an incident may have closed, so that it is remembered soon. Never waits; what does not fit is
    /// found by the next comparison with the store.
    pub fn closed(&self, id: &IncidentId) {
        if self.inner.places.is_none() {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(id)) = self.inner.closings.queue.try_send(id.clone()) {
            metrics::episodes_failed(1);
            warn!(incident = %id, "too many incidents wait to be remembered; this one is later");
        }
    }

    /// The incidents that may have closed; `None` when somebody else has asked before.
    #[must_use]
    pub fn closings(&self) -> Option<mpsc::Receiver<IncidentId>> {
        self.inner.closings.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Which incidents are remembered.
    ///
    /// # Errors
    /// [`RecallError`].
    pub async fn remembered(&self) -> Result<BTreeSet<String>, RecallError> {
        let documents = self.collections()?.episodes.base.documents().await?;
        Ok(documents.into_iter().map(|document| document.path).collect())
    }

    /// Remembers closed incidents; open ones are passed over, and one that is remembered is replaced. Returns how many
    /// were written.
    ///
    /// # Errors
    /// [`RecallError`]; then none of them is remembered.
    pub async fn remember(&self, incidents: &[Incident]) -> Result<usize, RecallError> {
        let episodes = self.collections()?.episodes;
        let documents: Vec<_> = incidents.iter().filter_map(episode::of).collect();
        if documents.is_empty() {
            return Ok(0);
        }
        let put = episodes.write(|base| {
            let documents = documents.clone();
            async move { Box::pin(put_or_rebuild(base, documents)).await }
        });
        let report = put.await.inspect_err(|_| metrics::episodes_failed(documents.len()))?;
        for refusal in &report.refused {
            warn!(incident = refusal.uri, reason = refusal.reason, "an incident could not be remembered");
        }
        let written = documents.len() - report.refused.len().min(documents.len());
        metrics::episodes_remembered(written);
        metrics::episodes_failed(report.refused.len());
        episodes.measure().await;
        Ok(written)
    }

    /// The past incidents most like `incident`, at most `k`, the best first; `filter` narrows them by label.
    ///
    /// # Errors
    /// [`RecallError`].
    pub async fn similar(
        &self,
        incident: &Incident,
        k: usize,
        filter: Filter,
    ) -> Result<Vec<PastIncident>, RecallError> {
        let episodes = self.collections()?.episodes;
        let question = Symptoms::of(incident).question();
        // One more: a closed incident finds itself.
        let request = SearchRequest { filter, k: k + 1, per_document: 1, ..SearchRequest::new(question) };
        let response = Box::pin(episodes.base.search(&request)).await?;
        let others = response.results.into_iter().filter(|found| found.citation.path != incident.id.as_str());
        let past = others.map(|found| PastIncident {
            incident: IncidentId::from_text(found.citation.path.clone()),
            found,
        });
        Ok(past.take(k).collect())
    }

    /// The past incidents most like symptoms that somebody describes, at most `k`, the best first.
    ///
    /// # Errors
    /// [`RecallError`]; a description that is of no use is a [`super::KnowledgeError::Invalid`].
    pub async fn alike(
        &self,
        symptoms: &str,
        k: usize,
        filter: Filter,
    ) -> Result<Vec<PastIncident>, RecallError> {
        let episodes = self.collections()?.episodes;
        let request = SearchRequest { filter, k, per_document: 1, ..SearchRequest::new(symptoms) };
        let response = Box::pin(episodes.base.search(&request)).await?;
        let past = response.results.into_iter().map(|found| PastIncident {
            incident: IncidentId::from_text(found.citation.path.clone()),
            found,
        });
        Ok(past.collect())
    }
}

/// Episodes have no source that could be read again: what was made by another model or chunker is made anew from them.
async fn put_or_rebuild(
    base: KnowledgeBase,
    documents: Vec<(RawDocument, Attributes)>,
) -> anyhow::Result<SourceReport> {
    match base.put(episode::SOURCE, documents.clone()).await {
        Err(error) if matches!(error.downcast_ref(), Some(KnowledgeError::Recipe(_))) => {
            info!(why = format!("{error:#}"), "past incidents are made anew");
            base.rebuild().await?;
            base.put(episode::SOURCE, documents).await
        }
        result => result,
    }
}
