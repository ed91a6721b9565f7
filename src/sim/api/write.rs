//! Create, replace and patch on the main and the status endpoint.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::body::RequestBody;
use super::managed::{self, Entry, Operation};
use super::options::WriteOptions;
use super::patch::Patch;
use super::resource::Call;
use super::{answer, convert, list, typed, validate};
use crate::sim::kinds::Kind;
use crate::sim::objects::{ApiError, FieldCause, Write, meta};

/// How often a patch is tried again when somebody else writes in between, as in the API server.
const ATTEMPTS: usize = 5;

/// Answers a POST to a collection.
pub(super) fn create(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let options = call.query.write()?;
    let object = convert::incoming(&call.target, addressed(call, body.object()?)?);
    let created = store_new(call, object, &options, |object| {
        managed::record_update(None, object, &writer(call, &options, Operation::Update));
    })?;
    Ok(answer::json(StatusCode::CREATED, list::shaped(call, &created)))
}

/// Answers a PUT.
pub(super) fn replace(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let options = call.query.write()?;
    let object = convert::incoming(&call.target, addressed(call, body.object()?)?);
    if meta::name(&object) != call.target.object_name() {
        let message = format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            meta::name(&object),
            call.target.object_name()
        );
        return Err(ApiError::bad_request(message));
    }
    let stored = store_changed(call, &options, &mut |_| Ok(object.clone()))?;
    Ok(answer::ok(list::shaped(call, &stored)))
}

/// Answers a PATCH of any type.
pub(super) fn patch(call: &Call, body: &RequestBody) -> Result<Response, ApiError> {
    let options = call.query.write()?;
    match Patch::read(body)? {
        Patch::Apply(config) => apply(call, &config, &options),
        patch => {
            let stored = store_changed(call, &options, &mut |current| {
                let shown = convert::outgoing(&call.target, current);
                let next = patch.apply(call.target.kind, &shown)?;
                Ok(convert::incoming(&call.target, next))
            })?;
            Ok(answer::ok(list::shaped(call, &stored)))
        }
    }
}

