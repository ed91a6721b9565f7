//! The Kubernetes HTTP API over the object store: discovery, reads, watches, writes, subresources.

mod accept;
mod answer;
mod audited;
mod body;
mod convert;
mod delete;
mod denied;
mod discovery;
mod eviction;
mod list;
mod log;
mod managed;
mod openapi;
mod options;
mod patch;
mod protobuf;
mod resource;
mod reviews;
mod scale;
mod schema;
/// Label and field selectors.
pub mod selectors;
mod table;
mod target;
mod typed;
mod validate;
mod version;
mod watch;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use denied::Denial;

use super::logbook::LogBook;
use super::objects::ObjectStore;
use super::objects::audit::Audit;

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct ApiState {
    /// The objects.
    pub store: ObjectStore,
    /// What the containers wrote.
    pub logs: LogBook,
    /// The record of mutating requests.
    pub audit: Audit,
    /// Ends watches and followed logs, so that a server can stop.
    pub shutdown: CancellationToken,
    /// Work that outlives the request that asked for it; ends with `shutdown`.
    pub tasks: TaskTracker,
    denied: Arc<[Denial]>,
}

impl ApiState {
    /// Everything is allowed.
    pub fn new(store: ObjectStore, logs: LogBook) -> Self {
        let (audit, shutdown, tasks) = (Audit::default(), CancellationToken::new(), TaskTracker::new());
        Self { store, logs, audit, shutdown, tasks, denied: Arc::from([]) }
    }

    /// Answers some requests with 403, as an RBAC rule that is missing would.
    #[must_use]
    pub fn denying(mut self, denied: Vec<Denial>) -> Self {
        self.denied = denied.into();
        self
    }
}

/// The whole API as a router; it serves plain HTTP and authenticates nobody.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/version", get(version::version))
        .route("/healthz", get(version::health))
        .route("/livez", get(version::health))
        .route("/readyz", get(version::health))
        .route("/sim/audit", get(audited::entries))
        .route("/api", get(discovery::core_versions))
        .route("/api/v1", get(discovery::core_resources))
        .route("/apis", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/apis/{group}/{version}", get(discovery::group_resources))
        .route("/openapi/v3", get(openapi::index))
        .route("/openapi/v3/{*path}", get(openapi::document))
        .route("/apis/authorization.k8s.io/v1/{review}", post(reviews::authorization))
        .route(
            "/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews",
            post(reviews::local_authorization),
        )
        .route("/apis/authentication.k8s.io/v1/selfsubjectreviews", post(reviews::who_am_i))
        .route("/api/v1/{*rest}", any(resource::core))
        .route("/apis/{group}/{version}/{*rest}", any(resource::grouped))
        .fallback(resource::unknown)
        .layer(from_fn_with_state(state.clone(), audited::record))
        .with_state(state)
}
