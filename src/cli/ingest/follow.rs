//! `--watch`: after the first run, files when they change, everything else now and then.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use kubewright_ingest::IngestOptions;
use kubewright_ingest::source::{Location, SourceSpec, Watch, watch};
use tokio_util::sync::CancellationToken;

use super::{Run, STOPPED};

/// How often the web and git are asked whether anything has changed.
const POLL: Duration = Duration::from_secs(15 * 60);

pub(super) async fn run(
    run: &Run,
    specs: &[SourceSpec],
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let lasting: Vec<SourceSpec> = specs.iter().filter(|spec| lasts(&spec.location)).cloned().collect();
    if lasting.is_empty() {
        bail!("none of the sources can change: stdin and the built-in runbooks need no --watch");
    }
    // Before the first run, so that no change during it is missed.
    let watching = watch(&lasting, shutdown.clone()).context("the sources cannot be watched")?;
    let Some(first) = shutdown.run_until_cancelled(run.once(specs)).await else {
        anstream::eprintln!("{STOPPED}");
        return Ok(ExitCode::FAILURE);
    };
    first?;
    anstream::eprintln!("Watching; Ctrl-C ends it.");
    // What was pruned or made anew in the first run need not be again.
    let options = IngestOptions::default();
    let run = Run { base: run.base.clone(), format: run.format, options };
    if shutdown.run_until_cancelled(go_on(&run, &lasting, watching, POLL)).await.is_none() {
        anstream::eprintln!("Stopped.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs with what has changed, until the watch ends. A run that fails is told; the next one may work.
async fn go_on(run: &Run, specs: &[SourceSpec], mut watching: Watch, every: Duration) {
    let mut poll = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let touched: BTreeSet<String> = tokio::select! {
            changed = watching.changed() => match changed {
                Some(names) => names,
                None => return,
            },
            // All of them: an event about a file may have been lost, and unchanged files cost little.
            _ = poll.tick() => specs.iter().map(|spec| spec.name.clone()).collect(),
        };
        let touched: Vec<SourceSpec> =
            specs.iter().filter(|spec| touched.contains(&spec.name)).cloned().collect();
        if let Err(error) = run.once(&touched).await {
            anstream::eprintln!("kubewright: {error:#}");
        }
    }
}

/// Whether a source can be read a second time and be different then.
fn lasts(location: &Location) -> bool {
    !matches!(location, Location::Stdin { .. } | Location::BuiltIn)
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
