//! The `scale` subresource: replicas of any workload in one shape.

use axum::response::Response;
use serde_json::{Value, json};

use super::body::RequestBody;
use super::options::WriteOptions;
use super::patch::Patch;
use super::resource::Call;
use super::selectors::LabelSelector;
use super::{answer, write};
use crate::sim::objects::{ApiError, FieldCause, meta};

/// Answers a GET.
pub(super) fn get(call: &Call) -> Result<Response, ApiError> {
    let target = &call.target;
    let found = call.api.store.get_shared(target.kind, target.store_namespace(), target.object_name());
    let found = found.ok_or_else(|| ApiError::not_found(target.kind, target.object_name()))?;
    Ok(answer::ok(scale_of(&found)))
}

/// Answers a PUT.
pub(super) fn replace(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let options = call.query.write()?;
    let given = body.object()?;
    change(call, &options, &mut |_| Ok(given.clone()))
}

/// Answers a PATCH.
pub(super) fn patch(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let options = call.query.write()?;
    let patch = match Patch::read(body)? {
        // An applied Scale has one field to own, so it is laid over like a merge patch.
        Patch::Apply(config) => Patch::Merge(config),
        patch => patch,
    };
    change(call, &options, &mut |scale| patch.apply(call.target.kind, scale))
}

fn change(
    call: &Call,
    options: &WriteOptions,
    next: &mut dyn FnMut(&Value) -> Result<Value, ApiError>,
) -> Result<Response, ApiError> {
    let stored = write::store_changed(call, options, &mut |current| {
        let wanted = next(&scale_of(current))?;
        let replicas = replicas(call, &wanted)?;
        let mut object = current.clone();
        meta::child_mut(meta::as_map(&mut object), "spec").insert("replicas".to_owned(), replicas.into());
        meta::set(&mut object, "resourceVersion", meta::resource_version(&wanted));
        Ok(object)
    })?;
    Ok(answer::ok(scale_of(&stored)))
}

fn replicas(call: &Call, scale: &Value) -> Result<i64, ApiError> {
    let replicas = scale.pointer("/spec/replicas").map_or(Some(0), Value::as_i64);
    let Some(replicas) = replicas else {
        return Err(ApiError::bad_request("spec.replicas of a Scale must be a whole number"));
    };
    if replicas < 0 {
        let cause = FieldCause {
            reason: "FieldValueInvalid",
            field: "spec.replicas".to_owned(),
            message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
        };
        return Err(ApiError::invalid(call.target.kind, call.target.object_name(), &[cause]));
    }
    Ok(replicas)
}

fn scale_of(object: &Value) -> Value {
    let mut metadata = serde_json::Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        let text = meta::text(object, field);
        if !text.is_empty() {
            metadata.insert(field.to_owned(), text.into());
        }
    }
    let selector = object.pointer("/spec/selector").and_then(LabelSelector::from_object).unwrap_or_default();
    let number = |path: &str| object.pointer(path).cloned().unwrap_or_else(|| json!(0));
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number("/spec/replicas")},
        "status": {"replicas": number("/status/replicas"), "selector": selector.to_string()},
    })
}
