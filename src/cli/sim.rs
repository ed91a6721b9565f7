//! `kubewright sim`: the simulated cluster alone.

use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::settings::Environment;

/// Which cluster to simulate.
#[derive(Debug, Args)]
pub struct SimArgs {
    /// The scenario; none: a healthy cluster
    pub scenario: Option<String>,
}

/// Simulates a cluster until `shutdown`.
///
/// # Errors
/// When the scenario is not known or no port is free.
#[expect(clippy::unused_async, reason = "the body follows with the simulator")]
pub async fn run(
    _args: SimArgs,
    _environment: Environment,
    _shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::FAILURE)
}
