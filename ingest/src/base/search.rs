//! Asking both indexes, at the same time and of the same state of the knowledge base.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use rustc_hash::FxHashMap;
use tantivy::DocAddress;

use super::answer::answer;
use super::backing::BackingView;
use super::{KnowledgeBase, KnowledgeError, View};
use crate::lexical::{DocumentHit, DocumentNumber, LexicalView, Places};
use crate::search::{Filter, MOST_RESULTS, Mode, Platforms, Question, SearchRequest, SearchResponse};
use crate::truth::Neighbour;

/// Passages that each search looks at.
const DEPTH: usize = 200;

/// Neighbours that the vector index is asked for.
const NEIGHBOURS: usize = 100;

/// Documents that enter the fusion from each side.
pub(super) const DOCUMENTS: usize = 100;

/// How much an expansion counts beside the words of the question, and another wording of it.
const EXPANSION: f32 = 0.7;
const REFORMULATION: f32 = 0.5;

/// Expansions that are written out for the search by meaning.
const SPOKEN_EXPANSIONS: usize = 5;

/// A document as search by meaning found it.
pub(super) struct Near {
    pub(super) document: DocumentNumber,
    pub(super) similarity: f32,
    /// Its passages with their similarity, the nearest first.
    pub(super) passages: Vec<(DocAddress, f32)>,
}

impl KnowledgeBase {
    /// Answers a question.
    ///
    /// # Errors
    /// When the question is empty or longer than [`crate::search::LONGEST_QUESTION`], or the index cannot be read.
    pub async fn search(&self, request: &SearchRequest) -> anyhow::Result<SearchResponse> {
        let started = Instant::now();
        check(request)?;
        let view = self.view().await?;
        if view.lexical.stamp.passages == 0 {
            return Ok(nothing(request, started));
        }
        let (question, expansions) = self.understand(request);
        let ((mode, degraded, near), hits) = match request.mode {
            Mode::Lexical => ((Mode::Lexical, None, Vec::new()), None),
            Mode::Vector => (self.by_meaning(&view, request, &question).await, None),
            Mode::Hybrid => {
                let by_words = {
                    let (view, question, filter) = (view.clone(), question.clone(), request.filter.clone());
                    super::blocking(move || by_words(&view, &question, &filter))
                };
                let (near, hits) = futures::join!(self.by_meaning(&view, request, &question), by_words);
                (near, Some(hits?))
            }
        };
        let reranking = self.reranking(request).await;
        let response = {
            let (request, view) = (request.clone(), view.clone());
            let platforms = Platforms::of(&request.query).or(self.inner.settings.platform);
            super::blocking(move || {
                let hits = match hits {
                    Some(hits) => hits,
                    // Who asked by meaning and cannot be answered so is answered by words.
                    None if mode == Mode::Lexical => by_words(&view, &question, &request.filter)?,
                    None => Vec::new(),
                };
                answer(&view, &request, &question, platforms, hits, near, &reranking)
            })
            .await?
        };
        let reasons: Vec<String> = degraded.into_iter().chain(response.degraded).collect();
        let degraded = (!reasons.is_empty()).then(|| reasons.join("; "));
        let took_ms = measured(mode, degraded.is_some(), started);
        Ok(SearchResponse { mode, degraded, expansions, took_ms, ..response })
    }

    fn understand(&self, request: &SearchRequest) -> (Question, Vec<String>) {
        let mut question = Question::read(&request.query);
        let expansions = self.inner.glossary.expand(&question.sentence);
        for expansion in &expansions {
            question.expand(&expansion.term, EXPANSION * expansion.weight);
        }
        for wording in &request.reformulations {
            question.expand(wording, REFORMULATION);
        }
        let spoken: Vec<&str> = expansions
            .iter()
            .filter(|expansion| expansion.weight >= 0.5)
            .take(SPOKEN_EXPANSIONS)
            .map(|expansion| expansion.term.as_str())
            .collect();
        if !spoken.is_empty() {
            question.sentence = format!("{} ({})", question.sentence, spoken.join(", "));
        }
        if let Some(wording) = request.reformulations.first() {
            question.sentence = format!("{} {wording}", question.sentence);
        }
        let mut because: Vec<String> = expansions.into_iter().map(|expansion| expansion.because).collect();
        let mut told = HashSet::new();
        because.retain(|reason| told.insert(reason.clone()));
        (question, because)
    }

