//! `kubewright snapshot`: collects what a diagnosis needs into a folder that can be kept or sent.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::live::{LiveArgs, object};
use super::output::{Output, print};
use super::text::{line, lines};
use crate::cases::scrubbed;
use crate::incident::Scope;
use crate::observe::{may_be_written, write_dump};
use crate::settings::Environment;

/// Containers whose logs are collected: more than a diagnosis of a live cluster reads, which can look again.
const LOGS: usize = 60;

/// What to collect.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright snapshot --namespace shop -o ./shop-dump
  kubewright snapshot --namespace shop deploy/checkout -o ./checkout-dump
  kubewright diagnose --dump ./shop-dump

The folder must be new or empty. It holds objects as kubectl lists them, logs of failing containers, the alerts that Prometheus
has firing (where one is configured), and when they were read.
Secrets have their keys only, ConfigMaps their keys and the hosts and ports in their values; what looks like a secret in
manifests and logs is masked. A missing file means that something could not be read, an empty list that there is nothing.")]
pub struct SnapshotArgs {
    /// A workload, pod or node of interest: checkout, statefulset/db, pod/NAME, node/NAME
    #[arg(value_name = "WORKLOAD")]
    workload: Option<String>,
    /// The namespace
    #[arg(short, long)]
    namespace: String,
    /// Which live cluster.
    #[command(flatten)]
    live: LiveArgs,
}

pub(super) async fn run(
    args: SnapshotArgs,
    output: Output,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let Output::Place(folder) = output else {
        bail!("name a new folder: kubewright snapshot --namespace {} -o DIR", line(&args.namespace));
    };
    may_be_written(&folder)?;
    let Some(written) = shutdown.run_until_cancelled(collect(args, folder, environment)).await else {
        bail!("stopped before everything was read; nothing was written");
    };
    print(&lines(&written?))?;
    Ok(ExitCode::SUCCESS)
}

async fn collect(args: SnapshotArgs, folder: PathBuf, environment: &Environment) -> anyhow::Result<String> {
    let observer = args.live.observer(environment, |limits| limits.max_log_containers = LOGS).await?;
    let workload = args.workload.map(|text| object(&text, &args.namespace)).transpose()?;
    let scope = Scope::about(observer.name(), Some(&args.namespace), workload.as_ref());
    let snapshot = observer.snapshot_with_alerts(&scope).await;
    if snapshot.objects.count() == 0 {
        let reason = snapshot.gaps.first().map(|gap| format!(": {}", gap.reason)).unwrap_or_default();
        bail!("nothing could be read{reason}");
    }
    let shown = folder.display().to_string();
    let written = spawn_blocking(move || {
        let clean = scrubbed(&snapshot)
            .context("the snapshot could not be cleaned of secrets, so nothing was written")?;
        write_dump(&clean, &folder)?;
        anyhow::Ok(clean)
    });
    let snapshot = written.await?.with_context(|| format!("cannot write to {shown}"))?;
    let mut told =
        format!("{} objects and {} logs are in {shown}\n", snapshot.objects.count(), snapshot.logs.len());
    for gap in &snapshot.gaps {
        told += &format!("not read: {}: {}\n", gap.collector, gap.reason);
    }
    Ok(told)
}
