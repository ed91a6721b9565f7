//! `kubewright serve`: take alerts in and work on incidents until stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::settings::Environment;
use crate::telemetry::LogFormat;

/// What to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "kubewright.toml")]
    pub config: PathBuf,
    /// Where to listen, instead of what the file says
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Serves until `shutdown`.
///
/// # Errors
/// When the configuration is wrong or the server cannot start.
#[expect(clippy::unused_async, reason = "the body follows with the app")]
pub async fn run(
    _args: ServeArgs,
    _environment: Environment,
    _shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::FAILURE)
}
