//! `kubewright eval`: how good a search, the diagnosis and the grouping of logs are, on data whose answers are known.

mod cache;
mod diagnosis;
mod logs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use kubewright_ingest::evaluate::{Evaluation, Query, Run, not_among, read as read_queries};
use kubewright_ingest::search::{LONGEST_QUESTION, Mode, SearchRequest, SearchResponse};
use kubewright_ingest::source::{Location, SourceSpec};
use kubewright_ingest::{IngestOptions, KnowledgeBase};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::cache::{PATIENCE, SharedCache};
use super::base::ConfigArgs;
use super::ingest::Progress;
use super::output::{Format, print, render};
use super::search::mode;
use super::text;
use crate::settings::{Environment, cache_home};

/// Documents that are looked at for each query; the deepest figure looks at ten.
const DEPTH: usize = 50;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Measure how well a search finds the right documents of a corpus
    Retrieval(RetrievalArgs),
    /// Measure how often the diagnosis finds the root cause of kept incidents
    Diagnosis(diagnosis::DiagnosisArgs),
    /// Measure how well and how quickly log lines are grouped
    Logs(logs::LogsArgs),
}

/// Which corpus and which questions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright eval retrieval --corpus docs --queries questions.jsonl
  kubewright eval retrieval --corpus docs --queries questions.jsonl --mode hybrid -o json

