//! What documents become: passages by hash, parser and chunker, gathered for the commit of their source.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::SourceReport;
use crate::chunk::Chunker;
use crate::lexical::DocumentState;
use crate::limits::Limits;
use crate::passage::Feedback;
use crate::recipe::PIPELINE_VERSION;
use crate::source::SourceSpec;
use crate::{Found, Passage, RawDocument, Refusal, format};

/// What a source has become.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) report: SourceReport,
    pub(super) passages: Vec<Passage>,
    pub(super) replaced: Vec<String>,
}

/// What one document has become.
pub(super) enum Parsed {
    Unchanged(String),
    Refused(Refusal),
    Passages { path: String, passages: Vec<Passage>, ignored: Vec<Refusal> },
}

impl Gathered {
    pub(super) fn failed(source: &str, error: &anyhow::Error) -> Self {
        let report = SourceReport {
            source: source.to_owned(),
            error: Some(format!("{error:#}")),
            ..SourceReport::default()
        };
        Self { report, ..Self::default() }
    }

    pub(super) fn take(
        &mut self,
        parsed: Parsed,
        states: &BTreeMap<String, DocumentState>,
        seen: &mut BTreeSet<String>,
    ) {
        match parsed {
            Parsed::Unchanged(path) => {
                if seen.insert(path) {
                    self.report.unchanged += 1;
                }
            }
            Parsed::Refused(refusal) => self.report.refused.push(refusal),
            Parsed::Passages { path, passages, ignored } => {
                if !seen.insert(path.clone()) {
                    return;
                }
                self.report.ignored.extend(ignored);
                let known = states.contains_key(&path);
                if passages.is_empty() {
                    self.report.empty += 1;
                }
                match known {
                    true => self.report.changed += 1,
                    false => self.report.added += usize::from(!passages.is_empty()),
                }
                if known {
                    self.replaced.push(path);
                }
                self.passages.extend(passages);
            }
        }
    }
}

/// One document: hash, parse, cut. Never panics on what it is given; a document that cannot be parsed is refused.
pub(super) fn parse(
    spec: &SourceSpec,
    found: Found,
    limits: &Limits,
    chunker: &Chunker,
    states: &BTreeMap<String, DocumentState>,
) -> Parsed {
    let raw = match found {
        Found::Document(raw) => raw,
        Found::Unchanged { path } => return Parsed::Unchanged(path),
        Found::Refused(refusal) => return Parsed::Refused(refusal),
    };
    let document_hash = document_hash(spec, &raw);
    if states.get(&raw.path).is_some_and(|state| state.hash == document_hash) {
        return Parsed::Unchanged(raw.path);
    }
    let document = match format::parse(&raw, limits) {
        Ok(document) => document,
        Err(reason) => return Parsed::Refused(Refusal { uri: raw.uri, reason }),
    };
    let mut attributes = document.attributes.clone().or(&spec.attributes);
    attributes.last_updated = attributes.last_updated.or(raw.modified);
    let pieces = chunker.pieces(&document).into_iter().enumerate();
    let passages = pieces.map(|(ordinal, piece)| {
        let mut passage = Passage {
            id: String::new(),
            source: spec.name.clone(),
            path: raw.path.clone(),
            uri: raw.uri.clone(),
            title: document.title.clone(),
            ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX),
            headings: piece.headings,
            text: piece.text,
            lines: piece.lines,
            attributes: attributes.clone(),
            content_hash: String::new(),
            document_hash: document_hash.clone(),
            validators: raw.validators.clone(),
            feedback: Feedback::default(),
            original: None,
        };
        seal(&mut passage);
        passage
    });
    let passages = passages.collect();
    let ignored = document.ignored.iter();
    let ignored = ignored.map(|reason| Refusal { uri: raw.uri.clone(), reason: reason.clone() }).collect();
    Parsed::Passages { path: raw.path, passages, ignored }
}

/// Names a passage by its place and its text.
pub(super) fn seal(passage: &mut Passage) {
    passage.content_hash = hash([passage.embedded_text().as_bytes()]);
    let place = passage.ordinal.to_le_bytes();
    let parts = [passage.source.as_bytes(), passage.path.as_bytes(), &place, passage.content_hash.as_bytes()];
    passage.id = hash(parts).chars().take(32).collect();
}

/// What decides whether a document must be read anew: its bytes, what its source says about it, and how it is read.
fn document_hash(spec: &SourceSpec, raw: &RawDocument) -> String {
    let about = serde_json::to_vec(&spec.attributes).unwrap_or_default();
    hash([&PIPELINE_VERSION.to_le_bytes(), about.as_slice(), raw.path.as_bytes(), raw.bytes.as_slice()])
}

fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chunk::{ApproximateTokens, ChunkSettings};
    use crate::source::Location;

    const MARKDOWN: &str = "---\ntitle: Sample\ntags: [a]\n---\n# Sample\n\nSome words.\n\n## How\n\n```yaml\n\
        kind: Secret\nmetadata:\n  name: shop\nstringData:\n  password: correct-horse\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    const HTML: &str = "<html><head><title>Page</title></head><body><main><h1>Page</h1><p>Some words.</p>\
        <pre>kubectl get pods</pre></main></body></html>";
    const YAML: &str =
        "kind: ConfigMap\nmetadata:\n  name: a\n---\nkind: Secret\nmetadata:\n  name: b\ndata:\n  k: dg==\n";
    const DOC: &str = "= Title\n\nSome words.\n\n== Part\n\n----\ncode\n----\n";
    const RST: &str = "Title\n=====\n\nSome words.\n\n.. code-block:: sh\n\n   kubectl get pods\n";

    /// Of everything that is kept of some documents.
    fn digest() -> String {
        let chunker = Chunker::new(Arc::new(ApproximateTokens), ChunkSettings::default());
        let spec = SourceSpec::new("sample", Location::BuiltIn);
        let documents =
            [("a.md", MARKDOWN), ("b.html", HTML), ("c.yaml", YAML), ("d.adoc", DOC), ("e.rst", RST)];
        let passages = documents.into_iter().flat_map(|(path, text)| {
            let raw = RawDocument {
                path: path.to_owned(),
                uri: path.to_owned(),
                bytes: text.as_bytes().to_vec(),
                media_type: None,
                modified: None,
                validators: crate::Validators::default(),
            };
            let parsed = parse(&spec, Found::Document(raw), &Limits::default(), &chunker, &BTreeMap::new());
            let Parsed::Passages { mut passages, .. } = parsed else { panic!("{path} is read") };
            // It is made of the version itself.
            passages.iter_mut().for_each(|passage| passage.document_hash.clear());
            passages
        });
        let passages: Vec<Passage> = passages.collect();
        hash([serde_json::to_vec(&passages).unwrap().as_slice()]).chars().take(16).collect()
    }

    #[test]
    fn passages_that_would_be_made_differently_ask_for_another_version() {
        // When the digest changes, raise PIPELINE_VERSION: bases that were made before are then made anew on request.
        assert_eq!((PIPELINE_VERSION, digest().as_str()), (2, "3fb0b9c5828a60ba"));
    }
}
