//! Taking documents in.
//!
//! A place in the queue is taken before the body is read, so that no more documents are held in memory than may wait.

use axum::extract::multipart::MultipartError;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::{Json, body::Bytes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JobDetail;
use crate::http::error::ApiError;
use crate::http::{ErrorBody, HttpState};
use crate::recall::{Attributes, Category, RawDocument, Severity, Upload, Validators};

/// Longest name of a document, bytes; longest of its parts.
const LONGEST_PATH: usize = 500;
const LONGEST_PART: usize = 200;

const NAMED_TWICE: &str =
    "the document has two names; `name` is another word for `path`, send one of them once";

/// The fields of a form.
const FIELDS: &str = "file, path (or name), media_type, category, tags, k8s_version, severity, trust";

/// Most tags, and the longest text of any attribute, bytes.
const MOST_TAGS: usize = 50;
const LONGEST_WORD: usize = 200;

/// A document with what is known about it. What its own front matter says is stronger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadRequest {
    /// Its name, `/` between parts: `node/clock-skew.md`. A document of the same name is replaced.
    #[serde(alias = "name")]
    pub path: String,
    /// Its text.
    pub content: String,
    /// What it is; else the ending of its name says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// `troubleshooting`, `configuration`, `security`, `monitoring`, `incident` or `runbook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Words to filter by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The Kubernetes versions that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k8s_version: Option<String>,
    /// `info`, `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// How far it is believed, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<f32>,
}

/// The same as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form, whose fields are read one by one")]
pub(super) struct UploadForm {
    /// The document; its file name is its name unless `path` is given.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Its name.
    path: Option<String>,
    /// What it is.
    media_type: Option<String>,
    /// What it is for.
    category: Option<String>,
    /// Words between commas.
    tags: Option<String>,
    /// The Kubernetes versions that it is about.
    k8s_version: Option<String>,
    /// How bad what it is about is.
    severity: Option<String>,
    /// How far it is believed, 0 to 1.
    trust: Option<f32>,
}

/// Adds a document to the knowledge base, or replaces the one of its name. It is read and indexed in the background.
#[utoipa::path(
    post,
    path = "/api/v1/knowledge/documents",
    operation_id = "upload_document",
    tag = "knowledge",
    request_body(content((UploadRequest = "application/json"), (UploadForm = "multipart/form-data"))),
    responses(
        (status = 202, body = JobDetail, description = "queued; Location leads to the job"),
        (status = 400, body = ErrorBody, description = "neither JSON nor a form"),
        (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "a field is missing or cannot be used"),
        (status = 429, body = ErrorBody, description = "too many documents wait; try again after Retry-After"),
        (status = 503, body = ErrorBody, description = "there is no knowledge base")
    )
)]
pub(super) async fn upload(
    State(state): State<HttpState>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<JobDetail>), ApiError> {
    let Some(slot) = state.recall.reserve()? else {
        let text = "too many documents wait to be taken in; try again in a moment";
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", text));
    };
    let (about, bytes) = match kind(request.headers()) {
        Some(Kind::Form) => form(request).await?,
        Some(Kind::Json) => json(request).await?,
        None => {
            let text =
                "send a form (multipart/form-data) with the document as \"file\", or JSON (application/json)";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text));
        }
    };
    let job = JobDetail::from(state.recall.submit(slot, checked(about, bytes)?));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, job.href.clone())], Json(job)))
}

enum Kind {
    Form,
    Json,
}

fn kind(headers: &HeaderMap) -> Option<Kind> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match given.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => Some(Kind::Form),
        "application/json" => Some(Kind::Json),
        _ => None,
    }
}

async fn json(request: Request) -> Result<(UploadRequest, Vec<u8>), ApiError> {
    let body = Bytes::from_request(request, &()).await.map_err(|rejection: BytesRejection| rejection.into());
    let body: Result<Bytes, ApiError> = body;
    let mut about: UploadRequest = serde_json::from_slice(&body?).map_err(|error| {
        if error.to_string().starts_with("duplicate field `path`") {
            unfit(NAMED_TWICE.to_owned())
        } else if error.is_data() {
            ApiError::unprocessable("wrong_type", error.to_string())
        } else {
            ApiError::bad_request("malformed_json", error.to_string())
        }
    })?;
    let bytes = std::mem::take(&mut about.content).into_bytes();
    Ok((about, bytes))
}

