//! Deleting one object or a collection.

use std::time::Duration;

use axum::response::Response;
use serde_json::{Value, json};

use super::body::RequestBody;
use super::resource::Call;
use super::{answer, convert, list};
use crate::sim::kinds::{Kind, NAMESPACES};
use crate::sim::objects::{ApiError, Deletion, Propagation, meta};

/// How long the namespace controller takes to notice.
const NAMESPACE_DELAY: Duration = Duration::from_secs(2);

/// Answers a DELETE of one object.
pub(super) fn delete(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let (how, dry_run) = deletion(call, body)?;
    let target = &call.target;
    let (store, namespace, name) = (&call.api.store, target.store_namespace(), target.object_name());
    let object = if dry_run {
        store.preview_delete(target.kind, namespace, name, &how)?
    } else {
        store.delete(target.kind, namespace, name, &how)?
    };
    if target.kind == &NAMESPACES && !dry_run {
        empty_soon(call);
    }
    let shown = meta::is_terminating(&object) || returns_object(target.kind);
    Ok(answer::ok(if shown { list::shaped(call, &object) } else { success(target.kind, &object) }))
}

/// The content of a namespace goes a moment after its deletion, so that a client that deletes both finds it.
fn empty_soon(call: &Call) {
    let (api, name) = (call.api.clone(), call.target.object_name().to_owned());
    call.api.tasks.spawn(async move {
        tokio::select! {
            () = api.shutdown.cancelled() => {}
            () = tokio::time::sleep(NAMESPACE_DELAY) => api.store.empty_namespace(&name),
        }
    });
}

/// Answers a DELETE of a collection.
pub(super) fn delete_collection(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let (how, dry_run) = deletion(call, body)?;
    let options = call.query.read()?;
    options.fields.check(call.target.kind)?;
    let (objects, revision) = call.api.store.list(call.target.kind, call.target.namespace.as_deref());
    let mut deleted = Vec::new();
    for object in objects.iter().filter(|object| list::is_wanted(&options, &call.target, object)) {
        if !dry_run {
            let gone =
                call.api.store.delete(call.target.kind, meta::namespace(object), meta::name(object), &how);
            // Another deletion of this collection may have taken it already.
            if gone.is_err_and(|error| error.code != 404) {
                continue;
            }
        }
        deleted.push(convert::outgoing(&call.target, object));
    }
    Ok(answer::ok(json!({
        "kind": format!("{}List", call.target.kind.kind), "apiVersion": call.target.api_version(),
        "metadata": {"resourceVersion": revision.to_string()}, "items": deleted,
    })))
}

/// Kinds whose deletion answers with the object rather than with a Status.
fn returns_object(kind: &Kind) -> bool {
    matches!(
        kind.kind,
        "Namespace"
            | "Pod"
            | "Service"
            | "ServiceAccount"
            | "PersistentVolume"
            | "PersistentVolumeClaim"
            | "ResourceQuota"
    )
}

fn success(kind: &Kind, object: &Value) -> Value {
    let mut details = json!({"name": meta::name(object), "kind": kind.plural, "uid": meta::uid(object)});
    if !kind.group.is_empty() {
        meta::as_map(&mut details).insert("group".to_owned(), kind.group.into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// The `DeleteOptions` of the body, or of the query when there is no body.
fn deletion(call: &Call, body: &RequestBody) -> Result<(Deletion, bool), ApiError> {
    let given = body.optional_object()?.unwrap_or_else(|| json!({}));
    let mut how = deletion_of(&given)?;
    if how.grace_seconds.is_none() {
        how.grace_seconds = call.query.number("gracePeriodSeconds")?;
    }
    if given.get("propagationPolicy").is_none() && !call.query.text("propagationPolicy").is_empty() {
        how.propagation = propagation(call.query.text("propagationPolicy"))?;
    }
    let in_body = given.pointer("/dryRun/0").and_then(Value::as_str) == Some("All");
    Ok((how, in_body || call.query.write()?.dry_run))
}

/// Reads a `DeleteOptions` object.
pub(super) fn deletion_of(options: &Value) -> Result<Deletion, ApiError> {
    let text = |path: &str| options.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let policy = match options.get("propagationPolicy").and_then(Value::as_str) {
        Some(policy) => propagation(policy)?,
        None if options.get("orphanDependents").and_then(Value::as_bool) == Some(true) => Propagation::Orphan,
        None => Propagation::Background,
    };
    Ok(Deletion {
        propagation: policy,
        grace_seconds: options.get("gracePeriodSeconds").and_then(Value::as_i64),
        uid: text("/preconditions/uid"),
        resource_version: text("/preconditions/resourceVersion"),
    })
}

fn propagation(policy: &str) -> Result<Propagation, ApiError> {
    match policy {
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        other => Err(ApiError::new(
            422,
            "Invalid",
            format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"{other}\": \
                 supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            ),
        )),
    }
}
