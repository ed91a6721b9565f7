//! What became of an upload.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document_href;
use crate::http::error::ApiError;
use crate::http::extract::PathOf;
use crate::http::{ErrorBody, HttpState};
use crate::recall::{Job, JobState, SourceReport};

/// An upload and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobDetail {
    /// The job's name.
    pub id: String,
    /// Where to ask again.
    pub href: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// The document's name.
    pub path: String,
    /// Where the document is, once it is taken in.
    pub document: String,
    /// When it was sent.
    pub submitted_at: Timestamp,
    /// When it was done or had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<UploadReport>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an upload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadReport {
    /// Documents that are new.
    pub added: usize,
    /// Documents that replaced one of the same name.
    pub changed: usize,
    /// Documents that were there already, word for word.
    pub unchanged: usize,
    /// Passages that were indexed.
    pub passages: usize,
    /// What the document says about itself that cannot be understood and does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

impl From<Job> for JobDetail {
    fn from(job: Job) -> Self {
        let href = href(&job.id);
        let document = document_href(job.source, &job.path);
        let Job { id, path, state, submitted_at, finished_at, report, error, .. } = job;
        let report = report.filter(|_| state == JobState::Done).map(UploadReport::from);
        Self {
            id,
            href,
            state: state.as_str().to_owned(),
            path,
            document,
            submitted_at,
            finished_at,
            report,
            error,
        }
    }
}

impl From<SourceReport> for UploadReport {
    fn from(report: SourceReport) -> Self {
        let SourceReport { added, changed, unchanged, passages, ignored, .. } = report;
        let ignored = ignored.into_iter().map(|ignored| ignored.reason).collect();
        Self { added, changed, unchanged, passages, ignored }
    }
}

/// Where a job is asked about.
pub(super) fn href(id: &str) -> String {
    format!("/api/v1/knowledge/jobs/{id}")
}

/// What became of an upload. The newest 500 are known until the server restarts; they are not kept on disk.
#[utoipa::path(
    get,
    path = "/api/v1/knowledge/jobs/{id}",
    operation_id = "show_knowledge_job",
    tag = "knowledge",
    params(("id" = String, Path, description = "the job's name")),
    responses((status = 200, body = JobDetail), (status = 404, body = ErrorBody, description = "never made, or forgotten"))
)]
pub(super) async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
) -> Result<Json<JobDetail>, ApiError> {
    let text = "there is no such job; jobs are kept in memory, so a restart forgets them";
    state.recall.job(&id).map(|job| Json(job.into())).ok_or_else(|| ApiError::not_found(text))
}
