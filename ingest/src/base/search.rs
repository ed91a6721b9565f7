//! Answering a question from one state of the knowledge base.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tantivy::DocAddress;

use super::rerank::Reranking;
use super::{KnowledgeBase, KnowledgeError, View};
use crate::Passage;
use crate::lexical::{DocumentHit, DocumentNumber};
use crate::search::{
    Citation, MOST_RESULTS, Mode, Platforms, Question, Ranked, ScoreParts, SearchRequest, SearchResponse,
    SearchResult, Snippet, fuse, order_twins, snippet,
};

/// Passages that each search looks at.
const DEPTH: usize = 200;

/// Neighbours that the vector index is asked for.
const NEIGHBOURS: usize = 100;

/// Documents that enter the fusion from each side.
const DOCUMENTS: usize = 100;

/// How much an expansion counts beside the words of the question, and another wording of it.
const EXPANSION: f32 = 0.7;
const REFORMULATION: f32 = 0.5;

/// Expansions that are written out for the search by meaning.
const SPOKEN_EXPANSIONS: usize = 5;

/// A further passage of the same document counts this much of the one before.
const NEXT_OF_DOCUMENT: f32 = 0.6;

/// A passage that is fully trusted counts a tenth more than one of which nobody said anything, one that is not at all a
/// tenth less.
const TRUST: f32 = 0.2;

/// A document with what both searches said about it.
#[derive(Default)]
struct Candidate {
    lexical: Option<(usize, f32)>,
    vector: Option<(usize, f32)>,
    /// Its passages with their similarity and BM25 where known, in the order of relevance.
    passages: Vec<(DocAddress, Option<f32>)>,
}

/// A document as search by meaning found it.
struct Near {
    document: DocumentNumber,
    similarity: f32,
    passages: Vec<(DocAddress, f32)>,
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
        let (question, expansions) = self.understand(request);
        let (mode, degraded, near) = self.by_meaning(&view, request, &question).await;
        let hits =
            if mode == Mode::Vector { Vec::new() } else { self.by_words(&view, request, &question).await? };
        let reranking = self.reranking(request).await;
        let response = {
            let (request, view) = (request.clone(), view.clone());
            let platforms = Platforms::of(&request.query).or(self.inner.settings.platform);
            super::blocking(move || answer(&view, &request, &question, platforms, hits, near, &reranking))
                .await?
        };
        let reasons: Vec<String> = degraded.into_iter().chain(response.degraded).collect();
        let degraded = (!reasons.is_empty()).then(|| reasons.join("; "));
        let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let labels = [("mode", mode.name()), ("degraded", if degraded.is_some() { "true" } else { "false" })];
        metrics::histogram!("kubewright_knowledge_search_duration_seconds", &labels)
            .record(took_ms / 1_000.0);
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

    async fn by_words(
        &self,
        view: &Arc<View>,
        request: &SearchRequest,
        question: &Question,
    ) -> anyhow::Result<Vec<DocumentHit>> {
        let (view, question, filter) = (view.clone(), question.clone(), request.filter.clone());
        super::blocking(move || {
            view.lexical.search(&view.roster, &question.terms, &question.phrases, &filter, DOCUMENTS, DEPTH)
        })
        .await
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
            self.inner.backing.usable(&view.lexical.stamp.recipe).await.map_err(anyhow::Error::msg)?;
            let backing = view.backing.as_ref().context("the vectors of this version cannot be read")?;
            let vector = self.inner.backing.question(&question.sentence).await?;
            near(view, backing.nearest(&vector, NEIGHBOURS, &request.filter).await?)
        };
        match found.await {
            Ok(near) => (request.mode, None, near),
            Err(error) => (Mode::Lexical, Some(format!("searched by words only: {error:#}")), Vec::new()),
        }
    }
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

