//! The best entries of an index by BM25, summed over terms and fields.
//!
//! A question has dozens of terms, each in up to three fields. Query trees that walk entry by entry spend their time on
//! choosing the next entry among so many lists; here list after list is added up in one array, and the best are taken
//! out of it at the end. The formula is tantivy's own, which is Lucene's.

use std::cmp::Ordering;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::query::{EnableScoring, Query};
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::{BitSet, DocAddress, Searcher, SegmentReader};

use super::Weighted;

/// How soon further occurrences of a term in one entry stop to count: tantivy's and Lucene's value.
const K1: f32 = 1.2;

/// How much the length of an entry counts: tantivy's and Lucene's value.
const B: f32 = 0.75;

/// What is asked of the entries of one kind.
pub(super) struct Asked<'a> {
    /// Their fields, with how much each counts.
    pub(super) fields: &'a [(Field, f32)],
    /// The terms.
    pub(super) terms: &'a [Weighted],
    /// How many entries of this kind there are: what BM25 counts among.
    pub(super) entries: u64,
    /// Which entries count; `None`: all.
    pub(super) admitted: Option<&'a Admitted>,
    /// How many are wanted at most.
    pub(super) most: usize,
}

/// One term in one field of one segment.
struct List {
    info: TermInfo,
    weight: f32,
}

/// What the length of an entry does to its score, by the byte that the index keeps for the length.
type Norms = Vec<f32>;

impl Asked<'_> {
    /// The best entries, the best first; equal ones in the order of the index.
    pub(super) fn best(&self, searcher: &Searcher) -> anyhow::Result<Vec<(f32, DocAddress)>> {
        let mut best = Best::new(self.most);
        let mut sums: Vec<Vec<f32>> =
            searcher.segment_readers().iter().map(|segment| vec![0.0; segment.max_doc() as usize]).collect();
        for (field, boost) in self.fields {
            let norms = self.norms(searcher, *field)?;
            let lists = self.lists(searcher, *field, *boost)?;
            for ((segment, sums), lists) in searcher.segment_readers().iter().zip(&mut sums).zip(lists) {
                add(segment, *field, &lists, &norms, sums)?;
            }
        }
        for ((place, segment), sums) in searcher.segment_readers().iter().enumerate().zip(&sums) {
            let admitted = self.admitted.and_then(|admitted| admitted.0.get(place));
            let counts = |entry: u32| {
                !segment.is_deleted(entry) && admitted.is_none_or(|admitted| admitted.contains(entry))
            };
            best.of_segment(u32::try_from(place)?, sums, counts);
        }
        Ok(best.sorted())
    }

    fn norms(&self, searcher: &Searcher, field: Field) -> anyhow::Result<Norms> {
        let mut tokens = 0;
        for segment in searcher.segment_readers() {
            tokens += segment.inverted_index(field)?.total_num_tokens();
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean length")]
        let mean = tokens as f32 / self.entries.max(1) as f32;
        #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
        let norm = |length: u8| {
            K1 * (1.0 - B + B * FieldNormReader::id_to_fieldnorm(length) as f32 / mean.max(f32::EPSILON))
        };
        Ok((0..=u8::MAX).map(norm).collect())
    }

    /// By segment, the terms that occur in a field.
    fn lists(&self, searcher: &Searcher, field: Field, boost: f32) -> anyhow::Result<Vec<Vec<List>>> {
        let segments = searcher.segment_readers().iter();
        let indexes = segments.map(|segment| segment.inverted_index(field)).collect::<Result<Vec<_>, _>>()?;
        let mut lists: Vec<Vec<List>> = indexes.iter().map(|_| Vec::new()).collect();
        for Weighted { term, weight } in self.terms {
            let term = Term::from_field_text(field, term);
            let found =
                indexes.iter().map(|index| index.get_term_info(&term)).collect::<Result<Vec<_>, _>>()?;
            let frequency: u64 = found.iter().flatten().map(|info| u64::from(info.doc_freq)).sum();
            let weight = boost * weight * (K1 + 1.0) * self.rarity(frequency);
            for (lists, info) in lists.iter_mut().zip(found) {
                lists.extend(info.map(|info| List { info, weight }));
            }
        }
        Ok(lists)
    }

    /// The inverse document frequency of a term.
    fn rarity(&self, frequency: u64) -> f32 {
        // Deleted entries still count in a segment until it is merged: never more than there are.
        let frequency = frequency.min(self.entries);
        #[expect(clippy::cast_precision_loss, reason = "counts of entries")]
        let (without, with) = ((self.entries - frequency) as f32, frequency as f32);
        (1.0 + (without + 0.5) / (with + 0.5)).ln()
    }
}

