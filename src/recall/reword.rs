//! Other wordings of a question, where somebody can make them.

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Recall, RecallError, SearchRequest, SearchResponse};
use crate::incident::Incident;

/// How long a search waits for other wordings.
const DEADLINE: Duration = Duration::from_secs(5);

/// How much longer than it was told somebody may take, to note what was used.
const GRACE: Duration = Duration::from_millis(200);

/// Most wordings that are taken.
const MOST: usize = 3;

/// Longest wording, bytes.
const LONGEST: usize = 400;

/// Makes other wordings of a question; a language model does.
pub trait Reword: Send + Sync {
    /// Other wordings, none where it fails or would take longer than `patience`. What it is given has not been scrubbed.
    /// `about`: the incident for whose sake it is asked.
    fn reword<'a>(
        &'a self,
        question: &'a str,
        about: Option<&'a Incident>,
        patience: Duration,
    ) -> BoxFuture<'a, Vec<String>>;
}

impl Recall {
    /// Lets `reword` make other wordings from now on. The first one stays.
    pub fn reword_by(&self, reword: std::sync::Arc<dyn Reword>) {
        if self.inner.reword.set(reword).is_err() {
            tracing::debug!("questions are reworded already");
        }
    }

    /// Searches the documents by the question and other wordings of it. Without anybody who makes them it is an ordinary
    /// search.
    ///
    /// # Errors
    /// As [`Recall::search`].
    pub async fn search_reworded(&self, request: &SearchRequest) -> Result<SearchResponse, RecallError> {
        let wordings = self.wordings(&request.query, None, DEADLINE).await;
        let request = SearchRequest {
            reformulations: [request.reformulations.clone(), wordings].concat(),
            ..request.clone()
        };
        self.search(&request).await
    }

    /// Other wordings of a question; none without a model, or when it takes too long.
    pub(super) async fn wordings(
        &self,
        question: &str,
        about: Option<&Incident>,
        patience: Duration,
    ) -> Vec<String> {
        match self.inner.reword.get() {
            Some(reword) => within(patience, &**reword, question, about).await,
            None => Vec::new(),
        }
    }
}

/// Other wordings of a question, as many as a search takes; none when it takes longer than a person would wait.
pub async fn wordings(reword: &dyn Reword, question: &str) -> Vec<String> {
    within(DEADLINE, reword, question, None).await
}

async fn within(
    patience: Duration,
    reword: &dyn Reword,
    question: &str,
    about: Option<&Incident>,
) -> Vec<String> {
    let asked = tokio::time::timeout(patience + GRACE, reword.reword(question, about, patience)).await;
    let wordings = asked.unwrap_or_default().into_iter();
    wordings.filter(|wording| !wording.trim().is_empty() && wording.len() <= LONGEST).take(MOST).collect()
}
