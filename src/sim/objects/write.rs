//! Writing: create, update and atomic modification.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::State;
use super::{ApiError, ObjectStore, defaults, delete, meta};
use crate::sim::kinds::{self, Kind};

/// Which part of an object an update may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// The main endpoint: the status stays as it is for kinds with a status subresource.
    Main,
    /// The status subresource: only the status changes.
    Status,
    /// A trusted writer inside the cluster: everything changes.
    Whole,
}

impl ObjectStore {
    /// Stores a new object, completed by defaults, uid (unless given), creation time, generation and a
    /// generated name.
    ///
    /// # Errors
    /// 409 when the name is taken, 404 when the namespace does not exist, 403 when it is terminating.
    pub fn create(&self, kind: &'static Kind, object: Value) -> Result<Value, ApiError> {
        self.create_at(kind, object, self.now())
    }

    /// As [`Self::create`], with a creation time in the past: the world that existed before the story begins.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub fn create_backdated(
        &self,
        kind: &'static Kind,
        object: Value,
        created: Timestamp,
    ) -> Result<Value, ApiError> {
        self.create_at(kind, object, created)
    }

    fn create_at(&self, kind: &'static Kind, object: Value, created: Timestamp) -> Result<Value, ApiError> {
        let mut state = self.state();
        let object = prepare_create(&mut state, kind, object, created)?;
        Ok(Value::clone(&state.put(kind, object)))
    }

    /// What [`Self::create`] would store, without storing it.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub fn preview_create(&self, kind: &'static Kind, object: Value) -> Result<Value, ApiError> {
        prepare_create(&mut self.state(), kind, object, self.now())
    }

    /// Replaces an object. A `resourceVersion` or `uid` in it is a precondition; a write that changes nothing leaves
    /// the version as it is.
    ///
    /// # Errors
    /// 404 when there is no such object, 409 when a precondition fails.
    pub fn update(&self, kind: &'static Kind, object: Value, how: Write) -> Result<Value, ApiError> {
        let now = self.now();
        let mut state = self.state();
        match prepare_update(&state, kind, object, how)? {
            Prepared::Unchanged(object) => Ok(object),
            Prepared::Changed(object) => Ok(delete::put_or_finish(&mut state, kind, object, now)),
        }
    }

    /// What [`Self::update`] would store, without storing it.
    ///
    /// # Errors
    /// As for [`Self::update`].
    pub fn preview_update(&self, kind: &'static Kind, object: Value, how: Write) -> Result<Value, ApiError> {
        match prepare_update(&self.state(), kind, object, how)? {
            Prepared::Unchanged(object) | Prepared::Changed(object) => Ok(object),
        }
    }

    /// Changes an object in one step, for controllers: nobody writes between reading and writing.
    ///
    /// # Errors
    /// 404 when there is no such object.
    pub fn modify(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, ApiError> {
        let now = self.now();
        let mut state = self.state();
        let current = state.get(kind, namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
        let mut object = Value::clone(current);
        change(&mut object);
        match prepare_update(&state, kind, object, Write::Whole)? {
            Prepared::Unchanged(object) => Ok(object),
            Prepared::Changed(object) => Ok(delete::put_or_finish(&mut state, kind, object, now)),
        }
    }
}

fn prepare_create(
    state: &mut State,
    kind: &'static Kind,
    mut object: Value,
    created: Timestamp,
) -> Result<Value, ApiError> {
    meta::as_map(&mut object).insert("apiVersion".to_owned(), kind.api_version().into());
    meta::as_map(&mut object).insert("kind".to_owned(), kind.kind.into());
    complete_name(&mut object, kind)?;
    check_namespace(state, kind, &object)?;
    if state.get(kind, meta::namespace(&object), meta::name(&object)).is_some() {
        return Err(ApiError::already_exists(kind, meta::name(&object)));
    }
    if !meta::resource_version(&object).is_empty() {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        meta::unset(&mut object, field);
    }
    if meta::uid(&object).is_empty() {
        meta::set(&mut object, "uid", meta::fresh_uid());
    }
    meta::set(&mut object, "creationTimestamp", meta::seconds(created));
    if kind.has_generation {
        meta::set(&mut object, "generation", 1);
    }
    defaults::on_create(state, kind, &mut object);
    Ok(object)
}

fn complete_name(object: &mut Value, kind: &Kind) -> Result<(), ApiError> {
    if !kind.namespaced {
        meta::unset(object, "namespace");
    } else if meta::namespace(object).is_empty() {
        meta::set(object, "namespace", "default");
    }
    if meta::name(object).is_empty() {
        let prefix = meta::text(object, "generateName").to_owned();
        if prefix.is_empty() {
            return Err(ApiError::invalid(kind, "", &[name_required()]));
        }
        meta::set(object, "name", format!("{prefix}{}", meta::random_suffix()));
    }
    Ok(())
}

fn name_required() -> super::FieldCause {
    super::FieldCause {
        reason: "FieldValueRequired",
        field: "metadata.name".to_owned(),
        message: "Required value: name or generateName is required".to_owned(),
    }
}

fn check_namespace(state: &State, kind: &Kind, object: &Value) -> Result<(), ApiError> {
    if !kind.namespaced {
        return Ok(());
    }
    let namespace = meta::namespace(object);
    match state.get(&kinds::NAMESPACES, "", namespace) {
        None => Err(ApiError::not_found(&kinds::NAMESPACES, namespace)),
        Some(found) if meta::is_terminating(found) => Err(ApiError::forbidden(
            kind,
            meta::name(object),
            &format!("unable to create new content in namespace {namespace} because it is being terminated"),
        )),
        Some(_) => Ok(()),
    }
}

enum Prepared {
    Unchanged(Value),
    Changed(Value),
}

fn prepare_update(
    state: &State,
    kind: &'static Kind,
    object: Value,
    how: Write,
) -> Result<Prepared, ApiError> {
    let name = meta::name(&object);
    let current =
        state.get(kind, meta::namespace(&object), name).ok_or_else(|| ApiError::not_found(kind, name))?;
    check_preconditions(kind, current, meta::resource_version(&object), meta::uid(&object))?;
    let mut next = merge_parts(kind, current, object, how);
    keep_identity(current, &mut next, how);
    defaults::on_update(kind, current, &mut next);
    if kind.has_generation && how != Write::Status && desired_changed(current, &next) {
        let generation = current.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        meta::set(&mut next, "generation", generation + 1);
    }
    if same(current, &next) {
        Ok(Prepared::Unchanged(Value::clone(current)))
    } else {
        Ok(Prepared::Changed(next))
    }
}

pub(super) fn check_preconditions(
    kind: &Kind,
    current: &Value,
    version: &str,
    uid: &str,
) -> Result<(), ApiError> {
    let name = meta::name(current);
    if !uid.is_empty() && uid != meta::uid(current) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta::uid(current)
        );
        return Err(ApiError::conflict_because(kind, name, &why));
    }
    if !version.is_empty() && version != "0" && version != meta::resource_version(current) {
        return Err(ApiError::conflict(kind, name));
    }
    Ok(())
}