    /// The nearest documents, or why there are none and how it is searched instead.
    async fn by_meaning(
        &self,
        view: &Arc<View>,
        request: &SearchRequest,
        question: &Question,
    ) -> (Mode, Option<String>, Vec<Near>) {
        if request.mode == Mode::Lexical {
            return (Mode::Lexical, None, Vec::new());
        }
        let found = async {
            self.usable(view).await.map_err(anyhow::Error::msg)?;
            let backing = view.backing.as_ref().context("the vectors of this version cannot be read")?;
            let vector = self.inner.backing.question(&question.sentence).await?;
            let places = view.places.get_or_try_init(|| places(view, backing)).await?;
            let nearest = backing.nearest(&vector, NEIGHBOURS, &request.filter).await?;
            anyhow::Ok(near(view, places, nearest))
        };
        match found.await {
            Ok(near) => (request.mode, None, near),
            Err(error) => (Mode::Lexical, Some(format!("searched by words only: {error:#}")), Vec::new()),
        }
    }
}

/// The documents that match best. One thread does all of it: waking a second one costs more than it saves.
fn by_words(view: &View, question: &Question, filter: &Filter) -> anyhow::Result<Vec<DocumentHit>> {
    if question.terms.is_empty() && question.phrases.is_empty() {
        return Ok(Vec::new());
    }
    let passages = view.lexical.best_passages(&question.terms, &question.phrases, filter, DEPTH)?;
    let documents = match question.phrases.is_empty() {
        true => view.lexical.best_documents(&question.terms, filter, DEPTH / 2)?,
        // Quoted phrases are matched where positions are kept: in passages.
        false => Vec::new(),
    };
    Ok(LexicalView::hits(&view.roster, passages, documents, DOCUMENTS))
}

/// What an empty knowledge base answers: nothing, and why.
fn nothing(request: &SearchRequest, started: Instant) -> SearchResponse {
    SearchResponse {
        mode: request.mode,
        degraded: Some("the knowledge base is empty; fill it with `kubewright ingest`".to_owned()),
        results: Vec::new(),
        facets: BTreeMap::new(),
        expansions: Vec::new(),
        took_ms: measured(request.mode, true, started),
    }
}

/// Milliseconds since the question was asked, noted for the metrics.
fn measured(mode: Mode, is_degraded: bool, started: Instant) -> f64 {
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let labels = [("mode", mode.name()), ("degraded", if is_degraded { "true" } else { "false" })];
    metrics::histogram!("kubewright_knowledge_search_duration_seconds", &labels).record(took_ms / 1_000.0);
    took_ms
}

fn check(request: &SearchRequest) -> Result<(), KnowledgeError> {
    if request.query.trim().is_empty() {
        return Err(KnowledgeError::Invalid("the question is empty".to_owned()));
    }
    if request.query.len() > crate::search::LONGEST_QUESTION {
        let most = crate::search::LONGEST_QUESTION;
        return Err(KnowledgeError::Invalid(format!(
            "the question is longer than {most} bytes; ask for its core"
        )));
    }
    if request.k == 0 || request.k > MOST_RESULTS {
        return Err(KnowledgeError::Invalid(format!("k must be between 1 and {MOST_RESULTS}")));
    }
    Ok(())
}

/// Where the truth's rows stand in the index of words.
async fn places(view: &Arc<View>, backing: &BackingView) -> anyhow::Result<Places> {
    let rows = backing.rows().await?;
    let view = view.clone();
    super::blocking(move || view.lexical.places(rows)).await
}

/// Neighbours by document, the nearest first.
fn near(view: &View, places: &Places, neighbours: Vec<Neighbour>) -> Vec<Near> {
    let mut order = Vec::<Near>::new();
    let mut known = FxHashMap::<DocumentNumber, usize>::default();
    for Neighbour { row, similarity } in neighbours {
        let Some(address) = places.of(row) else { continue };
        let Some(document) = view.roster.of(address) else { continue };
        let place = *known.entry(document).or_insert(order.len());
        match order.get_mut(place) {
            Some(known) => known.passages.push((address, similarity)),
            None => order.push(Near { document, similarity, passages: vec![(address, similarity)] }),
        }
    }
    order
}
