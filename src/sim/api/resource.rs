//! From a request on a resource path to the code that answers it.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};

use super::accept::Shape;
use super::body::RequestBody;
use super::options::{Query, WriteOptions};
use super::target::Target;
use super::{ApiState, delete, denied, eviction, list, log, scale, watch, write};
use crate::sim::objects::ApiError;

/// One request on a resource, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// What the handlers share.
    pub api: ApiState,
    /// What is addressed.
    pub target: Target,
    /// The query.
    pub query: Query,
    /// How the answer is to look.
    pub shape: Shape,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Call {
    /// Who writes: the `fieldManager` given, else the program's name from its `User-Agent`.
    pub(super) fn manager(&self, options: &WriteOptions) -> String {
        let program = || self.user_agent.split('/').next().unwrap_or_default().to_owned();
        let name = options.field_manager.clone().unwrap_or_else(program);
        if name.is_empty() { "unknown".to_owned() } else { name }
    }
}

/// Serves `/api/v1/…`.
pub(super) async fn core(
    State(api): State<ApiState>,
    Path(rest): Path<String>,
    request: Request,
) -> Response {
    answer(api, "", "v1", &rest, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// Serves `/apis/GROUP/VERSION/…`.
pub(super) async fn grouped(
    State(api): State<ApiState>,
    Path((group, version, rest)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    answer(api, &group, &version, &rest, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// Everything that is not served.
pub(super) async fn unknown() -> ApiError {
    ApiError::no_such_path()
}

async fn answer(
    api: ApiState,
    group: &str,
    version: &str,
    rest: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::parse(group, version, rest)?;
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query());
    denied::check(&api.denied, verb(&head.method, &target, &query), &target)?;
    let call =
        Call { api, target, query, shape: Shape::of(&head.headers)?, user_agent: user_agent(&head.headers) };
    if head.method == Method::GET {
        return read(&call);
    }
    let body = RequestBody::read(&head.headers, body).await?;
    write(&call, &head.method, &body)
}

fn user_agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    match (method.as_str(), target.name.is_some()) {
        ("GET", false) if query.flag("watch") => "watch",
        ("GET", false) => "list",
        ("GET", true) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", false) => "deletecollection",
        _ => "delete",
    }
}

fn read(call: &Call) -> Result<Response, ApiError> {
    let target = &call.target;
    match (target.name.is_some(), target.subresource.as_str()) {
        (false, "") if call.query.flag("watch") => watch::watch(call),
        (false, "") => list::list(call),
        (true, "") => list::get(call),
        (true, "status") if target.kind.has_status => list::get(call),
        (true, "scale") if target.kind.scalable => scale::get(call),
        (true, "log") if target.kind.kind == "Pod" => log::log(call),
        _ => Err(ApiError::no_such_path()),
    }
}

fn write(call: &Call, method: &Method, body: &RequestBody) -> Result<Response, ApiError> {
    let target = &call.target;
    match (method.as_str(), target.name.is_some(), target.subresource.as_str()) {
        ("POST", false, "") => write::create(call, body),
        ("DELETE", false, "") => delete::delete_collection(call, body),
        ("PUT", true, "") => write::replace(call, body),
        ("PATCH", true, "") => write::patch(call, body),
        ("DELETE", true, "") => delete::delete(call, body),
        ("PUT", true, "status") if target.kind.has_status => write::replace(call, body),
        ("PATCH", true, "status") if target.kind.has_status => write::patch(call, body),
        ("PUT", true, "scale") if target.kind.scalable => scale::replace(call, body),
        ("PATCH", true, "scale") if target.kind.scalable => scale::patch(call, body),
        ("POST", true, "eviction") if target.kind.kind == "Pod" => eviction::evict(call, body),
        (_, _, "") | (_, true, "status" | "scale" | "log" | "eviction") => {
            Err(ApiError::method_not_allowed())
        }
        _ => Err(ApiError::no_such_path()),
    }
}
