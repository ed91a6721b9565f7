//! What is asked of the collections: for an incident, and by people.

use std::time::Duration;

use jiff::Timestamp;
use tracing::debug;

use super::collections::Collection;
use super::{
    BUILT_IN, DocumentInfo, Filter, KnowledgeError, Recall, RecallError, Runbook, SearchRequest,
    SearchResponse, SearchResult, Stats, Symptoms, cite, episode,
};
use crate::incident::{Evidence, Incident};

/// Passages and past incidents that become Evidence.
const PASSAGES: usize = 3;
const EPISODES: usize = 2;

/// Past incidents that are looked at for those that have something in common.
const CANDIDATES: usize = 10;

/// How long other wordings of the question may take while an incident waits.
const IN_TRIAGE: Duration = Duration::from_secs(2);

/// Runbooks linked from an incident.
const RUNBOOKS: usize = 3;

/// From this similarity on a past incident counts as alike even if it shares neither alert nor cause.
const ALIKE: f32 = 0.6;

impl Recall {
    /// What is known about such symptoms: at most three passages of documents and two past incidents, the best first,
    /// not numbered yet. Empty while there is no knowledge base, and where it fails.
    pub async fn evidence(&self, symptoms: &Symptoms<'_>) -> Vec<Evidence> {
        let Ok(collections) = self.collections() else { return Vec::new() };
        let question = symptoms.question();
        let wordings = self.wordings(&question, Some(symptoms.incident), IN_TRIAGE).await;
        let now = Timestamp::now();
        let (passages, episodes) = tokio::join!(
            self.passages(&collections.documents, symptoms, &question, &wordings),
            past(&collections.episodes, symptoms, &question),
        );
        let passages = passages.iter().zip(0..).map(|(found, rank)| cite::passage(found, rank, now));
        let episodes = episodes.iter().zip(0..).map(|(found, rank)| cite::episode(found, rank, now));
        passages.chain(episodes).collect()
    }

    /// The runbook of the cause first, then what the question finds; of each document the best passage.
    async fn passages(
        &self,
        documents: &Collection,
        symptoms: &Symptoms<'_>,
        question: &str,
        wordings: &[String],
    ) -> Vec<SearchResult> {
        let runbook = symptoms.hypotheses.first().and_then(|cause| self.runbook_for(&cause.code));
        let filter = runbook.and_then(|runbook| Filter::default().with("path", &runbook.path).ok());
        let own = async {
            match filter {
                Some(filter) => asked(documents, question, &[], filter, 1).await,
                None => Vec::new(),
            }
        };
        let version =
            symptoms.k8s_version.and_then(|version| Filter::default().with("k8s_version", version).ok());
        let all = asked(documents, question, wordings, version.unwrap_or_default(), PASSAGES);
        let (own, all) = tokio::join!(own, all);
        let mut passages: Vec<SearchResult> = Vec::new();
        for found in own.into_iter().chain(all) {
            let place = |found: &SearchResult| (found.citation.source.clone(), found.citation.path.clone());
            if passages.iter().all(|known| place(known) != place(&found)) {
                passages.push(found);
            }
        }
        passages.truncate(PASSAGES);
        passages
    }

    /// The built-in runbooks to read about an incident: those of its causes, else those of its alerts.
    #[must_use]
    pub fn runbooks_of(&self, incident: &Incident) -> Vec<&Runbook> {
        let runbooks = &self.inner.runbooks;
        let causes = incident.hypotheses.iter().filter_map(|cause| {
            let repaired_like = || runbooks.for_code(cause.playbook.as_deref()?);
            runbooks.for_code(&cause.code).or_else(repaired_like)
        });
        let mut found: Vec<&Runbook> = causes.collect();
        if found.is_empty() {
            let alerts = incident.alert_names();
            found.extend(alerts.into_iter().filter_map(|alert| self.inner.runbooks.for_alert(alert)));
        }
        let mut runbooks: Vec<&Runbook> = Vec::new();
        for runbook in found {
            if !runbooks.contains(&runbook) {
                runbooks.push(runbook);
            }
        }
        runbooks.truncate(RUNBOOKS);
        runbooks
    }

