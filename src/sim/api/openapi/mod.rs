//! The OpenAPI documents that kubectl consults: which paths take which parameters, and the shape of each kind.

pub(super) mod shape;

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Map, Value, json};

use shape::{Shape, Structs};

use super::schema::{self, MergeStrategy};
use super::{answer, discovery, typed};
use crate::sim::kinds::{KINDS, Kind};
use crate::sim::objects::{ApiError, meta};

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
    let mut structs = Structs::new();
    for kind in &kinds {
        add_paths(&mut paths, kind, &version);
        typed::shape(kind, &mut structs);
    }
    let mut schemas: Map<String, Value> =
        structs.iter().map(|(name, fields)| (component(name), object_schema(name, fields))).collect();
    for kind in kinds {
        identify(&mut schemas, kind, &version);
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

/// The name of a schema; `kubectl explain` shows its last part as the type.
fn component(name: &str) -> String {
    format!("io.k8s.{name}")
}

/// Marks the schema of a kind as such, so that clients find it.
fn identify(schemas: &mut Map<String, Value>, kind: &Kind, version: &str) {
    let schema = schemas.entry(component(kind.kind)).or_insert_with(|| json!({"type": "object"}));
    let map = meta::as_map(schema);
    map.insert("description".to_owned(), format!("{} of the simulated cluster.", kind.kind).into());
    map.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk(kind, version)]));
}

fn object_schema(name: &str, fields: &[(&'static str, Shape)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(field, shape)| ((*field).to_owned(), property(name, field, shape))).collect();
    json!({"type": "object", "properties": properties})
}

/// A field's schema, with how a strategic merge patch treats it.
fn property(of: &str, field: &str, shape: &Shape) -> Value {
    let mut value = schema_of(shape);
    // Container ports are the one list whose key depends on what holds it.
    let holder = match of {
        "Container" | "EphemeralContainer" => "containers",
        "ObjectMeta" => "metadata",
        name if name.ends_with("Spec") => "spec",
        name if name.ends_with("Status") => "status",
        _ => "",
    };
    if !matches!(shape, Shape::List(_)) {
        return value;
    }
    let map = meta::as_map(&mut value);
    match schema::merge_strategy(&[holder, field]) {
        MergeStrategy::Replace => {}
        MergeStrategy::Values => {
            map.insert("x-kubernetes-patch-strategy".to_owned(), "merge".into());
        }
        MergeStrategy::ByKey(key) => {
            map.insert("x-kubernetes-patch-strategy".to_owned(), "merge".into());
            map.insert("x-kubernetes-patch-merge-key".to_owned(), key.into());
        }
    }
    value
}

fn schema_of(shape: &Shape) -> Value {
    match shape {
        Shape::Any => json!({"type": "object"}),
        Shape::Text => json!({"type": "string"}),
        Shape::Number => json!({"type": "integer"}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::List(item) => json!({"type": "array", "items": schema_of(item)}),
        Shape::Map(value) => json!({"type": "object", "additionalProperties": schema_of(value)}),
        Shape::Struct(name) => json!({"$ref": format!("#/components/schemas/{}", component(name))}),
    }
}