/// Neighbours by document, the nearest first.
fn near(view: &View, neighbours: Vec<crate::truth::Neighbour>) -> anyhow::Result<Vec<Near>> {
    let mut order = Vec::<Near>::new();
    let mut places = HashMap::<DocumentNumber, usize>::new();
    for neighbour in neighbours {
        let Some(address) = view.lexical.find(&neighbour.id)? else { continue };
        let Some(document) = view.roster.of(address) else { continue };
        let place = *places.entry(document).or_insert(order.len());
        match order.get_mut(place) {
            Some(known) => known.passages.push((address, neighbour.similarity)),
            None => order.push(Near {
                document,
                similarity: neighbour.similarity,
                passages: vec![(address, neighbour.similarity)],
            }),
        }
    }
    Ok(order)
}

/// Fuses both rankings, has them reranked and reads the passages that are shown.
fn answer(
    view: &View,
    request: &SearchRequest,
    question: &Question,
    platforms: Platforms,
    mut hits: Vec<DocumentHit>,
    mut near: Vec<Near>,
    reranking: &Reranking,
) -> anyhow::Result<SearchResponse> {
    let kin = |document| view.roster.card(document).and_then(|card| card.kin.as_ref());
    order_twins(&mut hits, platforms, |hit| kin(hit.document));
    order_twins(&mut near, platforms, |near| kin(near.document));
    let rankings = [
        Ranked { keys: hits.iter().map(|hit| hit.document).collect(), weight: 1.0 },
        Ranked { keys: near.iter().map(|near| near.document).collect(), weight: 1.0 },
    ];
    let mut fused = fuse(&rankings);
    let candidates = candidates(&hits, &near);
    break_ties(&mut fused, &candidates);
    let reranked = reranking.apply(&mut fused, |document| best_text(view, *document, &candidates))?;
    let terms: HashSet<&str> = question.terms.iter().map(|weighted| weighted.term.as_str()).collect();
    let mut results = Vec::new();
    // Trust and diversity may move passages, but not from far below.
    let looked_at = request.k + 10;
    for (place, (document, score)) in fused.iter().take(looked_at).enumerate() {
        let Some(candidate) = candidates.get(document) else { continue };
        for (nth, (passage, similarity)) in
            passages(view, *document, candidate, request.per_document)?.iter().enumerate()
        {
            let score = score * NEXT_OF_DOCUMENT.powi(i32::try_from(nth).unwrap_or(i32::MAX));
            // The document's best passage is the one that was read.
            let rerank = reranked.said(place).filter(|_| nth == 0);
            results.push(result(passage, score, *similarity, rerank, candidate));
        }
    }
    results.sort_by(|a, b| b.score.total_cmp(&a.score));
    let facets = facets(view, &fused);
    let mut results = fold(results);
    results.truncate(request.k);
    for result in &mut results {
        result.snippet = snippet(&result.text, &terms);
    }
    Ok(SearchResponse {
        mode: request.mode,
        degraded: reranked.degraded,
        results,
        facets,
        expansions: Vec::new(),
        took_ms: 0.0,
    })
}

fn candidates(hits: &[DocumentHit], near: &[Near]) -> HashMap<DocumentNumber, Candidate> {
    let mut candidates = HashMap::<DocumentNumber, Candidate>::new();
    for (rank, near) in near.iter().enumerate() {
        let candidate = candidates.entry(near.document).or_default();
        candidate.vector = Some((rank + 1, near.similarity));
        candidate
            .passages
            .extend(near.passages.iter().map(|(address, similarity)| (*address, Some(*similarity))));
    }
    for (rank, hit) in hits.iter().enumerate() {
        let candidate = candidates.entry(hit.document).or_default();
        candidate.lexical = Some((rank + 1, hit.score));
        for (address, _) in &hit.passages {
            if !candidate.passages.iter().any(|(known, _)| known == address) {
                candidate.passages.push((*address, None));
            }
        }
    }
    candidates
}

