//! The fields of the index: passages and documents side by side, each with its own.

use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use crate::analysis::ANALYZER;

/// The fields. A passage has `record`, `id`, `text`; a document has `title`, `lead`, `body`; both have the rest.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// The passage as JSON.
    pub(super) record: Field,
    /// The passage's identity.
    pub(super) id: Field,
    /// The document's key: source and path.
    pub(super) document: Field,
    /// The source's name.
    pub(super) source: Field,
    /// The document's hash with its path, to tell what has changed.
    pub(super) state: Field,
    /// What decides among documents of one title.
    pub(super) kin: Field,
    /// `key=value` words to filter by.
    pub(super) facet: Field,
    /// The passage's headings and text.
    pub(super) text: Field,
    /// The document's title and file name as words.
    pub(super) title: Field,
    /// The document's first passage: what it is about.
    pub(super) lead: Field,
    /// The document's whole text.
    pub(super) body: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let words = |option: IndexRecordOption| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(option),
        )
    };
    let mut schema = Schema::builder();
    let fields = Fields {
        record: schema.add_bytes_field("record", STORED),
        id: schema.add_text_field("id", STRING),
        document: schema.add_text_field("document", STRING | FAST),
        source: schema.add_text_field("source", STRING | FAST),
        state: schema.add_text_field("state", STORED),
        kin: schema.add_text_field("kin", STRING | FAST),
        facet: schema.add_text_field("facet", STRING | FAST),
        text: schema.add_text_field("text", words(IndexRecordOption::WithFreqsAndPositions)),
        title: schema.add_text_field("title", words(IndexRecordOption::WithFreqs)),
        lead: schema.add_text_field("lead", words(IndexRecordOption::WithFreqs)),
        body: schema.add_text_field("body", words(IndexRecordOption::WithFreqs)),
    };
    (schema.build(), fields)
}

/// The key of a document. The separator cannot stand in a source's name.
pub(crate) fn document_key(source: &str, path: &str) -> String {
    format!("{source}\u{1f}{path}")
}
