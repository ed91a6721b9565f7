//! Access reviews: what the caller may do. Everything, but for the injected refusals.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::body::RequestBody;
use super::denied::USER;
use super::{ApiState, answer};
use crate::sim::objects::{ApiError, meta};

/// Answers the cluster-wide reviews of `authorization.k8s.io`.
pub(super) async fn authorization(
    State(api): State<ApiState>,
    Path(review): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = object(request).await?;
    match review.as_str() {
        "selfsubjectaccessreviews" => Ok(access(&api, "SelfSubjectAccessReview", body)),
        "subjectaccessreviews" => Ok(access(&api, "SubjectAccessReview", body)),
        "selfsubjectrulesreviews" => Ok(rules(body)),
        _ => Err(ApiError::no_such_path()),
    }
}

/// Answers a review within a namespace.
pub(super) async fn local_authorization(
    State(api): State<ApiState>,
    request: Request,
) -> Result<Response, ApiError> {
    Ok(access(&api, "LocalSubjectAccessReview", object(request).await?))
}

/// Answers who the caller is.
pub(super) async fn who_am_i(request: Request) -> Result<Response, ApiError> {
    object(request).await?;
    Ok(answer::json(
        StatusCode::CREATED,
        json!({
            "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "status": {"userInfo": {"username": USER, "groups": ["system:masters", "system:authenticated"]}},
        }),
    ))
}

async fn object(request: Request) -> Result<Value, ApiError> {
    let (head, body) = request.into_parts();
    RequestBody::read(&head.headers, body).await?.object()
}

fn access(api: &ApiState, kind: &str, mut review: Value) -> Response {
    let asked = |key: &str| {
        let path = format!("/spec/resourceAttributes/{key}");
        review.pointer(&path).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let resource = match asked("subresource") {
        subresource if subresource.is_empty() => asked("resource"),
        subresource => format!("{}/{subresource}", asked("resource")),
    };
    let namespace = Some(asked("namespace")).filter(|namespace| !namespace.is_empty());
    let refused = api.denied.iter().any(|rule| rule.refuses(&asked("verb"), &resource, namespace.as_deref()));
    let status = if refused { json!({"allowed": false}) } else { json!({"allowed": true}) };
    let map = meta::as_map(&mut review);
    map.insert("kind".to_owned(), kind.into());
    map.insert("apiVersion".to_owned(), "authorization.k8s.io/v1".into());
    map.insert("status".to_owned(), status);
    answer::json(StatusCode::CREATED, review)
}

fn rules(mut review: Value) -> Response {
    let map = meta::as_map(&mut review);
    map.insert("kind".to_owned(), "SelfSubjectRulesReview".into());
    map.insert("apiVersion".to_owned(), "authorization.k8s.io/v1".into());
    let status = json!({
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": false,
    });
    map.insert("status".to_owned(), status);
    answer::json(StatusCode::CREATED, review)
}
