//! How many alerts a second the server takes in durably, and whether any is lost when it is killed.
//!
//! Starts the real program on a fresh SQLite file, sends Alertmanager deliveries over keep-alive connections, kills it
//! with SIGKILL under load, starts it again, and looks for every alert that it had acknowledged. Needs no arguments:
//! `cargo bench --bench intake_load`. Fails when an acknowledged alert is missing.

mod load;
mod server;

use std::time::Duration;

use anyhow::{Result, ensure};
use load::{Load, Run};
use server::Server;

/// Connections that send at the same time, each waiting for its answer before it sends again.
const CLIENTS: usize = 16;

/// Distinct alerts, one a delivery, after which memory is measured; each opens an incident.
const INCIDENTS: usize = 10_000;

/// Alerts in each delivery of the second run, as a grouping Alertmanager sends them.
const GROUP: usize = 10;

/// How long the second run lasts.
const GROUPED: Duration = Duration::from_secs(10);

/// Most alerts of the second and of the last run, so that a fast machine does not fill its disk.
const MOST: usize = 100_000;

/// How long the last run lasts before the server is killed.
const UNTIL_KILL: Duration = Duration::from_secs(3);

/// How long any single run may last.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo bench` says so; test runners that start every target do not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let ready = server.ready_after;
    let load = Load::new(&server.url, CLIENTS)?;

    let single = load.run(Run { alerts: INCIDENTS, group: 1, lasts: PATIENCE }).await;
    let resident = server.resident_kib()?;
    let grouped = load.run(Run { alerts: MOST, group: GROUP, lasts: GROUPED }).await;

    let last = tokio::spawn({
        let load = load.clone();
        async move { load.run(Run { alerts: MOST, group: 1, lasts: PATIENCE }).await }
    });
    tokio::time::sleep(UNTIL_KILL).await;
    server.kill().await?;
    let killed = last.await?;

    let server = Server::start(folder.path()).await?;
    let again = server.ready_after;
    let load = load.moved_to(&server.url);
    let lost = load.missing().await?;
    server.kill().await?;

    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "run", "alerts", "alerts/s", "p50 ms", "p99 ms", "max ms"
    );
    println!("{}", single.row("1 alert a delivery"));
    println!("{}", grouped.row("10 alerts a delivery"));
    println!("{}", killed.row("1 alert a delivery, until killed"));
    println!();
    println!(
        "ready after start                  {:>6} ms (empty), {} ms (after the kill)",
        ready.as_millis(),
        again.as_millis()
    );
    println!("resident memory, 10,000 incidents  {:>6} MB", resident / 1024);
    println!("acknowledged and lost              {:>6}", lost.len());
    ensure!(
        single.failed == 0 && grouped.failed == 0,
        "{} deliveries failed before the kill",
        single.failed + grouped.failed
    );
    ensure!(lost.is_empty(), "lost: {}", lost.into_iter().take(10).collect::<Vec<_>>().join(", "));
    Ok(())
}