/// The object as it would be after this kind of write, identity aside.
fn merge_parts(kind: &Kind, current: &Value, mut object: Value, how: Write) -> Value {
    match how {
        Write::Whole => object,
        Write::Main if kind.has_status => {
            replace_field(&mut object, "status", current.get("status").cloned());
            object
        }
        Write::Main => object,
        Write::Status => {
            let mut next = current.clone();
            replace_field(&mut next, "status", object.get("status").cloned());
            if let Some(managed) = object.pointer("/metadata/managedFields") {
                meta::set(&mut next, "managedFields", managed.clone());
            }
            next
        }
    }
}

fn replace_field(object: &mut Value, field: &str, value: Option<Value>) {
    let map = meta::as_map(object);
    match value {
        Some(value) => map.insert(field.to_owned(), value),
        None => map.remove(field),
    };
}

/// Fields of the metadata that no update can change. A trusted writer may set the deletion time.
fn keep_identity(current: &Value, next: &mut Value, how: Write) {
    let map = meta::as_map(next);
    for field in ["apiVersion", "kind"] {
        map.insert(field.to_owned(), current.get(field).cloned().unwrap_or(Value::Null));
    }
    let mut fixed = vec!["uid", "creationTimestamp", "generation", "resourceVersion", "generateName"];
    if how != Write::Whole {
        fixed.extend(["deletionTimestamp", "deletionGracePeriodSeconds"]);
    }
    for field in fixed {
        match current.pointer(&format!("/metadata/{field}")) {
            Some(value) => meta::set(next, field, value.clone()),
            None => meta::unset(next, field),
        }
    }
}

/// Whether anything but metadata and status differs.
fn desired_changed(current: &Value, next: &Value) -> bool {
    let desired = |object: &Value| {
        let mut object = object.clone();
        let map = meta::as_map(&mut object);
        map.remove("metadata");
        map.remove("status");
        object
    };
    desired(current) != desired(next)
}

/// Equality that ignores when a manager last wrote.
fn same(current: &Value, next: &Value) -> bool {
    if current == next {
        return true;
    }
    let timeless = |object: &Value| {
        let mut object = object.clone();
        if let Some(entries) = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut) {
            for entry in entries {
                replace_field(entry, "time", None);
            }
        }
        if object.pointer("/metadata/managedFields") == Some(&json!([])) {
            meta::unset(&mut object, "managedFields");
        }
        object
    };
    timeless(current) == timeless(next)
}
