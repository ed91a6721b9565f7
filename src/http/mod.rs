//! The HTTP interface: webhooks in, incidents and approvals out, health, metrics.
//!
//! Owns routes, the one error shape, who is let in, and how much is served at a time. It decides nothing about incidents:
//! alerts go to `intake` and the store, people's answers become events, and pictures are drawn from what is stored. No
//! request waits for a cluster.

mod approvals;
mod auth;
mod chat;
mod error;
mod events;
mod extract;
mod feed;
mod frame;
mod graph;
mod health;
mod incidents;
mod knowledge;
mod limits;
mod manual;
mod mcp;
mod openapi;
mod origin;
mod runbook;
mod runs;
mod snapshot;
mod usage;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;
use tower_http::ServiceBuilderExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::MakeRequestUuid;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use approvals::{Answer, ApprovalList, OpenApproval};
pub use chat::{AnswerDone, AnswerFailed, ChatRequest, ConversationDetail, ModelCard, ModelList, UsageShown};
pub use error::{ErrorBody, ErrorDetail};
pub use events::EventList;
pub use feed::FeedEvent;
pub use incidents::{CloseRequest, IncidentDetail, RunbookLink};
pub use knowledge::{
    Collections, DocumentList, JobDetail, PassageFound, SearchAnswer, SimilarIncident, SimilarIncidents,
    UploadRequest,
};
pub use manual::IncidentOpened;
pub use openapi::openapi;
pub use runs::RunDetail;
pub use usage::{Amounts, Limits, Metered, UsageToday};
pub use webhooks::{Accepted, Rejected};

use crate::agents::chat::Chat;
use crate::agents::mcp::Desk;
use crate::recall::Recall;
use crate::settings::Settings;
use crate::store::Store;
use limits::Seats;

/// What the handlers work with.
#[derive(Clone)]
pub struct HttpState {
    /// The truth.
    pub store: Store,
    /// Documents and past incidents.
    pub recall: Recall,
    /// Who answers in chat.
    pub chat: Chat,
    /// What other assistants may call.
    pub desk: Desk,
    /// Keeps count of turns under way, so that a shutdown lets them end.
    pub tasks: TaskTracker,
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The metrics page.
    pub metrics: PrometheusHandle,
    /// Whether the workflow's runner is at work; the server is ready only while it is.
    pub runner_alive: watch::Receiver<bool>,
    /// Ends event streams.
    pub shutdown: CancellationToken,
}

impl HttpState {
    /// Where people reach this server, for links.
    fn base(&self) -> Option<Url> {
        let server = &self.settings.server;
        let listening = || Url::parse(&format!("http://{}/", server.listen)).ok();
        server.external_url.clone().or_else(listening)
    }
}

/// The state with what the router itself adds.
#[derive(Clone, FromRef)]
struct Inner {
    public: HttpState,
    seats: Seats,
}

/// Builds the whole interface.
pub fn router(state: HttpState) -> Router {
    let server = &state.settings.server;
    let sites = origin::Sites::new(server.external_url.as_ref(), server.token.is_none());
    let gate = auth::Gate::new(server.token.as_ref());
    let seats = Seats::default();
    let doors = ServiceBuilder::new()
        .layer(from_fn_with_state(sites, origin::refuse_other_sites))
        .layer(from_fn_with_state(gate, auth::require_token));
    let guards = ServiceBuilder::new()
        .layer(from_fn_with_state(seats.clone(), limits::admit))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits::DEADLINE));
    let chats = chat::turns().layer(from_fn_with_state(seats.clone(), limits::admit_chat));
    let mcp = mcp::route(&state).layer(from_fn_with_state(seats.clone(), limits::admit));
    let guarded = guarded(state.settings.intake.max_body_bytes).layer(guards);
    let guarded = guarded.merge(chats).merge(mcp).layer(doors);
    let (router, _document) = open().merge(guarded).split_for_parts();
    let surroundings = ServiceBuilder::new()
        .map_request(frame::drop_unfit_id)
        .set_x_request_id(MakeRequestUuid)
        .layer(TraceLayer::new_for_http().make_span_with(frame::span).on_failure(()))
        .propagate_x_request_id()
        .layer(from_fn(frame::measure))
        .layer(from_fn(error::shape))
        .layer(CatchPanicLayer::custom(frame::panicked));
    router.fallback(unknown_path).layer(surroundings).with_state(Inner { public: state, seats })
}

async fn unknown_path() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// What everybody may ask.
fn open() -> OpenApiRouter<Inner> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}

/// What asks for the token, if there is one.
fn guarded(max_webhook_bytes: usize) -> OpenApiRouter<Inner> {
    let webhooks = OpenApiRouter::new()
        .routes(routes!(webhooks::alertmanager))
        .routes(routes!(webhooks::grafana))
        .layer(DefaultBodyLimit::max(max_webhook_bytes));
    OpenApiRouter::new()
        .routes(routes!(incidents::list, manual::open))
        .routes(routes!(incidents::show))
        .routes(routes!(incidents::close))
        .routes(routes!(events::list))
        .routes(routes!(events::stream))
        .routes(routes!(feed::stream))
        .routes(routes!(graph::show))
        .routes(routes!(runbook::show))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(snapshot::show))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::deny))
        .routes(routes!(health::metrics))
        .routes(routes!(usage::show))
        .routes(routes!(openapi::document))
        .routes(routes!(openapi::document_v1))
        .merge(chat::routes())
        .merge(knowledge::routes())
        .layer(DefaultBodyLimit::max(limits::MAX_BODY_BYTES))
        .merge(webhooks)
        .merge(knowledge::uploads())
}
