//! From sources to passages: what is new, changed or gone is found by content hash; each source is one commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::backing::Store;
use super::gathered::{Gathered, Parsed, parse};
use super::history::{self, Happened};
use super::lock::FolderLock;
use super::{IngestReport, KnowledgeBase, KnowledgeError, SourceReport, blocking};
use crate::chunk::{ChunkSettings, Chunker};
use crate::lexical::DocumentState;
use crate::passage::{Feedback, Original};
use crate::recipe::Recipe;
use crate::source::{self, Known, SourceSpec};
use crate::truth::Change;
use crate::{Attributes, Found, RawDocument, format};

/// How an ingestion is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestOptions {
    /// Find out what would change, and change nothing.
    pub dry_run: bool,
    /// Also remove sources that are not among those given.
    pub prune: bool,
    /// If the index was made with another model or chunker, make it anew first.
    pub rebuild: bool,
    /// Take documents into an index without vectors though there is a model: they are found by words at once, and by
    /// meaning after a `rebuild`.
    pub words_first: bool,
}

/// How far an ingestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestProgress<'a> {
    /// Documents of a source that were read so far, and passages made of them.
    Read {
        /// The source.
        source: &'a str,
        /// Documents read.
        documents: usize,
        /// Passages of new and changed ones.
        passages: usize,
    },
    /// Passages of a source that have their vector.
    Embedded {
        /// The source.
        source: &'a str,
        /// With vector.
        done: usize,
        /// In all.
        total: usize,
    },
}

