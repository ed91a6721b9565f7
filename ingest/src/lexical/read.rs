//! Searching one commit of the index.

use std::collections::BTreeMap;

use anyhow::Context;
use rustc_hash::FxHashMap;
use tantivy::collector::{DocSetCollector, TopDocs};
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Term, Value};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument};

use super::roster::{DocumentNumber, Roster};
use super::schema::{Fields, document_key};
use super::score::{Admitted, Asked};
use super::write::DocumentState;
use super::{Places, Stamp};
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

    /// The passages that match best, the best first. Quoted phrases must stand in them.
    pub(crate) fn best_passages(
        &self,
        terms: &[Weighted],
        phrases: &[Vec<String>],
        filter: &Filter,
        most: usize,
    ) -> anyhow::Result<Vec<(f32, DocAddress)>> {
        let fields = [(self.fields.text, TEXT)];
        if phrases.is_empty() {
            return self.best(&fields, terms, filter, self.stamp.passages, most);
        }
        let (field, boost) = (self.fields.text, TEXT);
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for Weighted { term, weight } in terms {
            let term = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
            clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(term), boost * weight))));
        }
        clauses.extend(phrases.iter().map(|phrase| (Occur::Must, self.phrase(phrase))));
        let mut parts: Vec<(Occur, Box<dyn Query>)> =
            vec![(Occur::Must, Box::new(BooleanQuery::new(clauses)))];
        parts.extend(self.filters(filter).into_iter().map(|part| (Occur::Must, part)));
        let statistics = PartStatistics { searcher: &self.searcher, documents: self.stamp.passages.max(1) };
        let collector = TopDocs::with_limit(most.max(1)).order_by_score();
        let query = BooleanQuery::new(parts);
        Ok(self.searcher.search_with_statistics_provider(&query, &collector, &statistics)?)
    }

    /// The documents that match best by what they are called, what they begin with and all they say, the best first.
    pub(crate) fn best_documents(
        &self,
        terms: &[Weighted],
        filter: &Filter,
        most: usize,
    ) -> anyhow::Result<Vec<(f32, DocAddress)>> {
        let fields = [(self.fields.title, TITLE), (self.fields.lead, LEAD), (self.fields.body, BODY)];
        self.best(&fields, terms, filter, self.stamp.documents, most)
    }

    fn best(
        &self,
        fields: &[(Field, f32)],
        terms: &[Weighted],
        filter: &Filter,
        entries: u64,
        most: usize,
    ) -> anyhow::Result<Vec<(f32, DocAddress)>> {
        let parts = self.filters(filter).into_iter().map(|part| (Occur::Must, part)).collect::<Vec<_>>();
        let admitted = match parts.is_empty() {
            true => None,
            false => Some(Admitted::by(&BooleanQuery::new(parts), &self.searcher)?),
        };
        Asked { fields, terms, entries, admitted: admitted.as_ref(), most }.best(&self.searcher)
    }

    /// Documents with the sum of their own score and that of their best passage, the best first, at most `most`.
    pub(crate) fn hits(
        roster: &Roster,
        passages: Vec<(f32, DocAddress)>,
        documents: Vec<(f32, DocAddress)>,
        most: usize,
    ) -> Vec<DocumentHit> {
        let mut hits = FxHashMap::<DocumentNumber, DocumentHit>::default();
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
        hits
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
        self.read(address)?.context("an entry of the index of words has no passage")
    }

    fn read(&self, address: DocAddress) -> anyhow::Result<Option<Passage>> {
        let document: TantivyDocument = self.searcher.doc(address)?;
        let record = document.get_first(self.fields.record).and_then(|value| value.as_bytes());
        Ok(record.map(serde_json::from_slice).transpose()?)
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

    /// Where the truth's rows stand.
    pub(crate) fn places(&self, rows: Vec<(String, u64)>) -> anyhow::Result<Places> {
        Places::of_rows(&self.searcher, self.fields.id, rows)
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

    /// The passage that a document begins with.
    pub(crate) fn opening(&self, source: &str, path: &str) -> anyhow::Result<Option<Passage>> {
        let term = Term::from_field_text(self.fields.document, &document_key(source, path));
        let mut opening: Option<Passage> = None;
        for (place, segment) in self.searcher.segment_readers().iter().enumerate() {
            let index = segment.inverted_index(term.field())?;
            let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            let mut entry = postings.doc();
            while entry != TERMINATED {
                // The entry of the document itself holds no passage.
                if !segment.is_deleted(entry)
                    && let Some(passage) = self.read(DocAddress::new(u32::try_from(place)?, entry))?
                    && opening.as_ref().is_none_or(|opening| passage.ordinal < opening.ordinal)
                {
                    opening = Some(passage);
                }
                // Mostly the first one that is looked at.
                if opening.as_ref().is_some_and(|opening| opening.ordinal == 0) {
                    return Ok(opening);
                }
                entry = postings.advance();
            }
        }
        Ok(opening)
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
