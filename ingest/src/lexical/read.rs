//! Searching one commit of the index.

use std::collections::{BTreeMap, HashMap};

use tantivy::collector::{DocSetCollector, TopDocs};
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Term, Value};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument};

use super::Stamp;
use super::roster::{DocumentNumber, Roster};
use super::schema::{Fields, document_key};
use super::write::DocumentState;
use crate::Passage;
use crate::search::Filter;

/// How much each field counts. Found on broad plateaus: see docs/BENCHMARKS.md.
const TEXT: f32 = 0.5;
const BODY: f32 = 0.5;
const TITLE: f32 = 1.5;
const LEAD: f32 = 0.5;

/// A term of a question with its weight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighted {
    /// The analyzed term.
    pub(crate) term: String,
    /// How much it counts, above 0.
    pub(crate) weight: f32,
}

/// A document that matches, with its best passages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DocumentHit {
    /// The document.
    pub(crate) document: DocumentNumber,
    /// BM25 of the document's fields and its best passage.
    pub(crate) score: f32,
    /// Its matching passages, the best first.
    pub(crate) passages: Vec<(DocAddress, f32)>,
}

/// One commit.
#[derive(Clone)]
pub(crate) struct LexicalView {
    searcher: Searcher,
    fields: Fields,
    /// What it says about itself.
    pub(crate) stamp: Stamp,
}

impl LexicalView {
    pub(super) fn new(searcher: Searcher, fields: Fields, stamp: Stamp) -> Self {
        Self { searcher, fields, stamp }
    }

