//! The first ingestion: the built-in runbooks and the sources of the manifest.

use std::path::Path;

use kubewright_ingest::source::{Location, Manifest, SourceSpec};
use kubewright_ingest::{Attributes, Category, IngestOptions, IngestReport, SourceReport};
use tracing::{info, warn};

use super::collections::Collections;
use super::runbooks::BUILT_IN;

/// How far the built-in runbooks are believed.
const TRUST: f32 = 0.9;

impl Collections {
    /// Brings the sources up to date, one after the other; what cannot be read keeps its last version.
    pub(super) async fn refresh(&self, manifest: Option<&Path>) {
        for spec in sources(manifest) {
            let ingested = self.documents.write(|base| {
                let specs = [spec.clone()];
                async move { Box::pin(base.ingest(&specs, IngestOptions::default(), |_| {})).await }
            });
            match ingested.await {
                Ok(IngestReport { sources, .. }) => sources.iter().for_each(told),
                Err(error) => {
                    warn!(
                        source = spec.name,
                        error = format!("{error:#}"),
                        "a source of knowledge was not read"
                    );
                }
            }
        }
        self.prepare().await;
    }

    /// Counts what is there and loads what the first question would wait for.
    pub(super) async fn prepare(&self) {
        self.documents.measure().await;
        self.episodes.measure().await;
        self.documents.load_reranker().await;
        self.episodes.load_reranker().await;
    }
}

fn told(report: &SourceReport) {
    let SourceReport { source, added, changed, removed, passages, refused, error, .. } = report;
    if let Some(error) = error {
        warn!(source, error, "a source of knowledge could not be read; its last version stays");
        return;
    }
    let refused = refused.len();
    info!(source, added, changed, removed, passages, refused, "a source of knowledge is up to date");
}

/// What the manifest names; the built-in runbooks come first where it does not name them.
fn sources(manifest: Option<&Path>) -> Vec<SourceSpec> {
    let read = manifest.map(Manifest::read).transpose();
    let mut sources = match read {
        Ok(manifest) => manifest.map(|manifest| manifest.sources).unwrap_or_default(),
        Err(error) => {
            warn!(%error, "the list of sources cannot be read; only the built-in runbooks are");
            Vec::new()
        }
    };
    if !sources.iter().any(|spec| spec.location == Location::BuiltIn) {
        let mut built_in = SourceSpec::new(BUILT_IN, Location::BuiltIn);
        built_in.attributes =
            Attributes { category: Some(Category::Runbook), trust: Some(TRUST), ..Attributes::default() };
        sources.insert(0, built_in);
    }
    sources
}
