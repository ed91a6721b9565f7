//! Recording the requests that could change something, and showing the record.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::ApiState;
use super::options::Query;
use crate::sim::objects::audit::AuditEntry;

/// The record, oldest first.
pub(super) async fn entries(State(api): State<ApiState>) -> Json<Vec<AuditEntry>> {
    Json(api.audit.entries())
}

/// Lets a request pass and records it unless it only reads.
pub(super) async fn record(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let query = Query::parse(request.uri().query());
    let agent =
        request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut entry = AuditEntry {
        at: api.store.now(),
        verb: request.method().to_string(),
        path: request.uri().path().to_owned(),
        field_manager: Some(query.text("fieldManager").to_owned()).filter(|name| !name.is_empty()),
        user_agent: agent.to_owned(),
        dry_run: query.text("dryRun") == "All",
        status: 0,
    };
    let response = next.run(request).await;
    entry.status = response.status().as_u16();
    api.audit.record(entry);
    response
}