/// Adds what the terms of a field are worth to each entry of a segment.
fn add(
    segment: &SegmentReader,
    field: Field,
    lists: &[List],
    norms: &Norms,
    sums: &mut [f32],
) -> anyhow::Result<()> {
    if lists.is_empty() {
        return Ok(());
    }
    let index = segment.inverted_index(field)?;
    let lengths = segment.get_fieldnorms_reader(field)?;
    let with = IndexRecordOption::WithFreqs;
    for List { info, weight } in lists {
        let mut postings = index.read_block_postings_from_terminfo(info, with)?;
        while postings.block_len() > 0 {
            add_block(&postings, *weight, &lengths, norms, sums);
            postings.advance();
        }
    }
    Ok(())
}

fn add_block(
    postings: &BlockSegmentPostings,
    weight: f32,
    lengths: &FieldNormReader,
    norms: &Norms,
    sums: &mut [f32],
) {
    for (entry, times) in postings.docs().iter().zip(postings.freqs()) {
        let norm = norms.get(usize::from(lengths.fieldnorm_id(*entry))).copied().unwrap_or(K1);
        #[expect(clippy::cast_precision_loss, reason = "how often a word stands in a text")]
        let times = *times as f32;
        if let Some(sum) = sums.get_mut(*entry as usize) {
            *sum += weight * (times / (times + norm));
        }
    }
}

/// A score with segment and entry.
type Scored = (f32, (u32, u32));

/// The best entries so far, and some that were among the best for a while.
struct Best {
    most: usize,
    /// What an entry must have more than.
    least: f32,
    entries: Vec<Scored>,
}

impl Best {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, least: 0.0, entries: Vec::with_capacity(2 * most) }
    }

    fn of_segment(&mut self, segment: u32, sums: &[f32], counts: impl Fn(u32) -> bool) {
        for (entry, sum) in (0_u32..).zip(sums) {
            if *sum > self.least && counts(entry) {
                self.entries.push((*sum, (segment, entry)));
                if self.entries.len() == 2 * self.most {
                    self.drop_the_rest();
                }
            }
        }
    }

    /// Keeps the best. Later entries of an equal score are worse, so they need more than the worst that is kept.
    fn drop_the_rest(&mut self) {
        if let Some(last) = self.most.checked_sub(1).filter(|last| *last < self.entries.len()) {
            let (_, worst, _) = self.entries.select_nth_unstable_by(last, better);
            self.least = worst.0;
            self.entries.truncate(self.most);
        }
    }

    fn sorted(mut self) -> Vec<(f32, DocAddress)> {
        self.drop_the_rest();
        self.entries.sort_unstable_by(better);
        let sorted = self.entries.into_iter();
        sorted.map(|(score, (segment, entry))| (score, DocAddress::new(segment, entry))).collect()
    }
}

/// The higher score first; the lower address is the better one of equals.
fn better(a: &Scored, b: &Scored) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The entries that pass a filter, by segment.
pub(super) struct Admitted(Vec<BitSet>);

impl Admitted {
    /// The entries that a query matches.
    pub(super) fn by(query: &dyn Query, searcher: &Searcher) -> anyhow::Result<Self> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
        let mut segments = Vec::new();
        for segment in searcher.segment_readers() {
            let mut entries = BitSet::with_max_value(segment.max_doc());
            weight.for_each_no_score(segment, &mut |matching| {
                for entry in matching {
                    entries.insert(*entry);
                }
            })?;
            segments.push(entries);
        }
        Ok(Self(segments))
    }
}

