//! `kubewright mcp`: kubewright's reading tools for another assistant, on standard input and output.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::serve::FILTER_VARIABLE;
use crate::app;
use crate::settings::{Environment, Settings};
use crate::telemetry::{self, LogFormat};

const EXAMPLES: &str = "\
Examples:
  kubewright mcp -c /etc/kubewright/kubewright.toml

In the settings of an assistant:
  { \"mcpServers\": { \"kubewright\": { \"command\": \"kubewright\", \"args\": [\"mcp\", \"-c\", \"/etc/kubewright/kubewright.toml\"] } } }

A running server offers the same over HTTP, at /mcp. Every tool only reads; log lines go to standard error.";

/// What to serve.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct McpArgs {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "kubewright.toml")]
    config: PathBuf,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

pub(super) async fn run(
    args: McpArgs,
    environment: Environment,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let filter = environment.get(FILTER_VARIABLE).map_or(telemetry::DEFAULT_FILTER, String::as_str);
    telemetry::start_logging(filter, args.log_format, !environment.contains_key("NO_COLOR"))?;
    let settings = Settings::load(&args.config, &environment)?;
    app::serve_stdio(&settings, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