    /// The documents that match best, at most `most`, from `depth` matching passages.
    pub(crate) fn search(
        &self,
        roster: &Roster,
        terms: &[Weighted],
        phrases: &[Vec<String>],
        filter: &Filter,
        most: usize,
        depth: usize,
    ) -> anyhow::Result<Vec<DocumentHit>> {
        if terms.is_empty() && phrases.is_empty() {
            return Ok(Vec::new());
        }
        let fields = &self.fields;
        let passages =
            self.top(&[(fields.text, TEXT)], terms, phrases, filter, self.stamp.passages, depth)?;
        let weights = [(fields.title, TITLE), (fields.lead, LEAD), (fields.body, BODY)];
        // Quoted phrases are matched where positions are kept: in passages.
        let documents = if phrases.is_empty() {
            self.top(&weights, terms, &[], filter, self.stamp.documents, depth / 2)?
        } else {
            Vec::new()
        };
        let mut hits = HashMap::<DocumentNumber, DocumentHit>::new();
        for (score, address) in documents {
            let Some(document) = roster.of(address) else { continue };
            hits.insert(document, DocumentHit { document, score, passages: Vec::new() });
        }
        for (score, address) in passages {
            let Some(document) = roster.of(address) else { continue };
            let none = DocumentHit { document, score: 0.0, passages: Vec::new() };
            let hit = hits.entry(document).or_insert(none);
            if hit.passages.is_empty() {
                hit.score += score;
            }
            hit.passages.push((address, score));
        }
        let mut hits: Vec<DocumentHit> = hits.into_values().collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.document.cmp(&b.document)));
        hits.truncate(most);
        Ok(hits)
    }

    fn top(
        &self,
        fields: &[(Field, f32)],
        terms: &[Weighted],
        phrases: &[Vec<String>],
        filter: &Filter,
        documents: u64,
        most: usize,
    ) -> anyhow::Result<Vec<(f32, DocAddress)>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (field, boost) in fields {
            for Weighted { term, weight } in terms {
                let term = TermQuery::new(Term::from_field_text(*field, term), IndexRecordOption::WithFreqs);
                clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(term), boost * weight))));
            }
        }
        for phrase in phrases {
            clauses.push((Occur::Must, self.phrase(phrase)));
        }
        let mut query: Box<dyn Query> = Box::new(BooleanQuery::new(clauses));
        if !filter.is_empty() {
            let mut parts = vec![(Occur::Must, query)];
            parts.extend(self.filters(filter).into_iter().map(|part| (Occur::Must, part)));
            query = Box::new(BooleanQuery::new(parts));
        }
        let statistics = PartStatistics { searcher: &self.searcher, documents: documents.max(1) };
        let collector = TopDocs::with_limit(most.max(1)).order_by_score();
        Ok(self.searcher.search_with_statistics_provider(&query, &collector, &statistics)?)
    }

    fn phrase(&self, words: &[String]) -> Box<dyn Query> {
        let terms: Vec<Term> =
            words.iter().map(|word| Term::from_field_text(self.fields.text, word)).collect();
        match terms.as_slice() {
            [one] => Box::new(TermQuery::new(one.clone(), IndexRecordOption::WithFreqs)),
            _ => Box::new(PhraseQuery::new(terms)),
        }
    }

    fn filters(&self, filter: &Filter) -> Vec<Box<dyn Query>> {
        let term = |facet: &String| -> Box<dyn Query> {
            let term = Term::from_field_text(self.fields.facet, facet);
            Box::new(BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), 0.0))
        };
        let any = |facets: &Vec<String>| -> Box<dyn Query> {
            let parts = facets.iter().map(|facet| (Occur::Should, term(facet))).collect();
            Box::new(BooleanQuery::new(parts))
        };
        filter.groups().iter().map(any).collect()
    }

    /// The documents of all entries. Reads every entry's columns once.
    pub(crate) fn roster(&self) -> anyhow::Result<Roster> {
        Roster::read(&self.searcher)
    }

    /// The passage at an address.
    pub(crate) fn passage(&self, address: DocAddress) -> anyhow::Result<Passage> {
        let document: TantivyDocument = self.searcher.doc(address)?;
        let record = document.get_first(self.fields.record).and_then(|value| value.as_bytes());
        Ok(serde_json::from_slice(record.unwrap_or_default())?)
    }

    /// Where the passage with this identity is.
    pub(crate) fn find(&self, id: &str) -> anyhow::Result<Option<DocAddress>> {
        let term = Term::from_field_text(self.fields.id, id);
        for (place, segment) in self.searcher.segment_readers().iter().enumerate() {
            let index = segment.inverted_index(self.fields.id)?;
            let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            let mut document = postings.doc();
            while document != TERMINATED {
                if !segment.is_deleted(document) {
                    return Ok(Some(DocAddress::new(u32::try_from(place)?, document)));
                }
                document = postings.advance();
            }
        }
        Ok(None)
    }

    /// All passages of a document, in order.
    pub(crate) fn document(&self, source: &str, path: &str) -> anyhow::Result<Vec<Passage>> {
        let term = Term::from_field_text(self.fields.document, &document_key(source, path));
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        let mut passages = Vec::new();
        for address in self.searcher.search(&query, &DocSetCollector)? {
            let document: TantivyDocument = self.searcher.doc(address)?;
            if let Some(record) = document.get_first(self.fields.record).and_then(|value| value.as_bytes()) {
                passages.push(serde_json::from_slice::<Passage>(record)?);
            }
        }
        passages.sort_by_key(|passage| passage.ordinal);
        Ok(passages)
    }

    /// Every passage, in no particular order.
    pub(crate) fn passages(&self) -> anyhow::Result<Vec<Passage>> {
        self.all(self.fields.record, |value| value.as_bytes().map(<[u8]>::to_vec))?
            .into_iter()
            .map(|record| Ok(serde_json::from_slice(&record)?))
            .collect()
    }

    /// The documents of a source by path, or of all sources.
    pub(crate) fn states(
        &self,
        source: Option<&str>,
    ) -> anyhow::Result<BTreeMap<(String, String), DocumentState>> {
        let states =
            self.all(self.fields.state, |value| value.as_str().map(|text| text.as_bytes().to_vec()))?;
        let mut by_path = BTreeMap::new();
        for state in states {
            let state: DocumentState = serde_json::from_slice(&state)?;
            if source.is_none_or(|source| source == state.source) {
                by_path.insert((state.source.clone(), state.path.clone()), state);
            }
        }
        Ok(by_path)
    }

    fn all(
        &self,
        field: Field,
        read: impl Fn(tantivy::schema::document::CompactDocValue<'_>) -> Option<Vec<u8>>,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        for segment in self.searcher.segment_readers() {
            let store = segment.get_store_reader(64)?;
            for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
                found.extend(document?.get_first(field).and_then(&read));
            }
        }
        Ok(found)
    }
}

/// BM25 counts among the entries of one kind: passages and documents share the index, not their statistics.
struct PartStatistics<'a> {
    searcher: &'a Searcher,
    documents: u64,
}

impl Bm25StatisticsProvider for PartStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        // Deleted entries still count in a segment until it is merged: never more than there are.
        Ok(self.searcher.doc_freq(term)?.min(self.documents))
    }
}
