//! Incidents reported by people.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use super::webhooks::{Delivery, count, default_cluster, refuse};
use super::{ErrorBody, HttpState};
use crate::incident::{IncidentId, SignalSource};
use crate::intake::manual::{ManualIncident, parse, signal};

/// The incident that a report has become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentOpened {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: IncidentId,
    /// `opened`; `attached` or `repeated` when an open incident is about the same.
    pub result: String,
}

/// Reports that something is wrong.
#[utoipa::path(
    post,
    path = "/api/v1/incidents",
    operation_id = "report_incident",
    tag = "incidents",
    request_body = ManualIncident,
    responses(
        (status = 202, body = IncidentOpened, description = "taken, and durable; Location leads to the incident"),
        (status = 400, body = ErrorBody, description = "not JSON"),
        (status = 422, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "not taken; send it again")
    )
)]
pub(super) async fn open(
    State(state): State<HttpState>,
    Delivery(body): Delivery,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<IncidentOpened>), ApiError> {
    let signal = parse(&body).and_then(|report| signal(report, Timestamp::now(), default_cluster(&state)));
    let signal = signal.map_err(|error| refuse(SignalSource::Manual, error))?;
    let received = state.store.receive(vec![signal]).await?;
    count(SignalSource::Manual, &received, 0);
    let taken = received.first().and_then(|one| Some((one.incident()?.clone(), one.as_str())));
    let Some((id, result)) = taken else {
        return Err(ApiError::internal(anyhow::anyhow!("a firing report was ignored by the store")));
    };
    let location = format!("/api/v1/incidents/{id}");
    let opened = IncidentOpened { id, result: result.to_owned() };
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(opened)))
}