async fn form(request: Request) -> Result<(UploadRequest, Vec<u8>), ApiError> {
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|rejection| ApiError::bad_request("bad_form", rejection.body_text()))?;
    let mut about = UploadRequest::default();
    let (mut file, mut file_name) = (None, None);
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let (named, media_type) =
                (field.file_name().map(str::to_owned), field.content_type().map(str::to_owned));
            if file.replace(field.bytes().await?.to_vec()).is_some() {
                return Err(unfit("send one file at a time".to_owned()));
            }
            file_name = named;
            about.media_type = about.media_type.or(media_type);
            continue;
        }
        let text = field.text().await?;
        match name.as_str() {
            "path" | "name" if !about.path.is_empty() => return Err(unfit(NAMED_TWICE.to_owned())),
            "path" | "name" => about.path = text,
            "media_type" => about.media_type = Some(text),
            "category" => about.category = Some(text),
            "tags" => about.tags.extend(text.split(',').map(str::to_owned)),
            "k8s_version" => about.k8s_version = Some(text),
            "severity" => about.severity = Some(text),
            "trust" => {
                let trust =
                    text.trim().parse().map_err(|_| unfit("trust must be a number from 0 to 1".to_owned()));
                about.trust = Some(trust?);
            }
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(unfit(format!("there is no field {other:?}; there are {FIELDS}")));
            }
        }
    }
    let file = file.ok_or_else(|| unfit("the form has no field \"file\"".to_owned()))?;
    if about.path.is_empty() {
        about.path = file_name.unwrap_or_default();
    }
    Ok((about, file))
}

impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        let (status, text) = (error.status(), error.body_text());
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "body_too_large" } else { "bad_form" };
        Self::new(status, code, text)
    }
}

/// The upload, if everything that is said about it can be used.
fn checked(about: UploadRequest, bytes: Vec<u8>) -> Result<Upload, ApiError> {
    let path = checked_path(&about.path)?;
    if bytes.is_empty() {
        return Err(unfit("the document is empty".to_owned()));
    }
    let words = about.tags.iter().chain(&about.k8s_version).chain(&about.media_type);
    if about.tags.len() > MOST_TAGS || words.clone().any(|word| word.len() > LONGEST_WORD) {
        return Err(unfit(format!("at most {MOST_TAGS} tags, and no word longer than {LONGEST_WORD} bytes")));
    }
    if about.trust.is_some_and(|trust| !(0.0..=1.0).contains(&trust)) {
        return Err(unfit("trust must be a number from 0 to 1".to_owned()));
    }
    let category = named(about.category.as_deref(), "category", Category::named)?;
    let severity = named(about.severity.as_deref(), "severity", Severity::named)?;
    let tags = about.tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    let (k8s_version, trust) = (about.k8s_version, about.trust);
    Ok(Upload {
        attributes: Attributes { category, severity, tags, k8s_version, trust, ..Attributes::default() },
        document: RawDocument {
            uri: format!("uploads/{path}"),
            path,
            bytes,
            media_type: about.media_type.filter(|given| given != "application/octet-stream"),
            modified: Some(Timestamp::now()),
            validators: Validators::default(),
        },
    })
}

/// A name is a name: it leads nowhere and stays on its line.
fn checked_path(path: &str) -> Result<String, ApiError> {
    let path = path.trim();
    let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= LONGEST_PART;
    let strange = path.chars().any(|character| character.is_control() || character == '\\');
    if path.is_empty() || path.len() > LONGEST_PATH || strange || !path.split('/').all(fits) {
        let text = "\"path\" must be a name like node/clock-skew.md: parts between single slashes, none of them . or \
                    .., no backslashes, at most 500 bytes";
        return Err(ApiError::unprocessable("bad_path", text));
    }
    Ok(path.to_owned())
}

fn named<T>(given: Option<&str>, key: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    match parse(given) {
        Some(value) => Ok(Some(value)),
        None => Err(unfit(format!("{key} is not one of those that /openapi.json lists"))),
    }
}

fn unfit(message: String) -> ApiError {
    ApiError::unprocessable("bad_value", message)
}

#[cfg(test)]
mod tests {
    use super::checked_path;

    #[test]
    fn a_name_that_leads_somewhere_is_refused() {
        assert_eq!(checked_path(" node/Clock Skew.md ").unwrap(), "node/Clock Skew.md");
        for path in [
            "",
            " ",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/./b",
            "a\\b",
            "a\nb",
            "a/",
            &"x".repeat(501),
        ] {
            assert!(checked_path(path).is_err(), "{path:?}");
        }
    }
}