impl KnowledgeBase {
    /// Brings sources up to date, one commit each. A source that cannot be read keeps its last version.
    ///
    /// # Errors
    /// When another process writes, the index was made differently, or writing fails. Sources that were committed before
    /// stay committed.
    pub async fn ingest(
        &self,
        specs: &[SourceSpec],
        options: IngestOptions,
        mut progress: impl FnMut(IngestProgress<'_>) + Send,
    ) -> anyhow::Result<IngestReport> {
        let ingest = Box::pin(self.ingest_alone(specs, options, &mut progress));
        if options.dry_run {
            let _lock = FolderLock::take(self.folder())?;
            return ingest.await;
        }
        self.locked(ingest).await
    }

    async fn ingest_alone(
        &self,
        specs: &[SourceSpec],
        options: IngestOptions,
        progress: &mut (impl FnMut(IngestProgress<'_>) + Send),
    ) -> anyhow::Result<IngestReport> {
        let started = Instant::now();
        let store = self.inner.backing.cache().await?;
        self.settle(&store, options, progress).await?;
        let mut report = IngestReport { dry_run: options.dry_run, ..IngestReport::default() };
        for spec in specs {
            let gathered = self.gather(spec, progress).await?;
            report.sources.push(self.keep(spec, gathered, &store, options, progress).await?);
        }
        if options.prune {
            let names: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            report.sources.extend(self.prune(&names, &store, options).await?);
        }
        if !options.dry_run && report.sources.iter().any(|source| source.passages + source.removed > 0) {
            self.tidy().await?;
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    async fn tidy(&self) -> anyhow::Result<()> {
        let (before, _) = self.inner.backing.latest().await?;
        // Everything is committed; what stays untidy is slower, not wrong.
        if let Err(error) = self.inner.backing.tidy().await {
            let error = format!("{error:#}");
            tracing::warn!(
                error,
                "the knowledge base could not be tidied; tried again after the next ingestion"
            );
        }
        self.follow().await?;
        let (after, _) = self.inner.backing.latest().await?;
        if after != before {
            self.note(after, None, Happened::TIDIED.to_owned(), &SourceReport::default());
        }
        Ok(())
    }

    /// Makes sure that what comes is made like what is there.
    async fn settle(
        &self,
        store: &Store,
        options: IngestOptions,
        progress: &mut (impl FnMut(IngestProgress<'_>) + Send),
    ) -> anyhow::Result<()> {
        let wanted = match self.inner.backing.wanted().await {
            Ok(wanted) => wanted,
            Err(why) => {
                // Without the model nothing can be added to an index with vectors; one without goes on without.
                tracing::warn!(%why, "there is no embedding model; the knowledge base is made for search by words");
                Recipe::new(None)
            }
        };
        let (version, found) = self.inner.backing.latest().await?;
        if version != self.lexical().stamp()?.map_or(u64::MAX, |stamp| stamp.truth) {
            self.mirror(version, &found).await?;
        }
        let Some(difference) = found.difference(&wanted) else { return Ok(()) };
        if options.words_first && found == Recipe::new(None) {
            return Ok(());
        }
        let empty = self.view().await?.lexical.stamp.passages == 0;
        if !empty && !options.rebuild {
            return Err(KnowledgeError::Recipe(difference).into());
        }
        if options.dry_run {
            return Ok(());
        }
        // Of an empty base there is nothing to tell.
        let mut report = |done, total| {
            if total > 0 {
                progress(IngestProgress::Embedded { source: "rebuild", done, total });
            }
        };
        let version = self.renew(store, &found, &wanted, &mut report).await?;
        if !empty {
            self.note(version, None, format!("made anew: {difference}"), &SourceReport::default());
        }
        Ok(())
    }

    /// Reads a source and finds out what is new.
    async fn gather(
        &self,
        spec: &SourceSpec,
        progress: &mut (impl FnMut(IngestProgress<'_>) + Send),
    ) -> anyhow::Result<Gathered> {
        let states = self.view().await?.lexical.states(Some(&spec.name))?;
        let states: Arc<BTreeMap<String, DocumentState>> =
            Arc::new(states.into_iter().map(|((_, path), state)| (path, state)).collect());
        let known: Known =
            states.iter().map(|(path, state)| (path.clone(), state.validators.clone())).collect();
        let limits = self.inner.settings.limits.clone();
        let chunker = Arc::new(Chunker::new(self.inner.backing.counter().await, ChunkSettings::default()));
        let (send, receive) = mpsc::channel(64);
        let reading = {
            let (spec, limits) = (spec.clone(), limits.clone());
            tokio::spawn(async move { source::read(&spec, &limits, &known, send).await })
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parsed = ReceiverStream::new(receive).map(|found| {
            let (spec, limits, chunker, states) =
                (spec.clone(), limits.clone(), chunker.clone(), states.clone());
            blocking(move || Ok(parse(&spec, found, &limits, &chunker, &states)))
        });
        let mut parsed = std::pin::pin!(parsed.buffered(cores));
        let mut gathered = Gathered::default();
        gathered.report.source.clone_from(&spec.name);
        let mut seen = BTreeSet::new();
        while let Some(one) = parsed.try_next().await? {
            gathered.take(one, &states, &mut seen);
            let (documents, passages) = (seen.len(), gathered.passages.len());
            progress(IngestProgress::Read { source: &spec.name, documents, passages });
        }
        match reading.await? {
            Ok(read) => gathered.report.version = read.version,
            Err(error) => return Ok(Gathered::failed(&spec.name, &error.into())),
        }
        for path in states.keys().filter(|path| !seen.contains(*path)) {
            gathered.report.removed += 1;
            gathered.replaced.push(path.clone());
        }
        gathered.report.passages = gathered.passages.len();
        Ok(gathered)
    }

    /// Commits what a source has become.
    async fn keep(
        &self,
        spec: &SourceSpec,
        mut gathered: Gathered,
        store: &Store,
        options: IngestOptions,
        progress: &mut (impl FnMut(IngestProgress<'_>) + Send),
    ) -> anyhow::Result<SourceReport> {
        let nothing = gathered.passages.is_empty() && gathered.replaced.is_empty();
        if options.dry_run || nothing {
            return Ok(gathered.report);
        }
        self.carry_feedback_over(&spec.name, &mut gathered).await?;
        let (_, recipe) = self.inner.backing.latest().await?;
        let report = |done, total| progress(IngestProgress::Embedded { source: &spec.name, done, total });
        self.inner.backing.prepare(store, &recipe, &gathered.passages, report).await?;
        let what = match &gathered.report.version {
            Some(version) => format!("ingested {} ({version})", spec.name),
            None => format!("ingested {}", spec.name),
        };
        self.commit(store, &recipe, &spec.name, gathered, what).await
    }

    async fn commit(
        &self,
        store: &Store,
        recipe: &Recipe,
        source: &str,
        gathered: Gathered,
        what: String,
    ) -> anyhow::Result<SourceReport> {
        let Gathered { report, passages, replaced } = gathered;
        let change = Arc::new(Change { source: source.to_owned(), passages: Arc::new(passages), replaced });
        // The index of words is written at the same time, and committed once the truth is.
        let prepared = {
            let (lexical, change) = (self.lexical(), change.clone());
            blocking(move || {
                let gone: Vec<(&str, &str)> =
                    change.replaced.iter().map(|path| (change.source.as_str(), path.as_str())).collect();
                lexical.prepare(&gone, &change.passages)
            })
        };
        let (version, prepared) = futures::join!(self.inner.backing.commit(store, &change), prepared);
        let (version, prepared) = (version?, prepared?);
        let (lexical, recipe) = (self.lexical(), recipe.clone());
        blocking(move || lexical.finish(prepared, version, &recipe)).await?;
        self.note(version, Some(source), what, &report);
        Ok(report)
    }

    /// Removes sources that are not named any more.
    async fn prune(
        &self,
        names: &BTreeSet<&str>,
        store: &Store,
        options: IngestOptions,
    ) -> anyhow::Result<Vec<SourceReport>> {
        let states = self.view().await?.lexical.states(None)?;
        let mut gone = BTreeMap::<String, Vec<String>>::new();
        for (source, path) in states.into_keys().filter(|(source, _)| !names.contains(source.as_str())) {
            // What people uploaded is in no manifest, and never pruned.
            if source != super::manage::UPLOADS {
                gone.entry(source).or_default().push(path);
            }
        }
        let mut reports = Vec::new();
        for (source, replaced) in gone {
            let report =
                SourceReport { source: source.clone(), removed: replaced.len(), ..SourceReport::default() };
            let gathered = Gathered { report: report.clone(), passages: Vec::new(), replaced };
            if !options.dry_run {
                let (_, recipe) = self.inner.backing.latest().await?;
                self.commit(store, &recipe, &source, gathered, format!("pruned {source}")).await?;
            }
            reports.push(report);
        }
        Ok(reports)
    }

    /// Takes documents in directly: uploads and episodes. They are added to the source, or replace what has their path.
    ///
    /// # Errors
    /// As [`KnowledgeBase::ingest`]; a document that cannot be taken in is a refusal in the report.
    pub async fn put(
        &self,
        source: &str,
        documents: Vec<(RawDocument, Attributes)>,
    ) -> anyhow::Result<SourceReport> {
        self.locked(Box::pin(self.put_alone(source, documents))).await
    }

    async fn put_alone(
        &self,
        source: &str,
        documents: Vec<(RawDocument, Attributes)>,
    ) -> anyhow::Result<SourceReport> {
        let store = self.inner.backing.cache().await?;
        self.settle(&store, IngestOptions::default(), &mut |_| {}).await?;
        let states = self.view().await?.lexical.states(Some(source))?;
        let states: Arc<BTreeMap<String, DocumentState>> =
            Arc::new(states.into_iter().map(|((_, path), state)| (path, state)).collect());
        let chunker = Arc::new(Chunker::new(self.inner.backing.counter().await, ChunkSettings::default()));
        let mut gathered = Gathered::default();
        source.clone_into(&mut gathered.report.source);
        let mut seen = BTreeSet::new();
        for (raw, attributes) in documents {
            let mut spec = SourceSpec::new(source, source::Location::BuiltIn);
            spec.attributes = attributes;
            let (limits, chunker, known) =
                (self.inner.settings.limits.clone(), chunker.clone(), states.clone());
            let (original, mut parsed) = blocking(move || {
                let original = format::keepable(&raw, &limits)
                    .map(|text| Original { text, media_type: raw.media_type.clone() });
                Ok((original, parse(&spec, Found::Document(raw), &limits, &chunker, &known)))
            })
            .await?;
            if let Parsed::Passages { passages, .. } = &mut parsed
                && let Some(first) = passages.first_mut()
            {
                first.original = original;
            }
            gathered.take(parsed, &states, &mut seen);
        }
        gathered.report.passages = gathered.passages.len();
        let spec = SourceSpec::new(source, source::Location::BuiltIn);
        self.keep(&spec, gathered, &store, IngestOptions::default(), &mut |_| {}).await
    }

    /// Removes documents of a source, or all of it.
    ///
    /// # Errors
    /// When there is no such document, another process writes, or writing fails.
    pub async fn remove(&self, source: &str, path: Option<&str>) -> anyhow::Result<SourceReport> {
        self.locked(Box::pin(self.remove_alone(source, path))).await
    }

    async fn remove_alone(&self, source: &str, path: Option<&str>) -> anyhow::Result<SourceReport> {
        let recipe = self.level().await?;
        let store = self.inner.backing.cache().await?;
        let states = self.view().await?.lexical.states(Some(source))?;
        let paths =
            states.into_keys().map(|(_, path)| path).filter(|known| path.is_none_or(|path| path == known));
        let replaced: Vec<String> = paths.collect();
        if replaced.is_empty() {
            let what = path
                .map_or_else(|| format!("source {source}"), |path| format!("document {path} in {source}"));
            return Err(KnowledgeError::NotFound(format!(
                "there is no {what}; see `kubewright knowledge list`"
            ))
            .into());
        }
        let report =
            SourceReport { source: source.to_owned(), removed: replaced.len(), ..SourceReport::default() };
        let what =
            path.map_or_else(|| format!("removed {source}"), |path| format!("removed {path} from {source}"));
        self.commit(&store, &recipe, source, Gathered { report, passages: Vec::new(), replaced }, what).await
    }

    /// What people said about a passage stays with its text.
    async fn carry_feedback_over(&self, source: &str, gathered: &mut Gathered) -> anyhow::Result<()> {
        let view = self.view().await?;
        let mut said = HashMap::<String, Feedback>::new();
        for path in &gathered.replaced {
            for old in view.lexical.document(source, path)? {
                if old.feedback != Feedback::default() {
                    said.insert(old.content_hash, old.feedback);
                }
            }
        }
        for passage in &mut gathered.passages {
            if let Some(feedback) = said.get(&passage.content_hash) {
                passage.feedback = *feedback;
            }
        }
        Ok(())
    }

    pub(super) fn note(&self, version: u64, source: Option<&str>, what: String, report: &SourceReport) {
        let happened = Happened {
            version,
            at: Timestamp::now(),
            what,
            source: source.map(str::to_owned),
            added: report.added,
            changed: report.changed,
            removed: report.removed,
        };
        history::append(self.folder(), &happened);
    }

    /// Stamps the index of words with the truth's newest version, which holds the same passages.
    pub(super) async fn follow(&self) -> anyhow::Result<()> {
        let (version, recipe) = self.inner.backing.latest().await?;
        let lexical = self.lexical();
        blocking(move || lexical.apply(version, &recipe, &[], &[])).await
    }
}
