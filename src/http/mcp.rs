//! `/mcp`: kubewright's reading tools for other assistants, by the Model Context Protocol.

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

use super::error::Shaped;
use super::{HttpState, Inner};
use crate::agents::mcp::over_http;

/// The path. Its tools have deadlines of their own, so no other stands around it.
pub(super) fn route(state: &HttpState) -> OpenApiRouter<Inner> {
    let server = &state.settings.server;
    let guarded = server.token.is_some();
    let desk = over_http(&state.desk, server.external_url.as_ref(), guarded, state.shutdown.clone());
    OpenApiRouter::new().route_service("/mcp", desk).layer(from_fn(keep))
}

/// Errors in this protocol have a body that clients read.
async fn keep(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Shaped);
    response
}
