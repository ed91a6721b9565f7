//! From what both searches have found to what is shown.

use std::collections::{BTreeMap, HashMap};

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::DocAddress;

use super::View;
use super::rerank::{Reranked, Reranking};
use super::search::{DOCUMENTS, Near};
use crate::Passage;
use crate::lexical::{DocumentHit, DocumentNumber};
use crate::search::{
    Citation, Platforms, Question, Ranked, ScoreParts, SearchRequest, SearchResponse, SearchResult, Snippet,
    fuse, order_twins, snippet,
};

/// A further passage of the same document counts this much of the one before.
const NEXT_OF_DOCUMENT: f32 = 0.6;

/// A passage that is fully trusted counts a tenth more than one of which nobody said anything, one that is not at all a
/// tenth less.
const TRUST: f32 = 0.2;

/// Documents that are looked at beyond those that are shown: trust and diversity may move passages, but not from far
/// below.
const FURTHER: usize = 10;

/// Where no word of the question is found, and nothing is as similar as this to it, nothing fits. By the default model and
/// two public collections of runbooks strings without meaning (`!!!`) come to 0.15 and sentences about fruit to 0.18; the
/// least of 99 questions that have an answer comes to 0.50, and a loose one (`my box keeps dying`) to 0.31.
const FITS: f32 = 0.2;

/// A document with what both searches said about it.
#[derive(Default)]
struct Candidate {
    lexical: Option<(usize, f32)>,
    vector: Option<(usize, f32)>,
    /// Its passages with their similarity and BM25 where known, in the order of relevance.
    passages: Vec<(DocAddress, Option<f32>)>,
}

/// Fuses both rankings, has them reranked and reads the passages that are shown.
pub(super) fn answer(
    view: &View,
    request: &SearchRequest,
    question: &Question,
    platforms: Platforms,
    mut hits: Vec<DocumentHit>,
    mut near: Vec<Near>,
    reranking: &Reranking,
) -> anyhow::Result<SearchResponse> {
    if hits.is_empty() && !fits(near.iter().map(|near| near.similarity)) {
        near.clear();
    }
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
    let results = read(view, request, &fused, &candidates, &reranked)?;
    let facets = facets(view, &fused);
    let mut results = fold(results);
    results.truncate(request.k);
    let terms: FxHashSet<&str> = question.terms.iter().map(|weighted| weighted.term.as_str()).collect();
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

/// Whether anything fits. What does keeps its further places, however unlike the question they are.
fn fits(mut similarities: impl Iterator<Item = f32>) -> bool {
    similarities.any(|similarity| similarity >= FITS)
}

fn candidates(hits: &[DocumentHit], near: &[Near]) -> FxHashMap<DocumentNumber, Candidate> {
    let mut candidates = FxHashMap::<DocumentNumber, Candidate>::default();
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
fn break_ties(fused: &mut [(DocumentNumber, f32)], candidates: &FxHashMap<DocumentNumber, Candidate>) {
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

/// A passage that may be shown.
struct Pick<'a> {
    /// The document's place in the fused order.
    place: usize,
    /// Which of the document's passages.
    nth: usize,
    document: DocumentNumber,
    candidate: &'a Candidate,
    /// What it counts before its trust is known.
    score: f32,
}

/// The passages that may be among the first `k`, read.
///
/// Trust and diversity move passages, but not from far below: whatever cannot come before the k-th any more, however far
/// it is trusted, stays unread.
fn read(
    view: &View,
    request: &SearchRequest,
    fused: &[(DocumentNumber, f32)],
    candidates: &FxHashMap<DocumentNumber, Candidate>,
    reranked: &Reranked,
) -> anyhow::Result<Vec<SearchResult>> {
    let mut results = Vec::new();
    let mut texts = HashMap::<String, f32>::new();
    for pick in picks(request, fused, candidates) {
        if least_shown(&texts, request.k).is_some_and(|least| least >= pick.score * (1.0 + TRUST * 0.5)) {
            break;
        }
        let found = pick.candidate.passages.get(pick.nth).copied();
        let Some(passage) = passage(view, pick.document, found.map(|(address, _)| address))? else {
            continue;
        };
        // The document's best passage is the one that was read by the reranker.
        let rerank = reranked.said(pick.place).filter(|_| pick.nth == 0);
        let similarity = found.and_then(|(_, similarity)| similarity);
        let result = result(passage, pick.score, similarity, rerank, pick.candidate);
        let best = texts.entry(result.text.trim().to_owned()).or_insert(result.score);
        *best = best.max(result.score);
        results.push(result);
    }
    results.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(results)
}

/// At most `per_document` passages of each document that is looked at, the best first.
fn picks<'a>(
    request: &SearchRequest,
    fused: &[(DocumentNumber, f32)],
    candidates: &'a FxHashMap<DocumentNumber, Candidate>,
) -> Vec<Pick<'a>> {
    let mut picks = Vec::new();
    for (place, (document, score)) in fused.iter().take(request.k + FURTHER).enumerate() {
        let Some(candidate) = candidates.get(document) else { continue };
        // One that was found by its title only is shown by its opening.
        for nth in 0..candidate.passages.len().min(request.per_document).max(1) {
            let score = score * NEXT_OF_DOCUMENT.powi(i32::try_from(nth).unwrap_or(i32::MAX));
            picks.push(Pick { place, nth, document: *document, candidate, score });
        }
    }
    picks.sort_by(|a, b| b.score.total_cmp(&a.score));
    picks
}

