//! The runbooks in the program, by diagnosis code and by alert.

use std::collections::BTreeMap;

use kubewright_ingest::source::{self, Known, Location, SourceSpec};
use kubewright_ingest::{Found, Limits, RawDocument, format};
use tokio::sync::mpsc;
use tracing::warn;

/// The name of the source of the built-in runbooks.
pub const BUILT_IN: &str = "builtin";

/// A runbook in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// Its title.
    pub title: String,
    /// Its name within the source [`BUILT_IN`].
    pub path: String,
    /// Where its text is in the project.
    pub uri: String,
    /// The whole text, Markdown.
    pub text: String,
}

/// All of them, with who is asked about what.
#[derive(Debug, Default)]
pub(super) struct Runbooks {
    all: Vec<Runbook>,
    codes: Claims,
    alerts: Claims,
}

/// Who names a word, and at which place of its list: the foremost wins.
type Claims = BTreeMap<String, (usize, usize)>;

impl Runbooks {
    /// Reads them out of the program.
    pub(super) async fn read() -> Self {
        let (send, mut receive) = mpsc::channel(64);
        let (spec, limits, known) =
            (SourceSpec::new(BUILT_IN, Location::BuiltIn), Limits::default(), Known::new());
        let gather = async {
            let mut documents = Vec::new();
            while let Some(found) = receive.recv().await {
                if let Found::Document(document) = found {
                    documents.push(document);
                }
            }
            documents
        };
        let (read, documents) = tokio::join!(source::read(&spec, &limits, &known, send), gather);
        let read = read.map_err(anyhow::Error::from);
        let understood = tokio::task::spawn_blocking(move || Self::understand(documents, &limits)).await;
        match (read, understood) {
            (Ok(_), Ok(runbooks)) => runbooks,
            (read, understood) => {
                let errors = (read.err(), understood.as_ref().err());
                warn!(?errors, "the built-in runbooks could not all be read");
                understood.unwrap_or_default()
            }
        }
    }

    fn understand(documents: Vec<RawDocument>, limits: &Limits) -> Self {
        let mut runbooks = Self::default();
        for raw in documents {
            let Ok(document) = format::parse(&raw, limits) else { continue };
            let number = runbooks.all.len();
            claim(&mut runbooks.codes, number, &document.attributes.codes);
            claim(&mut runbooks.alerts, number, &document.attributes.alerts);
            let text = String::from_utf8_lossy(&raw.bytes).into_owned();
            runbooks.all.push(Runbook { title: document.title, path: raw.path, uri: raw.uri, text });
        }
        runbooks
    }

    pub(super) fn for_code(&self, code: &str) -> Option<&Runbook> {
        self.all.get(self.codes.get(code)?.1)
    }

    pub(super) fn for_alert(&self, alert: &str) -> Option<&Runbook> {
        self.all.get(self.alerts.get(alert)?.1)
    }

    pub(super) fn at(&self, path: &str) -> Option<&Runbook> {
        self.all.iter().find(|runbook| runbook.path == path)
    }
}

fn claim(claims: &mut Claims, runbook: usize, words: &[String]) {
    for (place, word) in words.iter().enumerate() {
        let claim = (place, runbook);
        let held = claims.entry(word.clone()).or_insert(claim);
        *held = claim.min(*held);
    }
}
