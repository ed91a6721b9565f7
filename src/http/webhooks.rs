//! Where alert senders deliver.
//!
//! A delivery is answered after one durable write. What was wrong with single alerts is said in the answer; only when
//! nothing of a delivery can be taken is it refused. While the store is away the answer is 503, so that the sender
//! tries again.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, unsupported_media_type};
use super::{ErrorBody, HttpState};
use crate::incident::{IncidentId, SignalSource};
use crate::intake::{self, IntakeError, Parsed};
use crate::store::Received;
use crate::telemetry::metrics;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Alerts that were taken.
    pub accepted: usize,
    /// The incidents that they opened, joined or ended, each once.
    #[schema(value_type = Vec<String>)]
    pub incidents: Vec<IncidentId>,
    /// Alerts that could not be taken.
    pub rejected: Vec<Rejected>,
}

/// An alert that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejected {
    /// Place in the delivery, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A body that is taken for JSON: senders are many, and some forget the header.
pub(super) struct Delivery(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Delivery {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !may_be_json(request.headers()) {
            return Err(unsupported_media_type());
        }
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|rejection: BytesRejection| rejection.into())
    }
}

fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Alerts of an Alertmanager (webhook version 4).
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/alertmanager",
    operation_id = "receive_alertmanager",
    tag = "webhooks",
    request_body(content = Object, description = "what Alertmanager sends to a webhook receiver"),
    responses(
        (status = 202, body = Accepted, description = "taken, and durable"),
        (status = 400, body = ErrorBody, description = "not JSON"),
        (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "no alert of it can be taken"),
        (status = 503, body = ErrorBody, description = "not taken; send it again")
    )
)]
pub(super) async fn alertmanager(
    State(state): State<HttpState>,
    Delivery(body): Delivery,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let parsed = intake::alertmanager::signals(&body, Timestamp::now(), default_cluster(&state));
    take(&state, SignalSource::Alertmanager, parsed).await
}

/// Alerts of Grafana.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/grafana",
    operation_id = "receive_grafana",
    tag = "webhooks",
    request_body(content = Object, description = "what Grafana sends to a webhook contact point"),
    responses(
        (status = 202, body = Accepted, description = "taken, and durable"),
        (status = 400, body = ErrorBody, description = "not JSON"),
        (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "no alert of it can be taken"),
        (status = 503, body = ErrorBody, description = "not taken; send it again")
    )
)]
pub(super) async fn grafana(
    State(state): State<HttpState>,
    Delivery(body): Delivery,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let parsed = intake::grafana::signals(&body, Timestamp::now(), default_cluster(&state));
    take(&state, SignalSource::Grafana, parsed).await
}

async fn take(
    state: &HttpState,
    source: SignalSource,
    parsed: Result<Parsed, IntakeError>,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let Parsed { signals, rejected } = parsed.map_err(|error| refuse(source, error))?;
    let received = state.store.receive(signals).await?;
    count(source, &received, rejected.len());
    for one in &received {
        if let Received::Resolved(id) = one {
            state.recall.closed(id);
        }
    }
    let incidents: BTreeSet<&IncidentId> = received.iter().filter_map(Received::incident).collect();
    let accepted = Accepted {
        accepted: received.len(),
        incidents: incidents.into_iter().cloned().collect(),
        rejected: rejected
            .into_iter()
            .map(|alert| Rejected { index: alert.index, reason: alert.reason })
            .collect(),
    };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// The cluster of alerts that name none.
pub(super) fn default_cluster(state: &HttpState) -> &str {
    state.settings.clusters.first().map_or("default", |cluster| cluster.name.as_str())
}

/// Counts what became of each alert.
pub(super) fn count(source: SignalSource, received: &[Received], rejected: usize) {
    received.iter().for_each(|one| metrics::alert_received(source.as_str(), one.as_str()));
    (0..rejected).for_each(|_| metrics::alert_received(source.as_str(), "rejected"));
}

/// A delivery of which nothing could be taken.
pub(super) fn refuse(source: SignalSource, error: IntakeError) -> ApiError {
    let rejected = match &error {
        IntakeError::AllRejected { rejected, .. } => rejected.len(),
        _ => 1,
    };
    count(source, &[], rejected);
    error.into()
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        let text = error.to_string();
        match error {
            IntakeError::NotJson { .. } => Self::bad_request("malformed_json", text),
            IntakeError::Shape { .. } => Self::unprocessable("wrong_type", text),
            IntakeError::Value { .. } => Self::unprocessable("bad_value", text),
            IntakeError::AllRejected { .. } => Self::unprocessable("all_rejected", text),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::may_be_json;

    #[test]
    fn only_a_body_that_says_it_is_something_else_is_refused() {
        let judged = |text: &'static str| {
            may_be_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]))
        };
        assert!(may_be_json(&HeaderMap::new()));
        assert!(judged("application/json"));
        assert!(judged("Application/JSON; charset=utf-8"));
        assert!(judged("application/vnd.grafana+json"));
        assert!(!judged("text/plain"));
        assert!(!judged("application/x-www-form-urlencoded"));
    }
}
