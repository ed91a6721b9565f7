//! The OpenAPI documents that kubectl consults: which paths take which parameters, and the shape of each kind.

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{answer, discovery};
use crate::sim::kinds::{KINDS, Kind};
use crate::sim::objects::ApiError;

/// Changes when the documents do, so that clients may cache them.
const HASH: &str = "1";

/// Answers `/openapi/v3`: where the document of each group is.
pub(super) async fn index() -> Response {
    let mut paths = Map::new();
    for kind in KINDS {
        for version in discovery::versions(kind.group) {
            let path = document_path(kind.group, version);
            let url = json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={HASH}")});
            paths.insert(path, url);
        }
    }
    answer::ok(json!({"paths": paths}))
}

fn document_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// Answers the document of one group and version.
pub(super) async fn document(Path(path): Path<String>) -> Result<Response, ApiError> {
    let (group, version) = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => (String::new(), (*version).to_owned()),
        ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
        _ => return Err(ApiError::no_such_path()),
    };
    let kinds: Vec<&Kind> =
        KINDS.iter().copied().filter(|kind| kind.group == group && kind.serves(&version)).collect();
    if kinds.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in kinds {
        add_paths(&mut paths, kind, &version);
        schemas.insert(schema_name(kind, &version), schema(kind, &version));
    }
    Ok(answer::ok(json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths, "components": {"schemas": schemas},
    })))
}

fn gvk(kind: &Kind, version: &str) -> Value {
    json!({"group": kind.group, "version": version, "kind": kind.kind})
}

fn add_paths(paths: &mut Map<String, Value>, kind: &Kind, version: &str) {
    let root = document_path(kind.group, version);
    let namespace = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
    let collection = format!("/{root}/{namespace}{}", kind.plural);
    let operation = |action: &str, parameters: &[&str]| {
        let parameters: Vec<Value> = parameters.iter().map(|name| query_parameter(name)).collect();
        json!({
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk(kind, version),
            "parameters": parameters, "responses": {"200": {"description": "OK"}},
        })
    };
    const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
    paths.insert(
        format!("{collection}/{{name}}"),
        json!({
            "get": operation("get", &[]), "put": operation("put", WRITE), "delete": operation("delete", &["dryRun"]),
            "patch": operation("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]),
        }),
    );
    let create = json!({"get": operation("list", &["labelSelector", "fieldSelector", "limit", "continue"]),
                        "post": operation("post", WRITE)});
    paths.insert(collection, create);
}

fn query_parameter(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}

fn schema_name(kind: &Kind, version: &str) -> String {
    let group = kind.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    format!("io.k8s.api.{group}.{version}.{}", kind.kind)
}

fn schema(kind: &Kind, version: &str) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": format!("{} of the simulated cluster.", kind.kind),
        "x-kubernetes-group-version-kind": [gvk(kind, version)],
        "properties": {
            "apiVersion": text("The versioned schema of this object."),
            "kind": text("The resource that this object represents."),
            "metadata": {"type": "object", "description": "Standard object's metadata."},
            "spec": {"type": "object", "description": "The desired state."},
            "status": {"type": "object", "description": "The observed state."},
        },
    })
}
