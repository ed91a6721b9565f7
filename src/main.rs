//! The `kubewright` program: reads the command line and the environment, and runs until done or told to stop.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kubewright::cli::{self, Cli};
use kubewright::settings::{Environment, PROGRAM_VARIABLE};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the end waits for work that cannot be interrupted: a terminal that is read, a batch that is embedded.
const LEAVE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    environment.insert(PROGRAM_VARIABLE.to_owned(), cli::program());
    let result =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from);
    let result = result.and_then(|runtime| {
        let result = runtime.block_on(async {
            let shutdown = CancellationToken::new();
            tokio::spawn(stop_on_signal(shutdown.clone()));
            cli::run(cli, environment, shutdown).await
        });
        runtime.shutdown_timeout(LEAVE);
        result
    });
    result.unwrap_or_else(|error| {
        anstream::eprintln!("kubewright: {}", cli::lines(&cli::failure(&error)));
        ExitCode::FAILURE
    })
}

/// SIGINT and SIGTERM ask for an orderly end; a second one ends the program at once.
async fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if shutdown.is_cancelled() {
            std::process::exit(130);
        }
        shutdown.cancel();
    }
    Ok(())
}