fn apply(call: &Call, config: &Value, options: &WriteOptions) -> Result<Response, ApiError> {
    if options.field_manager.is_none() {
        return Err(ApiError::new(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let mut config = convert::incoming(&call.target, addressed(call, checked_config(call, config)?)?);
    meta::set(&mut config, "name", call.target.object_name());
    if call.target.subresource.is_empty() {
        config = without_status(call.target.kind, config);
    }
    let applier = writer(call, options, Operation::Apply);
    let target = &call.target;
    if call.api.store.get_shared(target.kind, target.store_namespace(), target.object_name()).is_none() {
        if !target.subresource.is_empty() {
            return Err(ApiError::not_found(target.kind, target.object_name()));
        }
        let owned = managed::apply(None, &config, &applier, options.force)?;
        let created = store_new(call, owned, options, |_| {})?;
        return Ok(answer::json(StatusCode::CREATED, list::shaped(call, &created)));
    }
    let version = meta::resource_version(&config).to_owned();
    let stored = put_changed(call, options, &mut |current| {
        let mut next = managed::apply(Some(current), &config, &applier, options.force)?;
        if !version.is_empty() {
            meta::set(&mut next, "resourceVersion", version.clone());
        }
        Ok(next)
    })?;
    Ok(answer::ok(list::shaped(call, &stored)))
}

/// An apply configuration must say what it is and must not carry ownership.
fn checked_config(call: &Call, config: &Value) -> Result<Value, ApiError> {
    let wanted = (call.target.api_version(), call.target.kind.kind);
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    if (text("apiVersion"), text("kind")) != (wanted.0.as_str(), wanted.1) {
        return Err(ApiError::bad_request(format!(
            "invalid object type: expected {}, Kind={}, got {}, Kind={}",
            wanted.0,
            wanted.1,
            text("apiVersion"),
            text("kind")
        )));
    }
    if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(config.clone())
}

/// Checks that a body is of the kind and in the namespace that the URL names.
fn addressed(call: &Call, mut object: Value) -> Result<Value, ApiError> {
    let target = &call.target;
    let said = object.get("kind").and_then(Value::as_str).unwrap_or(target.kind.kind);
    let version = target.api_version();
    let said_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or(&version);
    if said != target.kind.kind || said_version != version {
        return Err(ApiError::bad_request(format!(
            "{said} in version \"{said_version}\" cannot be handled as a {}: the URL names {version}",
            target.kind.kind
        )));
    }
    if let Some(namespace) = &target.namespace {
        let given = meta::namespace(&object);
        if !given.is_empty() && given != namespace {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        meta::set(&mut object, "namespace", namespace.clone());
    }
    Ok(object)
}

pub(super) fn writer(call: &Call, options: &WriteOptions, operation: Operation) -> Entry {
    let subresource = call.target.subresource.clone();
    Entry {
        manager: call.manager(options),
        operation,
        api_version: call.target.kind.api_version(),
        subresource,
        time: meta::seconds(call.api.store.now()),
        fields: Default::default(),
    }
}

/// Stores a new object, completed and validated, with the ownership that `own` writes into it.
fn store_new(
    call: &Call,
    object: Value,
    options: &WriteOptions,
    own: impl FnOnce(&mut Value),
) -> Result<Value, ApiError> {
    let (store, kind) = (&call.api.store, call.target.kind);
    let mut object = without_status(kind, object);
    typed::check(kind, &object, options.strict)?;
    meta::unset(&mut object, "uid");
    let mut object = store.preview_create(kind, object)?;
    own(&mut object);
    validate::check(kind, &object)?;
    if options.dry_run {
        return Ok(object);
    }
    store.create(kind, object)
}

/// What a client says about the status of a new object does not count.
fn without_status(kind: &Kind, mut object: Value) -> Value {
    if kind.has_status {
        meta::as_map(&mut object).remove("status");
    }
    object
}

/// Changes the addressed object by a function of its present state, recording who changed what.
pub(super) fn store_changed(
    call: &Call,
    options: &WriteOptions,
    change: &mut dyn FnMut(&Value) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let who = writer(call, options, Operation::Update);
    let how = how(call);
    put_changed(call, options, &mut |current| {
        let next = change(current)?;
        let mut next = call.api.store.preview_update(call.target.kind, next, how)?;
        managed::record_update(Some(current), &mut next, &who);
        Ok(next)
    })
}

fn how(call: &Call) -> Write {
    if call.target.subresource == "status" { Write::Status } else { Write::Main }
}

/// Stores what `change` makes of the present state; when somebody else wrote in between and the client gave no
/// version of its own, tries again.
pub(super) fn put_changed(
    call: &Call,
    options: &WriteOptions,
    change: &mut dyn FnMut(&Value) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let (store, target) = (&call.api.store, &call.target);
    let (name, namespace) = (target.object_name(), target.store_namespace());
    let mut last = ApiError::conflict(target.kind, name);
    for _ in 0..ATTEMPTS {
        let current = store.get_shared(target.kind, namespace, name);
        let current = current.ok_or_else(|| ApiError::not_found(target.kind, name))?;
        let mut next = change(&current)?;
        typed::check(target.kind, &next, options.strict)?;
        check_same_object(target.kind, &current, &next)?;
        let given = meta::resource_version(&next).to_owned();
        if given.is_empty() {
            meta::set(&mut next, "resourceVersion", meta::resource_version(&current));
        }
        let checked = store.preview_update(target.kind, next, how(call))?;
        validate::check(target.kind, &checked)?;
        validate::check_change(target.kind, &current, &checked)?;
        if options.dry_run {
            return Ok(checked);
        }
        match store.update(target.kind, checked, how(call)) {
            Err(error) if error.reason == "Conflict" => last = error,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn check_same_object(kind: &Kind, current: &Value, next: &Value) -> Result<(), ApiError> {
    for field in ["name", "namespace"] {
        if meta::text(next, field) != meta::text(current, field) {
            let cause = FieldCause {
                reason: "FieldValueInvalid",
                field: format!("metadata.{field}"),
                message: format!("Invalid value: \"{}\": field is immutable", meta::text(next, field)),
            };
            return Err(ApiError::invalid(kind, meta::name(current), &[cause]));
        }
    }
    Ok(())
}
