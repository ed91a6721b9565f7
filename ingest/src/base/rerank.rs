//! The cross-encoder's say in the order of what was found.
//!
//! Owns which documents it reads and what its scores do to their order. Without a reranker nothing here costs anything.

use std::sync::Arc;

use super::KnowledgeBase;
use super::backing::Reranker;
use crate::search::{Mode, Question, SearchRequest};

/// Documents that the cross-encoder reads, each by its best passage.
const CANDIDATES: usize = 20;

/// A question with the reranker that it is put to, if there is one.
pub(super) enum Reranking {
    /// The fused order stands.
    Off,
    /// The fused order stands, though it should not, and why.
    Missing(String),
    /// The reranker, and the question without what it was widened by.
    With(Arc<Reranker>, String),
}

/// What came of it.
#[derive(Default)]
pub(super) struct Reranked {
    /// What was said of the first documents, in their new order, 0 to 1.
    said: Vec<f32>,
    /// Why they are not reranked, for people.
    pub(super) degraded: Option<String>,
}

impl Reranked {
    fn not(why: &str) -> Self {
        Self { said: Vec::new(), degraded: Some(format!("not reranked: {why}")) }
    }

    /// What was said of the document at this place, from 0.
    pub(super) fn said(&self, place: usize) -> Option<f32> {
        self.said.get(place).copied()
    }
}

impl KnowledgeBase {
    /// The name of the cross-encoder that reranks, `None` where there is none. Loads it.
    ///
    /// # Errors
    /// Why one that is there or was named cannot be used.
    pub async fn reranker(&self) -> Result<Option<String>, String> {
        let reranker = self.inner.backing.reranker().await?;
        Ok(reranker.map(|reranker| reranker.name().to_owned()))
    }

    /// Who asks for one search by itself, by words or by meaning, gets its own order.
    pub(super) async fn reranking(&self, request: &SearchRequest) -> Reranking {
        if request.mode != Mode::Hybrid {
            return Reranking::Off;
        }
        match self.inner.backing.reranker().await {
            Ok(None) => Reranking::Off,
            Ok(Some(reranker)) => {
                let sentence = Question::read(&request.query).sentence;
                let question = if sentence.is_empty() { request.query.clone() } else { sentence };
                Reranking::With(reranker, question)
            }
            Err(why) => Reranking::Missing(why),
        }
    }
}

impl Reranking {
    /// Puts the first documents into the cross-encoder's order. `fused` holds documents with their scores, the best first;
    /// `best` reads what is compared of one. A reranker that fails leaves the order and says so. Blocks.
    ///
    /// # Errors
    /// When `best` fails.
    pub(super) fn apply<K>(
        &self,
        fused: &mut Vec<(K, f32)>,
        best: impl Fn(&K) -> anyhow::Result<String>,
    ) -> anyhow::Result<Reranked> {
        let (reranker, question) = match self {
            Self::Off => return Ok(Reranked::default()),
            Self::Missing(why) => return Ok(Reranked::not(why)),
            Self::With(reranker, question) => (reranker, question),
        };
        let passages = fused.iter().take(CANDIDATES).map(|(document, _)| best(document));
        let passages: Vec<String> = passages.collect::<anyhow::Result<_>>()?;
        Ok(match reranker.score(question, &passages) {
            Ok(logits) => Reranked { said: reorder(fused, &logits), degraded: None },
            Err(error) => Reranked::not(&format!("{:#}", anyhow::Error::from(error))),
        })
    }
}

/// Orders the first documents by their logits, equal ones as they were, and returns the logits' sigmoids in that order.
///
/// The scores stay where they are and the documents change places: every model's logits have a scale of their own, so
/// only their order is taken over, and trust moves a document as far as it does without a reranker.
fn reorder<K>(fused: &mut Vec<(K, f32)>, logits: &[f32]) -> Vec<f32> {
    let first = logits.len().min(fused.len());
    let (documents, scores): (Vec<K>, Vec<f32>) = fused.drain(..first).unzip();
    let mut ranked: Vec<(K, f32)> = documents.into_iter().zip(logits.iter().copied()).collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let said = ranked.iter().map(|(_, logit)| 1.0 / (1.0 + (-logit).exp())).collect();
    drop(fused.splice(..0, ranked.into_iter().map(|(document, _)| document).zip(scores)));
    said
}

#[cfg(test)]
mod tests {
    use super::reorder;

    #[test]
    fn documents_change_places_and_the_scores_stay() {
        let mut fused = vec![("a", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.6)];
        let said = reorder(&mut fused, &[-2.0, 3.0, 3.0]);
        assert_eq!(fused, [("b", 0.9), ("c", 0.8), ("a", 0.7), ("d", 0.6)]);
        let rounded: Vec<f32> = said.iter().map(|said| (said * 1_000.0).round() / 1_000.0).collect();
        assert_eq!(rounded, [0.953, 0.953, 0.119]);
    }
}
