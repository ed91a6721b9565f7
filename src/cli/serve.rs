//! `kubewright serve`: take alerts in and work on incidents until stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::app::App;
use crate::settings::{Environment, Settings};
use crate::telemetry::{self, LogFormat};

/// The variable that says what is logged.
pub(super) const FILTER_VARIABLE: &str = "KUBEWRIGHT_LOG";

const EXAMPLES: &str = "\
Examples:
  kubewright check && kubewright serve          check ./kubewright.toml, then serve it
  kubewright serve -c prod.toml --log-format json
  KUBEWRIGHT_LOG=warn,kubewright=debug kubewright serve

SIGTERM ends it in order: running steps are saved and the work is given back.";

/// What to serve.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The configuration file; `kubewright check` tells whether it is right
    #[arg(short, long, value_name = "FILE", default_value = "kubewright.toml")]
    pub config: PathBuf,
    /// Listen here, instead of where the file says
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Serves until `shutdown`.
///
/// # Errors
/// Every problem of the configuration at once; an address that is taken; a store that cannot be opened.
pub async fn run(
    args: ServeArgs,
    environment: Environment,
    shutdown: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let filter = environment.get(FILTER_VARIABLE).map_or(telemetry::DEFAULT_FILTER, String::as_str);
    telemetry::start_logging(filter, args.log_format, !environment.contains_key("NO_COLOR"))?;
    let mut settings = Settings::load(&args.config, &environment)?;
    if let Some(listen) = args.listen {
        settings.server.listen = listen;
    }
    refuse_open_door(&settings)?;
    let listen = settings.server.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("could not listen on {listen}"))?;
    let app = App::build(settings, telemetry::metrics::install()?).await?;
    app.run(listener, shutdown).await?;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Without a token anybody who reaches the port could approve repairs: then nobody but this machine may reach it. The
/// file was checked for this; the command line may say otherwise.
fn refuse_open_door(settings: &Settings) -> anyhow::Result<()> {
    let listen = settings.server.listen;
    if settings.server.token.is_some() {
        return Ok(());
    }
    if !listen.ip().is_loopback() {
        bail!(
            "refusing to listen on {listen}: it can be reached from other machines and no server.token is set, so \
             anybody could approve repairs; set one in the configuration, or listen on 127.0.0.1"
        );
    }
    warn!("no server.token is set: listening on loopback only, so that nobody else can approve repairs");
    Ok(())
}
