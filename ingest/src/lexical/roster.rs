//! Which document every entry belongs to, and what ranking asks of documents, in memory.
//!
//! Made once for a commit of the index. The columns of the index give the same, but a look into one opens it and reads a
//! dictionary: far more than the search itself costs.

use std::collections::HashMap;

use tantivy::columnar::StrColumn;
use tantivy::{DocAddress, Searcher, SegmentReader};

use crate::search::Kin;

/// A document's number within one commit; the order of numbers is the order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DocumentNumber(u32);

/// What ranking asks of a document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Card {
    /// Source and path.
    pub(crate) key: String,
    /// What decides among its twins.
    pub(crate) kin: Option<Kin>,
    /// Its `key=value` words.
    pub(crate) facets: Vec<String>,
}

/// All documents of one commit.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// By segment and entry.
    numbers: Vec<Vec<DocumentNumber>>,
    cards: Vec<Card>,
}

impl Roster {
    /// Reads the columns of every segment.
    pub(super) fn read(searcher: &Searcher) -> anyhow::Result<Self> {
        let segments: Vec<Segment> =
            searcher.segment_readers().iter().map(Segment::read).collect::<anyhow::Result<_>>()?;
        let mut keys: Vec<&String> = segments.iter().flat_map(|segment| &segment.keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let numbers: HashMap<&String, DocumentNumber> =
            keys.iter().zip(0..).map(|(key, number)| (*key, DocumentNumber(number))).collect();
        let mut cards: Vec<Card> =
            keys.iter().map(|key| Card { key: (*key).clone(), ..Card::default() }).collect();
        let mut by_segment = Vec::new();
        for segment in &segments {
            let of_ordinal: Vec<DocumentNumber> =
                segment.keys.iter().filter_map(|key| numbers.get(key).copied()).collect();
            by_segment.push(segment.enter(&of_ordinal, &mut cards)?);
        }
        Ok(Self { numbers: by_segment, cards })
    }

    /// The document of an entry.
    pub(crate) fn of(&self, address: DocAddress) -> Option<DocumentNumber> {
        self.numbers.get(address.segment_ord as usize)?.get(address.doc_id as usize).copied()
    }

    /// What is known of a document.
    pub(crate) fn card(&self, number: DocumentNumber) -> Option<&Card> {
        self.cards.get(number.0 as usize)
    }
}

/// The columns of one segment.
struct Segment {
    entries: u32,
    document: Option<StrColumn>,
    kin: Option<StrColumn>,
    facet: Option<StrColumn>,
    /// Keys by ordinal.
    keys: Vec<String>,
    facets: Vec<String>,
}

impl Segment {
    fn read(reader: &SegmentReader) -> anyhow::Result<Self> {
        let column = |name: &str| reader.fast_fields().str(name);
        let (document, kin, facet) = (column("document")?, column("kin")?, column("facet")?);
        let keys = words(document.as_ref())?;
        let facets = words(facet.as_ref())?;
        Ok(Self { entries: reader.max_doc(), document, kin, facet, keys, facets })
    }

    /// The document of every entry; the first entry of a document fills in its card.
    fn enter(&self, numbers: &[DocumentNumber], cards: &mut [Card]) -> anyhow::Result<Vec<DocumentNumber>> {
        let Some(document) = &self.document else { return Ok(Vec::new()) };
        let kins = words(self.kin.as_ref())?;
        let mut entered = Vec::with_capacity(self.entries as usize);
        for entry in 0..self.entries {
            let number = ordinals(Some(document), entry).find_map(|ordinal| numbers.get(ordinal).copied());
            let Some(number) = number else {
                anyhow::bail!("an entry of the index of words has no document")
            };
            entered.push(number);
            let Some(card) = cards.get_mut(number.0 as usize).filter(|card| card.kin.is_none()) else {
                continue;
            };
            card.kin = ordinals(self.kin.as_ref(), entry)
                .find_map(|ordinal| kins.get(ordinal))
                .and_then(|kin| Kin::decode(kin));
            card.facets = ordinals(self.facet.as_ref(), entry)
                .filter_map(|ordinal| self.facets.get(ordinal).cloned())
                .collect();
        }
        Ok(entered)
    }
}

fn ordinals(column: Option<&StrColumn>, entry: u32) -> impl Iterator<Item = usize> {
    column
        .into_iter()
        .flat_map(move |column| column.term_ords(entry))
        .filter_map(|ordinal| usize::try_from(ordinal).ok())
}

/// Every word of a column, by ordinal.
fn words(column: Option<&StrColumn>) -> anyhow::Result<Vec<String>> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let mut stream = column.dictionary().stream()?;
    let mut words = Vec::with_capacity(column.num_terms());
    while stream.advance() {
        words.push(String::from_utf8_lossy(stream.key()).into_owned());
    }
    Ok(words)
}
