//! kubewright-ingest: the knowledge base of kubewright.
//!
//! Documents come in from sources, are parsed, cut into passages, embedded and indexed; people and the server search
//! them by words, by meaning, or by both. The modules, in the order in which a newcomer should read them.

// What the pipeline works on: documents, passages, their attributes.
pub mod document;
pub mod passage;

// What passages are filtered and counted by.
pub mod facets;

// How an index was made: what must not be mixed.
pub mod recipe;

// How much is read, and for how long.
pub mod limits;

// Where documents come from: files, the web, git, archives.
pub mod source;

// Bytes into headings, prose, code and tables.
pub mod format;

// Documents into passages.
pub mod chunk;

// Text into vectors.
#[cfg(feature = "vectors")]
pub mod embed;

// Text into terms.
mod analysis;

// Search by words: a tantivy index.
mod lexical;

// Questions and answers.
pub mod search;

// The truth: passages with their vectors in a LanceDB table.
mod truth;

// Synonyms, abbreviations and exit codes that widen a question.
pub mod expand;

// How good a search is, measured on questions with known answers.
pub mod evaluate;

// The knowledge base: truth and indexes together.
mod base;

// For benchmarks: large knowledge bases, and the speed of the model by itself.
#[cfg(feature = "vectors")]
pub mod synthetic;

pub use base::{
    DEFAULT_MODEL, DEFAULT_RERANKER, DocumentInfo, Happened, IngestOptions, IngestProgress, IngestReport,
    KnowledgeBase, KnowledgeError, KnowledgeSettings, ModelChoice, RerankerChoice, Scrub, SourceReport,
    Stats,
};
pub use document::{Attributes, Category, Document, Found, RawDocument, Refusal, Severity, Validators};
pub use format::{PdfWorker, serve_pdf};
pub use limits::Limits;
pub use passage::{Feedback, Lines, Original, Passage};
pub use truth::Version;