#[cfg(test)]
mod tests {
    use tantivy::collector::{DocSetCollector, TopDocs};
    use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
    use tantivy::schema::{Field, IndexRecordOption, STRING, Schema, TEXT, Term};
    use tantivy::{Index, Searcher, TantivyDocument};

    use super::{Admitted, Asked};
    use crate::lexical::Weighted;

    const WORDS: [&str; 7] = ["pod", "node", "disk", "evicted", "memory", "probe", "quota"];

    /// Three segments of entries of many lengths, one entry in seven deleted.
    fn searcher() -> (Searcher, [Field; 3]) {
        let mut schema = Schema::builder();
        let fields = [
            schema.add_text_field("title", TEXT),
            schema.add_text_field("text", TEXT),
            schema.add_text_field("key", STRING),
        ];
        let [title, text, key] = fields;
        let index = Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, 20_000_000).unwrap();
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        for segment in 0..3 {
            for entry in 0..400_usize {
                let number = segment * 400 + entry;
                let words = (0..number % 13 + 1).map(|nth| WORDS[(number * (nth + 3) + nth * nth) % 7]);
                let mut document = TantivyDocument::default();
                document.add_text(title, WORDS[number % 7]);
                document.add_text(text, words.collect::<Vec<_>>().join(" "));
                document.add_text(key, (number % 7).to_string());
                writer.add_document(document).unwrap();
            }
            writer.commit().unwrap();
        }
        writer.delete_term(Term::from_field_text(key, "3"));
        writer.commit().unwrap();
        (index.reader().unwrap().searcher(), fields)
    }

    fn asked() -> Vec<Weighted> {
        let weighted = [("disk", 1.0), ("evicted", 0.7), ("quota", 2.0), ("unheard", 1.0)];
        weighted.map(|(term, weight)| Weighted { term: term.to_owned(), weight }).to_vec()
    }

    #[test]
    fn scores_and_order_are_those_of_a_query_tree() {
        let (searcher, [title, text, _]) = searcher();
        let (terms, fields) = (asked(), [(title, 1.5), (text, 0.5)]);
        let clauses = fields.iter().flat_map(|(field, boost)| {
            terms.iter().map(move |Weighted { term, weight }| {
                let term = TermQuery::new(Term::from_field_text(*field, term), IndexRecordOption::WithFreqs);
                let boosted: Box<dyn Query> = Box::new(BoostQuery::new(Box::new(term), boost * weight));
                (Occur::Should, boosted)
            })
        });
        let tree = BooleanQuery::new(clauses.collect());
        let wanted = searcher.search(&tree, &TopDocs::with_limit(2_000).order_by_score()).unwrap();
        let asked = Asked { fields: &fields, terms: &terms, entries: 1_200, admitted: None, most: 2_000 };
        let found = asked.best(&searcher).unwrap();
        assert_eq!(found.len(), wanted.len());
        for ((score, _), (other, _)) in found.iter().zip(&wanted) {
            assert!((score - other).abs() < 1e-4, "{score} and {other}");
        }
        let few = Asked { most: 10, ..asked }.best(&searcher).unwrap();
        assert_eq!(few, found[..10]);
    }

    #[test]
    fn only_what_is_admitted_is_found() {
        let (searcher, [_, text, key]) = searcher();
        let five = TermQuery::new(Term::from_field_text(key, "5"), IndexRecordOption::Basic);
        let admitted = Admitted::by(&five, &searcher).unwrap();
        let (terms, fields) = (asked(), [(text, 1.0)]);
        let asked =
            |admitted| Asked { fields: &fields, terms: &terms, entries: 1_200, admitted, most: 2_000 };
        let found = asked(Some(&admitted)).best(&searcher).unwrap();
        let all = asked(None).best(&searcher).unwrap();
        assert!(!found.is_empty() && found.len() < all.len());
        let wanted = searcher.search(&five, &DocSetCollector).unwrap();
        assert!(found.iter().all(|(_, address)| wanted.contains(address)));
    }
}
