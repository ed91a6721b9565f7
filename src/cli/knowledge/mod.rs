//! `kubewright knowledge`: what the knowledge base holds, and setting it right.

mod show;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use kubewright_ingest::{DocumentInfo, Happened, KnowledgeBase, Version};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::base::{BaseArgs, Collection, emptiness};
use super::confirm::confirmed;
use super::output::{Format, print, render};
use super::text::{counted, line};
use crate::settings::Environment;

/// What to do with the knowledge base.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright knowledge list                              every document, by source
  kubewright knowledge show builtin crash-loop.md        one document as it is searched, passage by passage
  kubewright knowledge versions                          what each ingestion did
  kubewright knowledge restore 12                        bring version 12 back, as a new version
  kubewright knowledge restore 12 --source wiki          only one source of it; the others stay
  kubewright knowledge remove wiki                       a source with all its documents; asks first
  kubewright knowledge feedback 3f0a… --helpful          a search shows the passage's identifier
  kubewright knowledge stats -o json")]
pub struct KnowledgeArgs {
    /// The past incidents instead of the documents
    #[arg(long, global = true)]
    incidents: bool,
    /// Which knowledge base.
    #[command(flatten)]
    base: BaseArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: KnowledgeCommand,
}

/// What to do with the knowledge base.
#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// List documents by source
    List(ListArgs),
    /// Show one document as it is searched: its passages with their places
    Show(ShowArgs),
    /// List the versions that can be restored, and what each did
    Versions,
    /// Bring an earlier version back, as a new one
    Restore(RestoreArgs),
    /// Remove a document, or a source with all its documents
    Remove(RemoveArgs),
    /// Say how much there is, how it was made, and whether search by meaning works
    Stats,
    /// Say whether a passage was of help; that moves its trust
    Feedback(FeedbackArgs),
}

/// Which documents.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this source
    source: Option<String>,
}

/// Which document.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its source
    source: String,
    /// Its path within the source
    path: String,
}

/// Which version.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Its number
    #[arg(value_name = "VERSION")]
    number: u64,
    /// Only this source of it; the others stay as they are
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// What to remove.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The source
    source: String,
    /// Only this document of it
    path: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Which passage, and whether it was of help.
#[derive(Debug, Args)]
pub struct FeedbackArgs {
    /// The passage's identifier, as a search shows it
    id: String,
    /// It was of help
    #[arg(long, required_unless_present = "unhelpful", conflicts_with = "unhelpful")]
    helpful: bool,
    /// It was not
    #[arg(long)]
    unhelpful: bool,
}

/// A version with what is known about how it came about.
#[derive(Debug, Serialize)]
struct VersionLine {
    #[serde(flatten)]
    version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    happened: Option<Happened>,
}

#[derive(Debug, Serialize)]
struct Restored {
    restored: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    version: u64,
}

#[derive(Debug, Serialize)]
struct Rated<'a> {
    id: &'a str,
    trust: f32,
}

pub(super) async fn run(
    args: KnowledgeArgs,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let collection = Collection::of(args.incidents);
    let base = match (args.base.open(collection, environment).await?, &args.command) {
        (Ok(base), _) => base,
        (Err(nothing), KnowledgeCommand::List(_)) => {
            let none: [DocumentInfo; 0] = [];
            print(&render(format, &none, |_| line(&format!("Nothing: {nothing}.")) + "\n")?)?;
            return Ok(ExitCode::SUCCESS);
        }
        (Err(nothing), _) => bail!(nothing),
    };
    match args.command {
        KnowledgeCommand::List(args) => list(&base, collection, args.source, format).await?,
        KnowledgeCommand::Show(args) => {
            let passages = base.document(&args.source, &args.path).await?;
            print(&render(format, &passages, |passages| show::document(passages))?)?;
        }
        KnowledgeCommand::Versions => {
            let versions = base.versions().await?.into_iter();
            let versions: Vec<VersionLine> =
                versions.map(|(version, happened)| VersionLine { version, happened }).collect();
            print(&render(format, &versions, |versions| show::versions(versions))?)?;
        }
        KnowledgeCommand::Restore(args) => restore(&base, args, format).await?,
        KnowledgeCommand::Remove(args) => return remove(&base, args, format, shutdown).await,
        KnowledgeCommand::Stats => {
            let stats = base.stats().await?;
            print(&render(format, &stats, show::stats)?)?;
        }
        KnowledgeCommand::Feedback(args) => {
            let rated = Rated { id: &args.id, trust: Box::pin(base.rate(&args.id, args.helpful)).await? };
            print(&render(format, &rated, |rated| {
                format!("Noted. Its trust is now {:.2}.\n", rated.trust)
            })?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(
    base: &KnowledgeBase,
    collection: Collection,
    source: Option<String>,
    format: Format,
) -> anyhow::Result<()> {
    let mut documents = base.documents().await?;
    let empty = if documents.is_empty() { emptiness(base, collection).await? } else { None };
    if let Some(source) = source {
        documents.retain(|document| document.source == source);
    }
    print(&render(format, &documents, |documents| match empty {
        Some(empty) => line(&format!("Nothing: {empty}.")) + "\n",
        None => show::documents(documents),
    })?)
}

async fn restore(base: &KnowledgeBase, args: RestoreArgs, format: Format) -> anyhow::Result<()> {
    let RestoreArgs { number, source } = args;
    let version = match &source {
        Some(source) => Box::pin(base.restore_source(number, source)).await?,
        None => Box::pin(base.restore(number)).await?,
    };
    let restored = Restored { restored: number, source, version };
    print(&render(format, &restored, |restored| {
        let of = restored.source.as_ref().map(|source| format!(" of {}", line(source))).unwrap_or_default();
        format!("Version {}{of} is back, as version {}.\n", restored.restored, restored.version)
    })?)
}

async fn remove(
    base: &KnowledgeBase,
    args: RemoveArgs,
    format: Format,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let what = match &args.path {
        Some(path) => format!("{path} from {}", args.source),
        None => format!("{} with all its documents", args.source),
    };
    let question = format!("Remove {}?", line(&what));
    if !args.yes && !confirmed(question, "repeat with --yes", shutdown).await? {
        print("Nothing was removed.\n")?;
        return Ok(ExitCode::FAILURE);
    }
    let report = Box::pin(base.remove(&args.source, args.path.as_deref())).await?;
    print(&render(format, &report, |report| format!("Removed {}.\n", counted(report.removed, "document")))?)?;
    Ok(ExitCode::SUCCESS)
}