/// The score of the k-th text, if there are so many.
fn least_shown(texts: &HashMap<String, f32>, k: usize) -> Option<f32> {
    let mut scores: Vec<f32> = texts.values().copied().collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.get(k.checked_sub(1)?).copied()
}

/// The passage at an address, or the one that its document begins with.
fn passage(
    view: &View,
    document: DocumentNumber,
    address: Option<DocAddress>,
) -> anyhow::Result<Option<Passage>> {
    if let Some(address) = address {
        return Ok(Some(view.lexical.passage(address)?));
    }
    let key = view.roster.card(document).and_then(|card| card.key.split_once('\u{1f}'));
    let Some((source, path)) = key else { return Ok(None) };
    view.lexical.opening(source, path)
}

/// What a cross-encoder reads of a document: its best passage with title and headings, as it is embedded.
fn best_text(
    view: &View,
    document: DocumentNumber,
    candidates: &FxHashMap<DocumentNumber, Candidate>,
) -> anyhow::Result<String> {
    let Some(candidate) = candidates.get(&document) else { return Ok(String::new()) };
    let best = passage(view, document, candidate.passages.first().map(|(address, _)| *address))?;
    Ok(best.map(|passage| passage.embedded_text()).unwrap_or_default())
}

fn result(
    passage: Passage,
    score: f32,
    similarity: Option<f32>,
    rerank: Option<f32>,
    candidate: &Candidate,
) -> SearchResult {
    let (trust, citation) = (passage.trust(), Citation::of(&passage));
    SearchResult {
        id: passage.id,
        score: score * (1.0 + TRUST * (trust - 0.5)),
        parts: ScoreParts {
            lexical: candidate.lexical.map(|(_, score)| score),
            lexical_rank: candidate.lexical.map(|(rank, _)| rank),
            vector: similarity.or(candidate.vector.map(|(_, similarity)| similarity)),
            vector_rank: candidate.vector.map(|(rank, _)| rank),
            rerank,
            trust,
        },
        title: passage.title,
        snippet: Snippet::default(),
        text: passage.text,
        citation,
        attributes: passage.attributes,
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
    let mut counts = BTreeMap::<&str, BTreeMap<&str, usize>>::new();
    let cards = fused.iter().take(DOCUMENTS).filter_map(|(document, _)| view.roster.card(*document));
    for facet in cards.flat_map(|card| &card.facets) {
        match facet.split_once('=') {
            Some(("path" | "k8s_version", _)) | None => {}
            Some((key, value)) => {
                *counts.entry(key).or_default().entry(value).or_default() += 1;
            }
        }
    }
    let owned = |(value, count): (&str, usize)| (value.to_owned(), count);
    counts
        .into_iter()
        .map(|(key, values)| (key.to_owned(), values.into_iter().map(owned).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn what_is_like_nothing_fits_nothing_and_one_that_is_like_it_is_enough() {
        assert!(!fits([0.12, 0.11, 0.09].into_iter()));
        assert!(!fits(std::iter::empty()));
        assert!(fits([0.31, 0.12, 0.05].into_iter()));
    }
}
