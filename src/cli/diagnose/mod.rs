//! `kubewright diagnose`: what is wrong, by the rules, from a live cluster or a dump; no server needed.

mod report;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use self::report::Report;
use self::show::Look;
use super::chat::width;
use super::live::{LiveArgs, object};
use super::output::{Format, print, render};
use super::rules;
use crate::diagnose::{RuleBook, RuleProblem};
use crate::incident::Scope;
use crate::observe::{DumpLimits, DumpRequest, Snapshot, read_dump};
use crate::recall::Recall;
use crate::settings::Environment;

/// Columns where nobody looks through a terminal.
const WIDTH: usize = 80;

/// What to diagnose.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright diagnose -n shop                      everything in a namespace of the current cluster
  kubewright diagnose -n shop deploy/checkout      one workload, and what it depends on
  kubewright diagnose --dump ./dump -o markdown    a folder or tar of kubectl's answers, for a ticket
  kubewright diagnose --dump must-gather.tar.gz -o json
  kubewright diagnose --dump ./dump --rules ./rules   with rules of your own, as docs/RULES.md describes them

A dump is a folder or tar with answers of `kubectl get … -A -o json` (or yaml), `kubectl cluster-info dump
--output-directory`, a must-gather, or what `kubewright snapshot` wrote. Nothing is changed, and no model is asked.")]
pub struct DiagnoseArgs {
    /// A workload, pod or node: checkout, statefulset/db, pod/NAME, node/NAME
    #[arg(value_name = "WORKLOAD")]
    workload: Option<String>,
    /// The namespace [default: that of the kubeconfig's context; of a dump: all]
    #[arg(short, long)]
    namespace: Option<String>,
    /// Read this folder, or tar of one, instead of a live cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "cluster", "kubeconfig", "context"])]
    dump: Option<PathBuf>,
    /// A folder of rule files beside the built-in rules [default: that of the configuration, for a live cluster]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Show everything that was found, not only what proves the first cause
    #[arg(long)]
    details: bool,
    /// Which live cluster.
    #[command(flatten)]
    live: LiveArgs,
}

pub(super) async fn run(
    args: DiagnoseArgs,
    format: Format,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let (rules, problems) = book(&args, environment).await?;
    let look = Look { width: width().unwrap_or(WIDTH), details: args.details };
    let Some(snapshot) = shutdown.run_until_cancelled(snapshot(args, environment)).await else {
        anyhow::bail!("stopped before everything was read");
    };
    let snapshot = snapshot?;
    let report = spawn_blocking(move || {
        let began = Instant::now();
        let diagnosis = rules.diagnose(&snapshot, &[]);
        Report::of(&snapshot, &diagnosis, began.elapsed())
    });
    let mut report = report.await?.without(&problems);
    let runbooks = Recall::new(None).await;
    report.link(|code| Some(runbooks.runbook_for(code)?.uri.clone()));
    let shown = match format {
        Format::Markdown => show::markdown(&report),
        format => render(format, &report, |report| show::text(report, look))?,
    };
    print(&shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The rules to diagnose by, and what is wrong with those of the folder.
async fn book(
    args: &DiagnoseArgs,
    environment: &Environment,
) -> anyhow::Result<(RuleBook, Vec<RuleProblem>)> {
    let folder = match &args.rules {
        Some(folder) => Some(folder.clone()),
        None if args.dump.is_some() => None,
        None => args.live.rules(environment)?,
    };
    rules::read(folder).await
}

async fn snapshot(args: DiagnoseArgs, environment: &Environment) -> anyhow::Result<Snapshot> {
    let DiagnoseArgs { workload, namespace, dump, live, .. } = args;
    if let Some(path) = dump {
        let within = namespace.as_deref().unwrap_or_default();
        let workload = workload.map(|text| object(&text, within)).transpose()?;
        let request = DumpRequest { cluster: "dump".to_owned(), namespace, workload, now: Timestamp::now() };
        let read = spawn_blocking(move || read_dump(&path, &request, &DumpLimits::default()));
        return Ok(read.await??);
    }
    let observer = live.observer(environment, |_| {}).await?;
    let namespace = namespace.unwrap_or_else(|| observer.client().default_namespace().to_owned());
    let workload = workload.map(|text| object(&text, &namespace)).transpose()?;
    let scope = Scope::about(observer.name(), Some(&namespace), workload.as_ref());
    Ok(observer.snapshot(&scope, &[]).await)
}
