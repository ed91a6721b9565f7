//! The first ingestion: the built-in runbooks and the sources of the manifest.

use std::path::{Path, PathBuf};

use anyhow::Context;
use kubewright_ingest::source::{Location, Manifest, SourceSpec};
use kubewright_ingest::{
    Attributes, Category, IngestOptions, IngestProgress, IngestReport, KnowledgeBase, Refusal, SourceReport,
};
use tracing::{info, warn};

use super::collections::{Collections, is_busy};
use super::runbooks::BUILT_IN;

/// Documents of one source of which it is told that something about them is left out.
const TOLD: usize = 20;

/// How far the built-in runbooks are believed.
const TRUST: f32 = 0.9;

impl Collections {
    /// Brings the sources up to date, one after the other; what cannot be read keeps its last version. Documents that come
    /// into an empty knowledge base are found by words at once, and by meaning when the model has seen all of them.
    pub(super) async fn refresh(&self, manifest: Option<&Path>) {
        self.documents.measure().await;
        let specs = sources(manifest);
        if self.owes_vectors().await {
            let filled = self.documents.write(|base| self.fill(base, specs.clone()));
            if let Err(error) = filled.await {
                warn!(
                    error = format!("{error:#}"),
                    "the knowledge base is not filled, or has no vectors yet"
                );
            }
        } else {
            for spec in specs {
                let ingested =
                    self.documents.write(|base| self.ingest(base, spec.clone(), IngestOptions::default()));
                if let Err(error) = ingested.await {
                    not_read(&spec, &error);
                }
            }
        }
        self.prepare().await;
    }

    /// Whether documents are to be found by words first: there are none yet, or this was not finished the last time.
    /// Replicas share the truth, so none of them may leave it half done.
    async fn owes_vectors(&self) -> bool {
        let is_empty = self.documents.base.is_empty().await.unwrap_or(false);
        !self.documents.base.is_shared() && (is_empty || self.mark().exists())
    }

    /// A file that is there while documents wait for their vectors.
    fn mark(&self) -> PathBuf {
        self.documents.base.folder().join("vectors-owed")
    }

    /// All sources for search by words, then the vectors of all of them, in one turn: in between nothing can be added.
    async fn fill(&self, base: KnowledgeBase, specs: Vec<SourceSpec>) -> anyhow::Result<()> {
        std::fs::write(self.mark(), []).context("the folder cannot be written")?;
        let by_words = IngestOptions { words_first: true, ..IngestOptions::default() };
        for spec in specs {
            match self.ingest(base.clone(), spec.clone(), by_words).await {
                Err(error) if is_busy(&error) => return Err(error),
                Err(error) => not_read(&spec, &error),
                Ok(()) => {}
            }
        }
        let rebuild = IngestOptions { rebuild: true, ..IngestOptions::default() };
        Box::pin(base.ingest(&[], rebuild, |step| self.documents.embedded.note(&step))).await?;
        // It would only be looked at once more.
        let _ = std::fs::remove_file(self.mark());
        Ok(())
    }

    async fn ingest(
        &self,
        base: KnowledgeBase,
        spec: SourceSpec,
        options: IngestOptions,
    ) -> anyhow::Result<()> {
        let note = |step: IngestProgress<'_>| self.documents.embedded.note(&step);
        let IngestReport { sources, .. } = Box::pin(base.ingest(&[spec], options, note)).await?;
        sources.iter().for_each(told);
        Ok(())
    }

    /// Counts what is there and loads what the first question would wait for.
    pub(super) async fn prepare(&self) {
        self.documents.measure().await;
        self.episodes.measure().await;
        self.documents.load_reranker().await;
        self.episodes.load_reranker().await;
    }
}

fn not_read(spec: &SourceSpec, error: &anyhow::Error) {
    warn!(source = spec.name, error = format!("{error:#}"), "a source of knowledge was not read");
}

fn told(report: &SourceReport) {
    let SourceReport { source, added, changed, removed, passages, refused, ignored, error, .. } = report;
    if let Some(error) = error {
        warn!(source, error, "a source of knowledge could not be read; its last version stays");
        return;
    }
    for Refusal { uri, reason } in ignored.iter().take(TOLD) {
        warn!(source, document = uri, reason, "something that a document says about itself is left out");
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
