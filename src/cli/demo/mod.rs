//! `kubewright demo`: an incident from alert to verified repair in a simulated cluster.

use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::settings::Environment;

/// What to play.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The scenario; --list shows them
    pub scenario: Option<String>,
    /// Keep the simulated cluster and the server running afterwards
    #[arg(long)]
    pub serve: bool,
    /// List the scenarios
    #[arg(long, conflicts_with_all = ["scenario", "all"])]
    pub list: bool,
    /// Play every scenario, one after the other
    #[arg(long, conflicts_with_all = ["scenario", "serve"])]
    pub all: bool,
    /// How much faster than life the simulated cluster's clock runs
    #[arg(long, value_name = "FACTOR")]
    pub speed: Option<f64>,
    /// Plain lines, without colours or moving parts
    #[arg(long)]
    pub plain: bool,
}

/// Plays scenarios.
///
/// # Errors
/// When the stage cannot be set up.
#[expect(clippy::unused_async, reason = "the body follows with the app")]
pub async fn run(
    _args: DemoArgs,
    _environment: Environment,
    _shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::FAILURE)
}
