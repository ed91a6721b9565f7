//! Writing the index: one commit a change, stamped with the version of the truth that it mirrors.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::schema::Term;
use tantivy::{IndexWriter, TantivyDocument};

use super::schema::document_key;
use super::{Lexical, SHAPE, Stamp};
use crate::recipe::Recipe;
use crate::search::Kin;
use crate::{Passage, Validators, analysis};

/// Memory for building segments.
const WRITER_BYTES: usize = 96 << 20;

/// What is kept with a document to tell later whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentState {
    /// The source's name.
    pub(crate) source: String,
    /// The document's name within it.
    pub(crate) path: String,
    /// Where people find it.
    pub(crate) uri: String,
    /// Its title.
    pub(crate) title: String,
    /// Hash of what was read.
    pub(crate) hash: String,
    /// How many passages it has.
    pub(crate) passages: u32,
    /// For conditional requests.
    pub(crate) validators: Validators,
}

/// A change that is written and not yet to be seen. Dropped, it has not happened.
pub(crate) struct Prepared {
    writer: IndexWriter,
    size: Size,
}

impl Lexical {
    /// Takes documents out and puts passages in, in one commit.
    pub(crate) fn apply(
        &self,
        truth: u64,
        recipe: &Recipe,
        gone: &[(&str, &str)],
        passages: &[Passage],
    ) -> anyhow::Result<()> {
        self.finish(self.prepare(gone, passages)?, truth, recipe)
    }

    /// The same without the commit, while the truth is being written.
    pub(crate) fn prepare(&self, gone: &[(&str, &str)], passages: &[Passage]) -> anyhow::Result<Prepared> {
        let before = self.stamp()?;
        let writer = self.writer()?;
        let removed =
            gone.iter().map(|(source, path)| self.size(source, path)).sum::<anyhow::Result<Size>>()?;
        for (source, path) in gone {
            writer.delete_term(Term::from_field_text(self.fields.document, &document_key(source, path)));
        }
        let added = self.add(&writer, passages)?;
        let was = before
            .map_or(Size::default(), |stamp| Size { passages: stamp.passages, documents: stamp.documents });
        let size = Size {
            passages: (was.passages + added.passages).saturating_sub(removed.passages),
            documents: (was.documents + added.documents).saturating_sub(removed.documents),
        };
        Ok(Prepared { writer, size })
    }

    /// Commits what was prepared, as the mirror of a version of the truth.
    pub(crate) fn finish(&self, prepared: Prepared, truth: u64, recipe: &Recipe) -> anyhow::Result<()> {
        let Prepared { mut writer, size } = prepared;
        self.commit(&mut writer, truth, recipe, size)?;
        Ok(writer.wait_merging_threads()?)
    }

    /// Replaces everything, in one commit.
    pub(crate) fn replace_all(
        &self,
        truth: u64,
        recipe: &Recipe,
        passages: &[Passage],
    ) -> anyhow::Result<()> {
        let mut writer = self.writer()?;
        writer.delete_all_documents()?;
        let size = self.add(&writer, passages)?;
        self.commit(&mut writer, truth, recipe, size)?;
        Ok(writer.wait_merging_threads()?)
    }

    fn writer(&self) -> anyhow::Result<IndexWriter> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
        Ok(self.index.writer_with_num_threads(threads, WRITER_BYTES)?)
    }

    fn commit(
        &self,
        writer: &mut IndexWriter,
        truth: u64,
        recipe: &Recipe,
        size: Size,
    ) -> anyhow::Result<()> {
        let stamp = Stamp {
            shape: SHAPE,
            truth,
            recipe: recipe.clone(),
            passages: size.passages,
            documents: size.documents,
            at: Timestamp::now(),
        };
        let mut prepared = writer.prepare_commit()?;
        prepared.set_payload(&serde_json::to_string(&stamp)?);
        prepared.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    fn add(&self, writer: &IndexWriter, passages: &[Passage]) -> anyhow::Result<Size> {
        let mut documents = BTreeMap::<(&str, &str), Vec<&Passage>>::new();
        for passage in passages {
            documents.entry((&passage.source, &passage.path)).or_default().push(passage);
        }
        let count = documents.len() as u64;
        for mut whole in documents.into_values() {
            whole.sort_by_key(|passage| passage.ordinal);
            let body = whole.iter().map(|passage| passage.text.as_str()).collect::<Vec<_>>().join("\n");
            let Some(first) = whole.first() else { continue };
            let kin = Kin::of(&first.title, &body).encode();
            for passage in &whole {
                writer.add_document(self.passage(passage, &kin)?)?;
            }
            writer.add_document(self.document(first, whole.len(), &body, &kin)?)?;
        }
        Ok(Size { passages: passages.len() as u64, documents: count })
    }

    fn passage(&self, passage: &Passage, kin: &str) -> anyhow::Result<TantivyDocument> {
        let fields = &self.fields;
        let mut document = TantivyDocument::default();
        document.add_bytes(fields.record, &serde_json::to_vec(passage)?);
        document.add_text(fields.id, &passage.id);
        document.add_text(fields.document, document_key(&passage.source, &passage.path));
        document.add_text(fields.source, &passage.source);
        document.add_text(fields.kin, kin);
        for facet in passage.facets() {
            document.add_text(fields.facet, facet);
        }
        let headings = passage.headings.join(" ");
        document.add_text(fields.text, format!("{headings}\n{}", passage.text));
        Ok(document)
    }

    fn document(
        &self,
        first: &Passage,
        passages: usize,
        body: &str,
        kin: &str,
    ) -> anyhow::Result<TantivyDocument> {
        let fields = &self.fields;
        let mut document = TantivyDocument::default();
        document.add_text(fields.document, document_key(&first.source, &first.path));
        document.add_text(fields.source, &first.source);
        document.add_text(fields.kin, kin);
        for facet in first.facets() {
            document.add_text(fields.facet, facet);
        }
        let state = DocumentState {
            source: first.source.clone(),
            path: first.path.clone(),
            uri: first.uri.clone(),
            title: first.title.clone(),
            hash: first.document_hash.clone(),
            passages: u32::try_from(passages).unwrap_or(u32::MAX),
            validators: first.validators.clone(),
        };
        document.add_text(fields.state, serde_json::to_string(&state)?);
        document.add_text(fields.title, names(first));
        document.add_text(fields.lead, &first.text);
        document.add_text(fields.body, body);
        Ok(document)
    }

    fn size(&self, source: &str, path: &str) -> anyhow::Result<Size> {
        let term = Term::from_field_text(self.fields.document, &document_key(source, path));
        let found = self.reader.searcher().doc_freq(&term)?;
        // One entry a passage and one for the document itself.
        Ok(Size { passages: found.saturating_sub(1), documents: found.min(1) })
    }
}

/// What a document is called: its title, its file's name where that says something else, its alerts and codes.
fn names(passage: &Passage) -> String {
    let file = passage.path.rsplit('/').next().unwrap_or(&passage.path);
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let mut names = passage.title.clone();
    if !analysis::spoken(&names).eq_ignore_ascii_case(&analysis::spoken(stem)) {
        names = format!("{names} {stem}");
    }
    for name in passage.attributes.alerts.iter().chain(&passage.attributes.codes) {
        names.push(' ');
        names.push_str(name);
    }
    names
}

#[derive(Clone, Copy, Default)]
struct Size {
    passages: u64,
    documents: u64,
}

impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |sum, size| Self {
            passages: sum.passages + size.passages,
            documents: sum.documents + size.documents,
        })
    }
}
