//! How tests read a source to its end.

use tokio::sync::mpsc;

use super::{Known, SourceError, SourceRead, SourceSpec};
use crate::{Found, Limits, RawDocument};

/// Everything that a source brought, and how it ended.
pub(super) struct Brought {
    pub(super) found: Vec<Found>,
    pub(super) end: Result<SourceRead, SourceError>,
}

impl Brought {
    pub(super) fn documents(&self) -> Vec<&RawDocument> {
        let mut documents = Vec::new();
        for found in &self.found {
            if let Found::Document(document) = found {
                documents.push(document);
            }
        }
        documents
    }

    /// Paths of the documents in the order of reading.
    pub(super) fn paths(&self) -> Vec<&str> {
        self.documents().into_iter().map(|document| document.path.as_str()).collect()
    }

    /// `URI: reason` of each refusal.
    pub(super) fn refusals(&self) -> Vec<String> {
        let refusal = |found: &Found| match found {
            Found::Refused(refusal) => Some(format!("{}: {}", refusal.uri, refusal.reason)),
            _ => None,
        };
        self.found.iter().filter_map(refusal).collect()
    }

    pub(super) fn error(&self) -> String {
        self.end.as_ref().err().map(ToString::to_string).unwrap_or_default()
    }
}

pub(super) async fn read(spec: &SourceSpec, limits: &Limits) -> Brought {
    read_knowing(spec, limits, &Known::new()).await
}

pub(super) async fn read_knowing(spec: &SourceSpec, limits: &Limits, known: &Known) -> Brought {
    let (sender, mut receiver) = mpsc::channel(4);
    let collect = async {
        let mut found = Vec::new();
        while let Some(one) = receiver.recv().await {
            found.push(one);
        }
        found
    };
    let (end, found) = tokio::join!(super::read(spec, limits, known, sender), collect);
    Brought { found, end }
}
