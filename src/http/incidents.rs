//! Incidents: list, one whole, and closing by a person.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{JsonBody, PathOf, QueryOf};
use super::knowledge::document_href;
use super::{ErrorBody, HttpState};
use crate::incident::{Event, Incident, IncidentId, Outcome, Phase, Severity, Story};
use crate::observe::Snapshot;
use crate::recall::{BUILT_IN, Recall, Runbook};
use crate::store::{FindError, IncidentFilter, MAX_PAGE, Page, Store};

/// Incidents on a page unless the client says otherwise.
const DEFAULT_LIMIT: usize = 50;

/// Longest name of a person.
const MAX_NAME: usize = 200;
/// Longest comment.
const MAX_COMMENT: usize = 4_000;

/// Which incidents; everything that is set must fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only in this phase.
    #[param(inline)]
    phase: Option<Phase>,
    /// `true`: only those not closed; `false`: only closed ones.
    open: Option<bool>,
    /// Only in this cluster.
    cluster: Option<String>,
    /// Only in this namespace.
    namespace: Option<String>,
    /// Only with this severity.
    #[param(inline)]
    severity: Option<Severity>,
    /// Only with this text in the title.
    text: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Incidents on the page, 1 to 200; 50 unless set.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl ListQuery {
    fn filter(&self) -> IncidentFilter {
        IncidentFilter {
            phase: self.phase,
            open: self.open,
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            severity: self.severity,
            text: self.text.clone(),
        }
    }
}

/// Checks the size of a page.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        limit => Err(ApiError::bad_request("bad_query", format!("limit is {limit}; use 1 to {MAX_PAGE}"))),
    }
}

/// An incident with its story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// Everything known about it now.
    pub incident: Incident,
    /// The same told to a person.
    pub story: Story,
    /// Runbooks about its causes, else about its alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runbooks: Vec<RunbookLink>,
}

impl IncidentDetail {
    /// What clients are shown.
    pub(super) fn new(incident: Incident, recall: &Recall) -> Self {
        let runbooks = recall.runbooks_of(&incident).into_iter().map(RunbookLink::from).collect();
        Self { story: Story::of(&incident), runbooks, incident: incident.for_clients() }
    }
}

/// A runbook that comes with kubewright.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookLink {
    /// Its title.
    pub title: String,
    /// Where its text is in the project.
    pub uri: String,
    /// Its text on this server.
    pub href: String,
}

impl From<&Runbook> for RunbookLink {
    fn from(runbook: &Runbook) -> Self {
        let href = document_href(BUILT_IN, &runbook.path);
        Self { title: runbook.title.clone(), uri: runbook.uri.clone(), href }
    }
}

/// A person's wish to close an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseRequest {
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Incidents, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    operation_id = "list_incidents",
    tag = "incidents",
    params(ListQuery),
    responses((status = 200, body = Page), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    QueryOf(query): QueryOf<ListQuery>,
) -> Result<Json<Page>, ApiError> {
    let limit = limit(query.limit)?;
    Ok(Json(state.store.incidents(&query.filter(), query.cursor.as_deref(), limit).await?))
}

/// One incident, whole, with its story. The beginning of its identifier is enough while no other begins so.
#[utoipa::path(
    get,
    path = "/api/v1/incidents/{id}",
    operation_id = "show_incident",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    responses((status = 200, body = IncidentDetail), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<IncidentDetail>, ApiError> {
    Ok(Json(IncidentDetail::new(find(&state.store, &id).await?, &state.recall)))
}

/// Closes an incident: a person says that it is over. Closing a closed one changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/incidents/{id}/close",
    operation_id = "close_incident",
    tag = "incidents",
    params(("id" = String, Path, description = "identifier, or its beginning")),
    request_body = CloseRequest,
    responses((status = 200, body = IncidentDetail), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody))
)]
pub(super) async fn close(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    JsonBody(request): JsonBody<CloseRequest>,
) -> Result<Json<IncidentDetail>, ApiError> {
    let by = person(&request.by)?;
    let comment = comment(request.comment.as_deref())?;
    let id = find_id(&state.store, &id).await?;
    let said = comment.map(|text| format!(": {text}")).unwrap_or_default();
    let reason = format!("Closed by {by}{said}");
    let decide = |incident: &Incident| {
        let event = Event::Closed { outcome: Outcome::ClosedByPerson, reason };
        Ok::<_, ApiError>(if incident.is_open() { vec![event] } else { Vec::new() })
    };
    let incident = state.store.act(&id, decide).await?;
    state.recall.closed(&id);
    Ok(Json(IncidentDetail::new(incident, &state.recall)))
}

/// The identifier that `text` means.
pub(super) async fn find_id(store: &Store, text: &str) -> Result<IncidentId, ApiError> {
    store.find(text).await.map_err(|error| match error {
        FindError::NotFound(_) => ApiError::not_found(format!("there is no incident {}", short(text))),
        FindError::Ambiguous { .. } => ApiError::bad_request("ambiguous_id", error.to_string()),
        FindError::Store(error) => error.into(),
    })
}

/// The incident that `text` means.
pub(super) async fn find(store: &Store, text: &str) -> Result<Incident, ApiError> {
    let id = find_id(store, text).await?;
    let found = store.incident(&id).await?;
    found.ok_or_else(|| ApiError::not_found(format!("there is no incident {id}")))
}

/// The incident that `text` means, with the Snapshot that its last diagnosis worked with.
pub(super) async fn find_seen(store: &Store, text: &str) -> Result<(Incident, Snapshot), ApiError> {
    let incident = find(store, text).await?;
    let Some(snapshot) = store.snapshot(&incident.id).await? else {
        let text =
            format!("no Snapshot of {} has been taken yet; ask again when it is past triage", incident.id);
        return Err(ApiError::not_found(text));
    };
    Ok((incident, snapshot))
}

/// A client's text in a message: not longer than an identifier could be.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A person's name, checked.
pub(super) fn person(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let text = format!("\"by\" must name a person, in at most {MAX_NAME} bytes on one line");
        return Err(ApiError::unprocessable("bad_name", text));
    }
    Ok(name.to_owned())
}

/// A person's comment, checked; an empty one is none.
pub(super) fn comment(text: Option<&str>) -> Result<Option<String>, ApiError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.len() > MAX_COMMENT) {
        let text = format!("\"comment\" may have at most {MAX_COMMENT} bytes");
        return Err(ApiError::unprocessable("comment_too_long", text));
    }
    Ok(text.map(str::to_owned))
}
