//! Reading one object and reading lists, in pages.

use std::sync::Arc;

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::accept::Shape;
use super::options::ReadOptions;
use super::resource::Call;
use super::target::Target;
use super::{answer, convert, table};
use crate::sim::objects::{ApiError, meta};

/// Answers a GET of one object.
pub(super) fn get(call: &Call) -> Result<Response, ApiError> {
    let target = &call.target;
    let name = target.object_name();
    let found = call.api.store.get_shared(target.kind, target.store_namespace(), name);
    let found = found.ok_or_else(|| ApiError::not_found(target.kind, name))?;
    Ok(answer::ok(shaped(call, &found)))
}

/// One object in the shape asked for.
pub(super) fn shaped(call: &Call, object: &Value) -> Value {
    let object = convert::outgoing(&call.target, object);
    match call.shape {
        Shape::Objects => object,
        Shape::Metadata => metadata_only(&object),
        Shape::Table => {
            let metadata = json!({"resourceVersion": meta::resource_version(&object)});
            let include = call.query.text("includeObject");
            table::table(call.target.kind, &[&object], &metadata, include, call.api.store.now())
        }
    }
}

/// An object reduced to its metadata.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// Answers a GET of a collection.
pub(super) fn list(call: &Call) -> Result<Response, ApiError> {
    let options = call.query.read()?;
    options.fields.check(call.target.kind)?;
    let page = page(call, &options)?;
    let objects: Vec<Value> =
        page.objects.iter().map(|object| convert::outgoing(&call.target, object)).collect();
    let kind = call.target.kind;
    let body = match call.shape {
        Shape::Table => {
            let rows: Vec<&Value> = objects.iter().collect();
            table::table(kind, &rows, &page.metadata, &options.include_object, call.api.store.now())
        }
        Shape::Objects => json!({
            "kind": format!("{}List", kind.kind), "apiVersion": call.target.api_version(),
            "metadata": page.metadata, "items": objects.into_iter().map(without_type).collect::<Vec<_>>(),
        }),
        Shape::Metadata => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": page.metadata, "items": objects.iter().map(metadata_only).collect::<Vec<_>>(),
        }),
    };
    Ok(answer::ok(body))
}

/// Items of a list do not repeat what the list says.
fn without_type(mut object: Value) -> Value {
    let map = meta::as_map(&mut object);
    map.remove("kind");
    map.remove("apiVersion");
    object
}

struct Page {
    objects: Vec<Arc<Value>>,
    metadata: Value,
}

/// What a `continue` token carries: the revision of the whole list and the last object sent.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    rv: u64,
    after: (String, String),
}

fn page(call: &Call, options: &ReadOptions) -> Result<Page, ApiError> {
    let token = options.continue_token.as_deref().map(decode_token).transpose()?;
    let (objects, revision) = source(call, options, token.as_ref())?;
    let mut objects: Vec<_> =
        objects.into_iter().filter(|object| is_wanted(options, &call.target, object)).collect();
    if let Some(token) = &token {
        objects.retain(|object| key(object) > (token.after.0.as_str(), token.after.1.as_str()));
    }
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if options.limit > 0 && objects.len() > options.limit {
        let left = objects.len() - options.limit;
        objects.truncate(options.limit);
        let map = meta::as_map(&mut metadata);
        map.insert("continue".to_owned(), next_token(revision, &objects).into());
        // With a selector the API server does not know how many are left.
        if options.labels.is_empty() && options.fields == Default::default() {
            map.insert("remainingItemCount".to_owned(), left.into());
        }
    }
    Ok(Page { objects, metadata })
}

fn key(object: &Value) -> (&str, &str) {
    (meta::namespace(object), meta::name(object))
}

/// Whether a read selects an object.
pub(super) fn is_wanted(options: &ReadOptions, target: &Target, object: &Value) -> bool {
    target.namespace.as_deref().is_none_or(|namespace| namespace == meta::namespace(object))
        && options.labels.matches(object)
        && options.fields.matches(object)
}

fn source(
    call: &Call,
    options: &ReadOptions,
    token: Option<&Token>,
) -> Result<(Vec<Arc<Value>>, u64), ApiError> {
    let (store, target) = (&call.api.store, &call.target);
    let namespace = target.namespace.as_deref();
    if let Some(token) = token {
        let objects =
            store.list_at(target.kind, namespace, token.rv).map_err(|_| ApiError::continue_expired())?;
        return Ok((objects, token.rv));
    }
    if let Some(asked) = options.resource_version {
        check_not_in_future(asked, store.revision())?;
        if options.version_match == "Exact" {
            return Ok((store.list_at(target.kind, namespace, asked)?, asked));
        }
    }
    Ok(store.list(target.kind, namespace))
}

/// A version that this cluster has not reached yet is answered as a timeout, as the API server's watch cache does.
pub(super) fn check_not_in_future(asked: u64, current: u64) -> Result<(), ApiError> {
    if asked <= current {
        return Ok(());
    }
    let message = format!("Too large resource version: {asked}, current: {current}");
    let causes = json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
    Err(ApiError {
        details: json!({"causes": causes, "retryAfterSeconds": 1}),
        ..ApiError::new(504, "Timeout", format!("Timeout: {message}"))
    })
}

fn next_token(revision: u64, sent: &[Arc<Value>]) -> String {
    let after = sent.last().map(|object| key(object)).unwrap_or_default();
    let token = Token { rv: revision, after: (after.0.to_owned(), after.1.to_owned()) };
    hex::encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn decode_token(text: &str) -> Result<Token, ApiError> {
    let refuse = || ApiError::bad_request("continue key is not valid: it was not handed out by this server");
    let bytes = hex::decode(text).map_err(|_| refuse())?;
    serde_json::from_slice(&bytes).map_err(|_| refuse())
}
