//! Past incidents that are like another.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PassageFound;
use crate::http::error::ApiError;
use crate::http::extract::{PathOf, QueryOf};
use crate::http::incidents::find;
use crate::http::{ErrorBody, HttpState};
use crate::incident::{Incident, IncidentId};
use crate::recall::{Filter, FilterError, PastIncident};

/// Past incidents of one answer unless the client says otherwise, and at most.
const DEFAULT: usize = 5;
const MOST: usize = 50;

/// Past incidents, the most alike first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarIncidents {
    /// The past incidents.
    pub incidents: Vec<SimilarIncident>,
}

/// A past incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimilarIncident {
    /// Its identifier.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// Where it is shown.
    pub href: String,
    /// What of it is alike; `attributes.labels` tells cluster, namespace, workload and outcome.
    pub passage: PassageFound,
}

impl From<PastIncident> for SimilarIncident {
    fn from(past: PastIncident) -> Self {
        let PastIncident { incident, found } = past;
        Self { href: format!("/api/v1/incidents/{incident}"), incident, passage: found.into() }
    }
}

/// Which past incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SimilarQuery {
    /// How many, 1 to 50; 5 unless set.
    #[param(minimum = 1, maximum = 50)]
    k: Option<usize>,
    /// Only of the same cluster.
    #[serde(default)]
    same_cluster: bool,
    /// Only of the same namespace.
    #[serde(default)]
    same_namespace: bool,
    /// Only of the same workload.
    #[serde(default)]
    same_workload: bool,
    /// Only with the same cause.
    #[serde(default)]
    same_cause: bool,
}

impl SimilarQuery {
    /// The conditions; what the incident does not know cannot be the same and narrows nothing.
    fn filter(&self, incident: &Incident) -> Result<Filter, FilterError> {
        let object = incident.cause().map(|cause| &cause.object).or(incident.subject.as_ref());
        let conditions = [
            ("cluster", self.same_cluster, Some(incident.cluster.as_str())),
            ("namespace", self.same_namespace, incident.namespace.as_deref()),
            ("workload", self.same_workload, object.map(|object| object.name.as_str())),
            ("code", self.same_cause, incident.cause().map(|cause| cause.code.as_str())),
        ];
        let wanted = conditions.into_iter().filter(|(_, wanted, _)| *wanted);
        let known = wanted.filter_map(|(key, _, value)| Some((key, value?)));
        known.into_iter().try_fold(Filter::default(), |filter, (key, value)| filter.with(key, value))
    }
}

/// Past incidents with the same symptoms: what it was then, and what worked. The beginning of an identifier is enough.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}/similar",
    operation_id = "list_similar_incidents",
    tag = "knowledge",
    params(("id" = String, Path, description = "identifier, or its beginning"), SimilarQuery),
    responses(
        (status = 200, body = SimilarIncidents),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    QueryOf(query): QueryOf<SimilarQuery>,
) -> Result<Json<SimilarIncidents>, ApiError> {
    let k = query.k.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&k) {
        return Err(ApiError::bad_request("bad_query", format!("k is {k}; use 1 to {MOST}")));
    }
    let incident = find(&state.store, &id).await?;
    let filter = query.filter(&incident).map_err(ApiError::internal)?;
    let past = state.recall.similar(&incident, k, filter).await?;
    Ok(Json(SimilarIncidents { incidents: past.into_iter().map(SimilarIncident::from).collect() }))
}