    /// Searches the documents.
    ///
    /// # Errors
    /// [`RecallError`]; a question that is of no use is a [`KnowledgeError::Invalid`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchResponse, RecallError> {
        let documents = self.collections()?.documents;
        let mut response = Box::pin(documents.base.search(request)).await?;
        if let Some(why) = self.filling(&documents).filter(|_| response.degraded.is_some()) {
            response.degraded = Some(why);
        }
        Ok(response)
    }

    /// What is missing from answers until the first ingestion is over; whether anything is, an answer says.
    fn filling(&self, documents: &Collection) -> Option<String> {
        if !self.is_refreshing() {
            return None;
        }
        Some(match documents.embedded.so_far() {
            Some((done, total)) => format!(
                "searched by words only: the knowledge base is being filled, {done} of {total} passages can be found by \
                 meaning so far"
            ),
            None => "the knowledge base is being filled; ask again in a moment".to_owned(),
        })
    }

    /// All documents, by source and path.
    ///
    /// # Errors
    /// [`RecallError`].
    pub async fn documents(&self) -> Result<Vec<DocumentInfo>, RecallError> {
        Ok(self.collections()?.documents.base.documents().await?)
    }

    /// The text of a document: as it was written where it is kept whole, else put together from its passages. A built-in
    /// runbook is there even without a knowledge base.
    ///
    /// # Errors
    /// [`RecallError`]; [`KnowledgeError::NotFound`] where there is no such document.
    pub async fn text(&self, source: &str, path: &str) -> Result<String, RecallError> {
        if let Some(runbook) = self.inner.runbooks.at(path).filter(|_| source == BUILT_IN) {
            return Ok(runbook.text.clone());
        }
        let collections = self.collections()?;
        let collection = if source == episode::SOURCE { collections.episodes } else { collections.documents };
        let passages = collection.base.document(source, path).await?;
        if let Some(original) = passages.first().and_then(|first| first.original.clone()) {
            return Ok(original.text);
        }
        let mut text = passages.first().map(|first| format!("# {}\n", first.title)).unwrap_or_default();
        for passage in &passages {
            let headings: Vec<&str> = passage.headings.iter().map(String::as_str).collect();
            if !headings.is_empty() {
                text.push_str(&format!("\n## {}\n", headings.join(" › ")));
            }
            text.push_str(&format!("\n{}\n", passage.text));
        }
        Ok(text)
    }

    /// Removes a document. One that a source still has comes back with its next ingestion.
    ///
    /// # Errors
    /// [`RecallError`]; [`KnowledgeError::Busy`] while somebody else writes.
    pub async fn remove(&self, source: &str, path: &str) -> Result<(), RecallError> {
        let documents = self.collections()?.documents;
        {
            let _turn = documents.turn().await.map_err(anyhow::Error::from)?;
            documents.base.remove(source, Some(path)).await?;
        }
        documents.measure().await;
        Ok(())
    }

    /// Notes whether a passage helped; returns how far it is believed now, 0 to 1.
    ///
    /// # Errors
    /// [`RecallError`]; [`KnowledgeError::NotFound`] where there is no such passage.
    pub async fn rate(&self, passage: &str, helpful: bool) -> Result<f32, RecallError> {
        let collections = self.collections()?;
        match rate(&collections.documents, passage, helpful).await {
            Err(error) if is_unknown(&error) => Ok(rate(&collections.episodes, passage, helpful).await?),
            rated => Ok(rated?),
        }
    }

    /// What the documents and the past incidents amount to.
    ///
    /// # Errors
    /// [`RecallError`].
    pub async fn stats(&self) -> Result<(Stats, Stats), RecallError> {
        let collections = self.collections()?;
        Ok((collections.documents.base.stats().await?, collections.episodes.base.stats().await?))
    }
}

async fn rate(collection: &Collection, passage: &str, helpful: bool) -> anyhow::Result<f32> {
    let _turn = collection.turn().await?;
    collection.base.rate(passage, helpful).await
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(KnowledgeError::NotFound(_)))
}

/// Past incidents with an alert or the cause in common, or very much alike.
async fn past(episodes: &Collection, symptoms: &Symptoms<'_>, question: &str) -> Vec<SearchResult> {
    let codes: Vec<String> =
        symptoms.hypotheses.iter().take(1).map(|cause| cause.code.to_lowercase()).collect();
    let alerts = symptoms.incident.alert_names();
    let mut found = asked(episodes, question, &[], Filter::default(), CANDIDATES).await;
    found.retain(|past| {
        let about = &past.attributes;
        past.citation.path != symptoms.incident.id.as_str()
            && (about.alerts.iter().any(|alert| alerts.contains(&alert.as_str()))
                || about.codes.first().is_some_and(|code| codes.contains(&code.to_lowercase()))
                || past.parts.vector.is_some_and(|similarity| similarity >= ALIKE))
    });
    found.truncate(EPISODES);
    found
}

/// The best passages for a question, one of a document; none where the search fails.
async fn asked(
    collection: &Collection,
    question: &str,
    wordings: &[String],
    filter: Filter,
    k: usize,
) -> Vec<SearchResult> {
    let reformulations = wordings.to_vec();
    let request =
        SearchRequest { filter, k, per_document: 1, reformulations, ..SearchRequest::new(question) };
    match Box::pin(collection.base.search(&request)).await {
        Ok(response) => response.results,
        Err(error) => {
            debug!(error = format!("{error:#}"), "nothing is remembered");
            Vec::new()
        }
    }
}
