//! `kubewright ingest`: bring the knowledge base up to date with its sources.
//!
//! Owns which sources are meant, the progress that people see, and the summary. What is new, changed or gone is found by
//! the knowledge base.

mod follow;
mod progress;
mod sources;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use kubewright_ingest::source::{Location, SourceSpec};
use kubewright_ingest::{Category, IngestOptions, IngestReport, KnowledgeBase};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::base::{BaseArgs, Collection, open, open_existing};
use super::output::{Format, print, render};
use crate::egress::Egress;
use crate::settings::{Environment, KnowledgeSettings};
use crate::telemetry::{self, LogFormat};

pub(super) use progress::Progress;

/// The variable that says what is logged. Here nothing is, unless it is set: the progress says it.
const FILTER_VARIABLE: &str = "KUBEWRIGHT_LOG";

const EXAMPLES: &str = "\
Examples:
  kubewright ingest                              what the list of sources names, or the built-in runbooks alone
  kubewright ingest ./runbooks --category runbook --trust 0.9
  kubewright ingest https://git.example/ops/docs.git#main --name docs
  kubewright ingest 'notes/**/*.md' post-mortems.zip --dry-run
  cat advice.md | kubewright ingest - --name advice
  kubewright ingest --watch                      and go on with every change

A SOURCE is a file, a folder, a glob in quotes, `-` for stdin, an http or https URL of a page, a sitemap.xml or an
archive, a git repository (https URL ending in .git, or git:FOLDER), a .zip, .tar or .tar.gz file, or `builtin`.

Without SOURCE a list of sources is read: --manifest, else knowledge.manifest of the configuration, else
ingest/sources.toml or sources.toml in this folder. Each source is one version: a run that is cut off leaves the last
version of the source it was at, and the next run goes on from there. Exit code 1 when a source could not be read.";

/// What to take in.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct IngestArgs {
    /// Where documents are; none: what the list of sources names
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// Find out what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on: files when they change, the web and git every 15 minutes
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// Also remove every source that is not named here
    #[arg(long)]
    prune: bool,
    /// Make what was made with another model or an older kubewright anew
    #[arg(long)]
    rebuild: bool,
    /// The list of sources
    #[arg(long, value_name = "FILE", conflicts_with = "sources")]
    manifest: Option<PathBuf>,
    /// What to call the source, instead of how it is written
    #[arg(long, value_name = "NAME", requires = "sources")]
    name: Option<String>,
    /// What the documents are for (troubleshooting, configuration, security, monitoring, incident, runbook)
    #[arg(long, value_name = "CATEGORY", requires = "sources", value_parser = category)]
    category: Option<Category>,
    /// A word to filter by; may be repeated
    #[arg(long = "tag", value_name = "TAG", requires = "sources")]
    tags: Vec<String>,
    /// The Kubernetes versions that they are about, for instance '>=1.27'
    #[arg(long, value_name = "VERSION", requires = "sources")]
    k8s_version: Option<String>,
    /// How far to believe them, 0 to 1
    #[arg(long, value_name = "0..1", requires = "sources", value_parser = trust)]
    trust: Option<f32>,
    /// Which knowledge base.
    #[command(flatten)]
    base: BaseArgs,
}

fn category(text: &str) -> Result<Category, String> {
    let names = Category::ALL.map(Category::name).join(", ");
    Category::named(text).ok_or_else(|| format!("categories are {names}"))
}

fn trust(text: &str) -> Result<f32, String> {
    let trust = text.parse().ok().filter(|trust| (0.0..=1.0).contains(trust));
    trust.ok_or_else(|| "a number from 0 to 1 is needed".to_owned())
}

pub(super) async fn run(
    args: IngestArgs,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    if let Some(filter) = environment.get(FILTER_VARIABLE) {
        telemetry::start_logging(filter, LogFormat::Text, !environment.contains_key("NO_COLOR"))?;
    }
    let (settings, egress) = args.base.settings(environment)?;
    let specs = sources::of(&args, &settings)?;
    let (base, _place) = base(settings, &egress, args.dry_run).await?;
    if specs.iter().any(|spec| matches!(spec.location, Location::Stdin { .. })) {
        anstream::eprintln!("Reading standard input.");
    }
    let IngestArgs { dry_run, prune, rebuild, .. } = args;
    let options = IngestOptions { dry_run, prune, rebuild, words_first: false };
    let run = Run { base, format, options };
    if args.watch {
        return follow::run(&run, &specs, shutdown).await;
    }
    match shutdown.run_until_cancelled(run.once(&specs)).await {
        Some(report) => Ok(if report?.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        None => {
            anstream::eprintln!("{STOPPED}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The knowledge base; for a dry run where there is none, an empty one in a place that goes away: it makes no folders.
async fn base(
    mut settings: KnowledgeSettings,
    egress: &Egress,
    dry_run: bool,
) -> anyhow::Result<(KnowledgeBase, Option<TempDir>)> {
    if !dry_run {
        return Ok((open(&settings, egress, Collection::Documents).await?, None));
    }
    if let Ok(base) = open_existing(&settings, egress, Collection::Documents).await? {
        return Ok((base, None));
    }
    let place = tempfile::tempdir().context("a dry run needs a temporary folder")?;
    place.path().clone_into(&mut settings.folder);
    Ok((open(&settings, egress, Collection::Documents).await?, Some(place)))
}

/// Sources that were finished before are committed; the one under way is not.
const STOPPED: &str =
    "Stopped: the source under way keeps its last version. Run it again to go on from there.";

/// One or more runs of an ingestion.
struct Run {
    base: KnowledgeBase,
    format: Format,
    options: IngestOptions,
}

impl Run {
    /// Brings sources up to date and prints what that did.
    async fn once(&self, specs: &[SourceSpec]) -> anyhow::Result<IngestReport> {
        let mut progress = Progress::new();
        let report = Box::pin(self.base.ingest(specs, self.options, |step| progress.show(step))).await;
        progress.finish();
        let report = report?;
        // A dry run does not settle whether there will be vectors.
        let degraded = if report.dry_run { None } else { self.base.degraded().await };
        print(&render(self.format, &report, |report| summary::show(report, degraded.as_deref()))?)?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::{category, trust};

    #[test]
    fn only_categories_and_trust_that_exist_are_taken() {
        assert!(category("Runbook").is_ok());
        assert_eq!(trust("0.5"), Ok(0.5));
        for text in ["1.1", "-0.1", "NaN", "much", ""] {
            assert!(trust(text).is_err(), "{text}");
        }
        assert!(category("poems").is_err_and(|error| error.contains("runbook")));
    }
}
