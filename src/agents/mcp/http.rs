//! The desk over streamable HTTP, without sessions: each request stands for itself.
//!
//! Who is let in is decided outside: by the bearer token and by the site that a browser comes from. The checks of names
//! and sites here are a second door.

use std::sync::Arc;

use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::desk::Desk;

/// Largest request, bytes.
const MOST_BYTES: usize = 1 << 20;

/// Pages of this machine may call, on whatever port they are.
const OWN_SITES: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// The desk as a service below a path.
pub type HttpDesk = StreamableHttpService<Desk, NeverSessionManager>;

/// Serves `desk` over HTTP. `external` is where people reach the server. While no token guards it (`guarded` is false),
/// only requests to names of this machine are served.
#[must_use]
pub fn over_http(
    desk: &Desk,
    external: Option<&Url>,
    guarded: bool,
    shutdown: CancellationToken,
) -> HttpDesk {
    let site = external.and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}://{}:{port}", url.scheme(), url.host_str()?))
    });
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_stateless_protocol_metadata_required(false)
        .with_allowed_origins(OWN_SITES.map(str::to_owned).into_iter().chain(site))
        .enforce_origin_validation()
        .with_max_request_body_bytes(MOST_BYTES)
        .with_cancellation_token(shutdown);
    // With a token a page that rebound its name gets nothing, and the server may have names that it does not know.
    let config = if guarded { config.disable_allowed_hosts() } else { config };
    let desk = desk.clone();
    StreamableHttpService::new(move || Ok(desk.clone()), Arc::new(NeverSessionManager::default()), config)
}