A line of the query file is {\"id\", \"query\", \"relevant\": [paths relative to the corpus]}. The corpus is taken into a
temporary knowledge base; embeddings are kept in the user's cache folder, so a second run is quick. One beside it waits for
them a while, or makes its own. Each figure is a mean over all queries with its 95 % confidence interval.")]
pub struct RetrievalArgs {
    /// The folder of the documents
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The questions
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Only this mode (lexical, vector, hybrid); may be repeated
    #[arg(long = "mode", value_name = "MODE", value_parser = mode)]
    modes: Vec<Mode>,
    /// Which configuration says the model.
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(
    command: EvalCommand,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let args = match command {
        EvalCommand::Retrieval(args) => args,
        EvalCommand::Diagnosis(args) => {
            return match shutdown.run_until_cancelled(diagnosis::run(args, format)).await {
                Some(done) => done.map(|()| ExitCode::SUCCESS),
                None => bail!("stopped before every case was diagnosed"),
            };
        }
        EvalCommand::Logs(args) => return logs::run(args, format, shutdown).await,
    };
    let queries = read(&args.queries)?;
    let Some(evaluation) = shutdown.run_until_cancelled(retrieval(&args, &queries, environment)).await else {
        bail!("stopped before the figures were complete");
    };
    print(&render(format, &evaluation?, |evaluation| text::lines(&evaluation.to_string()))?)?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<Vec<Query>> {
    let opened = File::open(file).with_context(|| format!("cannot read the queries {}", file.display()))?;
    let queries = read_queries(BufReader::new(opened));
    queries.with_context(|| format!("the queries {} cannot be used", file.display()))
}

async fn retrieval(
    args: &RetrievalArgs,
    queries: &[Query],
    environment: &Environment,
) -> anyhow::Result<Evaluation> {
    let folder = TempDir::with_prefix("kubewright-eval-").context("could not make a temporary folder")?;
    let base = filled(args, &folder, environment).await?;
    let not_in_corpus = absent(&base, queries).await?;
    let mut runs = BTreeMap::new();
    for mode in modes(&args.modes, &base).await? {
        anstream::eprintln!("asking {} queries, {}", queries.len(), mode.name());
        let mut run = Run::new();
        for query in queries {
            run.push(ask(&base, query, mode).await?);
        }
        runs.insert(mode.name().to_owned(), run);
    }
    Ok(Evaluation { not_in_corpus, ..Evaluation::of(queries, &runs)? })
}

/// Queries of documents that are not in the knowledge base. Where none is, the figures would say nothing.
async fn absent(base: &KnowledgeBase, queries: &[Query]) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let documents: BTreeSet<String> =
        base.documents().await?.into_iter().map(|document| document.path).collect();
    let absent = not_among(queries, &documents);
    let named: usize = queries.iter().map(|query| query.relevant.len()).sum();
    if named > 0 && absent.values().map(Vec::len).sum::<usize>() == named {
        let one = absent.values().flatten().next().map_or("", String::as_str);
        bail!(
            "the corpus has none of the documents that the queries name, as {one}; their paths must be relative to the \
             corpus, whose documents are named like {}",
            documents.first().map_or("nothing: it is empty", String::as_str)
        );
    }
    Ok(absent)
}

/// A knowledge base of the corpus alone.
async fn filled(
    args: &RetrievalArgs,
    folder: &TempDir,
    environment: &Environment,
) -> anyhow::Result<KnowledgeBase> {
    if !args.corpus.is_dir() {
        bail!("the corpus {} is not a folder", args.corpus.display());
    }
    let (mut settings, egress) = args.config.settings(environment)?;
    settings.folder = folder.path().to_owned();
    settings.location = None;
    let mut settings = settings.documents(egress.scrubber());
    // Held until everything is embedded; questions are asked without it.
    let cache = shared_cache(environment).await;
    settings.cache = cache.as_ref().map(|cache| cache.file().to_owned());
    let base = Box::pin(KnowledgeBase::open(settings)).await?;
    let corpus = [SourceSpec::new("corpus", Location::Folder(args.corpus.clone()))];
    let mut progress = Progress::new();
    let report = Box::pin(base.ingest(&corpus, IngestOptions::default(), |step| progress.show(step))).await;
    progress.finish();
    let report = report?;
    for source in &report.sources {
        if let Some(error) = &source.error {
            bail!("the corpus could not be read: {error}");
        }
        let (documents, refused) = (source.added, source.refused.len());
        anstream::eprintln!(
            "{documents} documents, {} passages, {refused} refused, {:.1} s",
            source.passages,
            report.seconds
        );
    }
    Ok(base)
}

/// Where embeddings outlive the temporary knowledge base; `None` where they cannot, which is said.
async fn shared_cache(environment: &Environment) -> Option<SharedCache> {
    let folder = cache_home(environment);
    let started = Instant::now();
    match SharedCache::take(&folder, PATIENCE).await {
        Ok(Some(cache)) => {
            if started.elapsed() >= Duration::from_secs(1) {
                anstream::eprintln!("Waited for another evaluation to leave the kept embeddings.");
            }
            Some(cache)
        }
        Ok(None) => {
            anstream::eprintln!(
                "Another evaluation works with the kept embeddings; this one makes its own and does not keep them."
            );
            None
        }
        Err(error) => {
            anstream::eprintln!("Embeddings are not kept for the next run: {error:#}");
            None
        }
    }
}

/// The modes that can be measured. Without a model a search by meaning is none.
async fn modes(asked: &[Mode], base: &KnowledgeBase) -> anyhow::Result<Vec<Mode>> {
    let asked = if asked.is_empty() { &Mode::ALL } else { asked };
    if !asked.iter().any(|mode| *mode != Mode::Lexical) {
        return Ok(asked.to_vec());
    }
    let Some(why) = base.degraded().await else { return Ok(asked.to_vec()) };
    let why = text::line(&why);
    let left: Vec<Mode> = asked.iter().copied().filter(|mode| *mode != Mode::Vector).collect();
    if left.is_empty() {
        bail!("the mode vector cannot be measured: {why}");
    }
    anstream::eprintln!("The mode vector is left out, and hybrid is by words only: {why}");
    Ok(left)
}

/// The documents that one query finds, the best first.
async fn ask(base: &KnowledgeBase, query: &Query, mode: Mode) -> anyhow::Result<Vec<String>> {
    let request =
        SearchRequest { mode, k: DEPTH, per_document: 1, ..SearchRequest::new(question(&query.text)) };
    let response = Box::pin(base.search(&request)).await;
    Ok(documents(response.with_context(|| format!("the query {} failed", query.id))?))
}

/// The beginning of a question that is longer than any may be.
fn question(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_QUESTION)).unwrap_or(text)
}

/// The paths of the documents behind passages; the same text in several documents counts for each.
fn documents(response: SearchResponse) -> Vec<String> {
    let citations =
        response.results.into_iter().flat_map(|result| std::iter::once(result.citation).chain(result.also));
    citations.map(|citation| citation.path).collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_QUESTION, question};

    #[test]
    fn an_endless_question_is_cut_between_characters() {
        let endless = "ü".repeat(LONGEST_QUESTION);
        assert!(question(&endless).len() <= LONGEST_QUESTION);
        assert_eq!(question("short"), "short");
    }
}
