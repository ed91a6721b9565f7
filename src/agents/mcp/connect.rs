//! Making a connection: a program of ours to start, or an address to speak to, each within limits.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams, ProtocolVersion, Tool,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{Peer, RoleClient};
use secrecy::ExposeSecret as _;
use tokio::process::{Child, Command};

use crate::settings::{McpSettings, McpTransport};

/// Longest message of a program, bytes; a longer one is dropped, so that its call runs out of time.
const LONGEST_LINE: usize = 4 << 20;

/// Longest event of a server, bytes.
const LARGEST_EVENT: usize = 4 << 20;

/// How long a server may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a server may be silent; calls have their own deadline.
const SILENCE: Duration = Duration::from_secs(60);

/// Most pages of tools that are read.
const MOST_PAGES: usize = 16;

/// Most tools that are looked at.
const MOST_LISTED: usize = 512;

/// A connection that stands.
pub(super) struct Connection {
    service: RunningService<RoleClient, ClientConfig>,
    /// Ends with the connection.
    _child: Option<Child>,
}

impl Connection {
    /// Connects, in the newest protocol that the server speaks.
    pub(super) async fn open(settings: &McpSettings) -> anyhow::Result<Self> {
        match &settings.transport {
            McpTransport::Program { command, args, environment } => {
                let mut program = Command::new(command);
                program.args(args).env_clear().kill_on_drop(true);
                program.envs(environment.iter().map(|(name, value)| (name, value.expose_secret())));
                program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
                let mut child =
                    program.spawn().with_context(|| format!("{} could not be started", command.display()))?;
                let output = child.stdout.take().context("the program has no standard output")?;
                let input = child.stdin.take().context("the program has no standard input")?;
                let pipes = AsyncRwTransport::new_client(output, input).with_max_line_length(LONGEST_LINE);
                let service = client().serve_with_lifecycle(pipes, lifecycle()).await.map_err(refused)?;
                Ok(Self { service, _child: Some(child) })
            }
            McpTransport::Http { url, token } => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .max_sse_event_size(LARGEST_EVENT);
                if let Some(token) = token {
                    config = config.auth_header(token.expose_secret());
                }
                let transport = StreamableHttpClientTransport::with_client(http()?, config);
                let service = client().serve_with_lifecycle(transport, lifecycle()).await.map_err(refused)?;
                Ok(Self { service, _child: None })
            }
        }
    }

    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.service.is_closed() || self.peer().is_transport_closed()
    }

    /// The tools that the server offers, as many as anybody could want.
    pub(super) async fn tools(&self) -> anyhow::Result<Vec<Tool>> {
        let (mut tools, mut cursor) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.peer().list_tools(Some(page)).await.context("its tools could not be listed")?;
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= MOST_LISTED {
                break;
            }
        }
        tools.truncate(MOST_LISTED);
        Ok(tools)
    }
}

/// The texts of these errors may repeat a whole answer.
fn refused(error: ClientInitializeError) -> anyhow::Error {
    tracing::debug!(kind = ?std::mem::discriminant(&error), "no connection to a server of the Model Context Protocol");
    if error.is_authorization_required() {
        return anyhow::anyhow!("it refused the token, or wants one");
    }
    match error {
        // The second attempt, in the server's own generation, says more.
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => refused(*fallback),
        ClientInitializeError::JsonRpcError(error) => {
            anyhow::anyhow!("it refused with code {}", error.code.0)
        }
        ClientInitializeError::TransportError { .. } => {
            anyhow::anyhow!("it cannot be reached, or refused the token")
        }
        ClientInitializeError::ConnectionClosed(_) => anyhow::anyhow!("it ended without an answer"),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
            anyhow::anyhow!("it speaks no version of the protocol that we do")
        }
        _ => anyhow::anyhow!("it does not speak the Model Context Protocol"),
    }
}

fn client() -> ClientConfig {
    ClientConfig::new(
        ClientCapabilities::default(),
        Implementation::new("kubewright", env!("CARGO_PKG_VERSION")),
    )
}

/// Servers of the revision without sessions first, then those that want to be initialized.
fn lifecycle() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    }
}

fn http() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("kubewright/", env!("CARGO_PKG_VERSION")));
    client.build().context("could not set up HTTP")
}
