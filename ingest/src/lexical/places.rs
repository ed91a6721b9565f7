//! Where the rows of the truth stand in one commit of the index.
//!
//! Search by meaning gives numbers of rows. Reading the identity of each from the table and looking it up here would cost
//! more than the search itself.

use std::collections::HashMap;

use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED};

/// Rows with their entries, by row.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<(u64, DocAddress)>);

impl Places {
    /// Brings rows and entries together by the identities of their passages. Rows without an entry are left out.
    pub(super) fn of_rows(searcher: &Searcher, id: Field, rows: Vec<(String, u64)>) -> anyhow::Result<Self> {
        let entries = entries(searcher, id)?;
        let place = |(id, row): (String, u64)| entries.get(id.as_bytes()).map(|entry| (row, *entry));
        let mut places: Vec<(u64, DocAddress)> = rows.into_iter().filter_map(place).collect();
        places.sort_unstable();
        Ok(Self(places))
    }

    /// The entry of a row.
    pub(crate) fn of(&self, row: u64) -> Option<DocAddress> {
        let place = self.0.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        self.0.get(place).map(|(_, entry)| *entry)
    }
}

/// The entries of all passages by identity.
fn entries(searcher: &Searcher, id: Field) -> anyhow::Result<HashMap<Vec<u8>, DocAddress>> {
    let mut entries = HashMap::new();
    for (place, segment) in searcher.segment_readers().iter().enumerate() {
        let (place, index) = (u32::try_from(place)?, segment.inverted_index(id)?);
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let mut postings = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED {
                if !segment.is_deleted(postings.doc()) {
                    entries.insert(terms.key().to_vec(), DocAddress::new(place, postings.doc()));
                }
                postings.advance();
            }
        }
    }
    Ok(entries)
}
