//! Repairs that wait for a person, and the person's answer.
//!
//! An answer names the digest of the Plan that the person saw. It counts for that Plan only: if the incident has been
//! planned anew meanwhile, the answer is refused.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{JsonBody, PathOf, QueryOf};
use super::incidents::{comment, find_id, limit, person};
use super::{ErrorBody, HttpState, IncidentDetail};
use crate::incident::{Approval, Event, Hypothesis, Incident, IncidentId, Phase, Plan, Severity};
use crate::store::IncidentFilter;

/// A repair that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenApproval {
    /// The incident.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// Its title.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Name of the cluster.
    pub cluster: String,
    /// What is held for the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Hypothesis>,
    /// Why policy asks, one sentence each.
    pub reasons: Vec<String>,
    /// What would be done, with the dry-run's diff of each Action.
    pub plan: Plan,
    /// What an answer has to name.
    pub digest: String,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When the request becomes void.
    pub expires_at: Timestamp,
}

impl OpenApproval {
    /// The request that `incident` waits for; `None` when it waits for none.
    #[must_use]
    pub fn of(incident: &Incident) -> Option<Self> {
        let approval = incident.approval.as_ref().filter(|_| incident.phase == Phase::AwaitApproval)?;
        Some(Self {
            incident: incident.id.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            cluster: incident.cluster.clone(),
            cause: incident.cause().cloned(),
            reasons: incident.decision.as_ref().map(|decision| decision.reasons.clone()).unwrap_or_default(),
            plan: incident.plan.clone()?,
            digest: approval.digest.clone(),
            requested_at: approval.requested_at,
            expires_at: approval.expires_at,
        })
    }
}

/// One page of repairs that wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalList {
    /// The requests, newest incident first.
    pub approvals: Vec<OpenApproval>,
    /// What gives the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Requests on the page, 1 to 200; 50 unless set.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Who answers.
    pub by: String,
    /// The digest of the Plan that they saw.
    pub digest: String,
    /// What they want to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Repairs that wait for a person.
#[utoipa::path(
    get,
    path = "/api/v1/approvals",
    operation_id = "list_approvals",
    tag = "approvals",
    params(PageQuery),
    responses((status = 200, body = ApprovalList), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<HttpState>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<ApprovalList>, ApiError> {
    let limit = limit(query.limit)?;
    let waiting = IncidentFilter { phase: Some(Phase::AwaitApproval), ..IncidentFilter::default() };
    let page = state.store.incidents(&waiting, query.cursor.as_deref(), limit).await?;
    let mut approvals = Vec::new();
    for summary in &page.incidents {
        let incident = state.store.incident(&summary.id).await?;
        approvals.extend(incident.as_ref().and_then(OpenApproval::of));
    }
    Ok(Json(ApprovalList { approvals, next_cursor: page.next_cursor }))
}

/// Lets the repair be made. The same answer by the same person may be sent again.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/approve",
    operation_id = "approve_repair",
    tag = "approvals",
    params(("id" = String, Path, description = "the incident's identifier, or its beginning")),
    request_body = Answer,
    responses(
        (status = 200, body = IncidentDetail),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "nothing waits, or another plan does"),
        (status = 410, body = ErrorBody, description = "the request has expired")
    )
)]
pub(super) async fn approve(
    state: State<HttpState>,
    id: PathOf<String>,
    answer: JsonBody<Answer>,
) -> Result<Json<IncidentDetail>, ApiError> {
    record(state, id, answer, true).await
}

/// Refuses the repair; another one is looked for. The same answer by the same person may be sent again.
#[utoipa::path(
    post,
    path = "/api/v1/approvals/{id}/deny",
    operation_id = "deny_repair",
    tag = "approvals",
    params(("id" = String, Path, description = "the incident's identifier, or its beginning")),
    request_body = Answer,
    responses(
        (status = 200, body = IncidentDetail),
        (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "nothing waits, or another plan does"),
        (status = 410, body = ErrorBody, description = "the request has expired")
    )
)]
pub(super) async fn deny(
    state: State<HttpState>,
    id: PathOf<String>,
    answer: JsonBody<Answer>,
) -> Result<Json<IncidentDetail>, ApiError> {
    record(state, id, answer, false).await
}

async fn record(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    JsonBody(answer): JsonBody<Answer>,
    approved: bool,
) -> Result<Json<IncidentDetail>, ApiError> {
    let answer = Answer {
        by: person(&answer.by)?,
        comment: comment(answer.comment.as_deref())?,
        digest: answer.digest,
    };
    let id = find_id(&state.store, &id).await?;
    let now = Timestamp::now();
    let incident = state.store.act(&id, |incident| decide(incident, &answer, approved, now)).await?;
    tracing::info!(incident = %incident.id, approved, by = answer.by, "approval answered");
    Ok(Json(IncidentDetail::new(incident, &state.recall)))
}

/// What follows from an answer: the event, nothing when it is a repetition, or why it does not count.
fn decide(
    incident: &Incident,
    answer: &Answer,
    approved: bool,
    now: Timestamp,
) -> Result<Vec<Event>, ApiError> {
    let Some(asked) = &incident.approval else {
        return Err(conflict("not_waiting", "no repair of this incident waits for approval"));
    };
    if asked.digest != answer.digest {
        let text = "the plan has changed since it was shown; look at it again and answer with its new digest";
        return Err(conflict("digest_mismatch", text));
    }
    if let Some(given) = asked.approved {
        return repeated(asked, answer, given == approved);
    }
    if asked.expires_at <= now {
        let text = format!("the request has expired at {}", asked.expires_at);
        return Err(ApiError::new(StatusCode::GONE, "expired", text));
    }
    if incident.phase != Phase::AwaitApproval {
        return Err(conflict("not_waiting", "no repair of this incident waits for approval"));
    }
    let Answer { by, comment, .. } = answer.clone();
    Ok(vec![Event::ApprovalAnswered { approved, by, comment }])
}

fn repeated(asked: &Approval, answer: &Answer, same: bool) -> Result<Vec<Event>, ApiError> {
    let by = asked.answered_by.as_deref().unwrap_or_default();
    if same && by == answer.by {
        return Ok(Vec::new());
    }
    let said = if asked.approved == Some(true) { "approved" } else { "denied" };
    Err(conflict("already_answered", &format!("{by} has already {said} it")))
}

fn conflict(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, message)
}