/// With two lists of equal weight equal sums are common: then the scores themselves decide, each scaled to its list.
fn break_ties(fused: &mut [(DocumentNumber, f32)], candidates: &HashMap<DocumentNumber, Candidate>) {
    let most = |score: fn(&Candidate) -> Option<f32>| {
        candidates.values().filter_map(score).fold(f32::EPSILON, f32::max)
    };
    let lexical = most(|candidate| candidate.lexical.map(|(_, score)| score));
    let vector = most(|candidate| candidate.vector.map(|(_, score)| score));
    for (document, score) in fused.iter_mut() {
        if let Some(candidate) = candidates.get(document) {
            let by_words = candidate.lexical.map_or(0.0, |(_, score)| score / lexical);
            let by_meaning = candidate.vector.map_or(0.0, |(_, score)| score / vector);
            *score += 0.000_5 * (by_words + by_meaning);
        }
    }
    fused.sort_by(|(a_key, a), (b_key, b)| b.total_cmp(a).then_with(|| a_key.cmp(b_key)));
}

/// The best passages of a document. One that was found by its title only is shown by its opening.
fn passages(
    view: &View,
    document: DocumentNumber,
    candidate: &Candidate,
    most: usize,
) -> anyhow::Result<Vec<(Passage, Option<f32>)>> {
    let found = candidate.passages.iter().take(most.max(1));
    let read = found.map(|(address, similarity)| Ok((view.lexical.passage(*address)?, *similarity)));
    let read: Vec<_> = read.collect::<anyhow::Result<_>>()?;
    if !read.is_empty() {
        return Ok(read);
    }
    let key = view.roster.card(document).and_then(|card| card.key.split_once('\u{1f}'));
    let Some((source, path)) = key else { return Ok(Vec::new()) };
    Ok(view.lexical.document(source, path)?.into_iter().take(1).map(|passage| (passage, None)).collect())
}

/// What a cross-encoder reads of a document: its best passage with title and headings, as it is embedded.
fn best_text(
    view: &View,
    document: DocumentNumber,
    candidates: &HashMap<DocumentNumber, Candidate>,
) -> anyhow::Result<String> {
    let Some(candidate) = candidates.get(&document) else { return Ok(String::new()) };
    let best = passages(view, document, candidate, 1)?;
    Ok(best.first().map(|(passage, _)| passage.embedded_text()).unwrap_or_default())
}

fn result(
    passage: &Passage,
    score: f32,
    similarity: Option<f32>,
    rerank: Option<f32>,
    candidate: &Candidate,
) -> SearchResult {
    let trust = passage.trust();
    SearchResult {
        id: passage.id.clone(),
        score: score * (1.0 + TRUST * (trust - 0.5)),
        parts: ScoreParts {
            lexical: candidate.lexical.map(|(_, score)| score),
            lexical_rank: candidate.lexical.map(|(rank, _)| rank),
            vector: similarity.or(candidate.vector.map(|(_, similarity)| similarity)),
            vector_rank: candidate.vector.map(|(rank, _)| rank),
            rerank,
            trust,
        },
        title: passage.title.clone(),
        snippet: Snippet::default(),
        text: passage.text.clone(),
        citation: Citation::of(passage),
        attributes: passage.attributes.clone(),
        also: Vec::new(),
    }
}

/// The same text from several places is one result.
fn fold(results: Vec<SearchResult>) -> Vec<SearchResult> {
    let mut places = HashMap::<String, usize>::new();
    let mut folded = Vec::<SearchResult>::new();
    for result in results {
        let text = result.text.trim().to_owned();
        match places.get(&text).and_then(|place| folded.get_mut(*place)) {
            Some(first) => first.also.push(result.citation),
            None => {
                places.insert(text, folded.len());
                folded.push(result);
            }
        }
    }
    folded
}

fn facets(view: &View, fused: &[(DocumentNumber, f32)]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts = BTreeMap::<String, BTreeMap<String, usize>>::new();
    let cards = fused.iter().take(DOCUMENTS).filter_map(|(document, _)| view.roster.card(*document));
    for facet in cards.flat_map(|card| &card.facets) {
        match facet.split_once('=') {
            Some(("path" | "k8s_version", _)) | None => {}
            Some((key, value)) => {
                *counts.entry(key.to_owned()).or_default().entry(value.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}
