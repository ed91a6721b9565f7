//! Deletion, finalizers, graceful ends of pods, cascades along owner references and whole namespaces.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::state::State;
use super::{ApiError, ObjectStore, meta, write};
use crate::sim::kinds::{Kind, NAMESPACES, PODS, by_kind};

const FOREGROUND: &str = "foregroundDeletion";
const DEFAULT_GRACE: i64 = 30;

/// What becomes of the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// The owner goes first, dependents follow.
    #[default]
    Background,
    /// Dependents that block go first.
    Foreground,
    /// Dependents stay and lose the reference.
    Orphan,
}

/// How to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletion {
    /// What becomes of dependents.
    pub propagation: Propagation,
    /// Overrides a pod's own grace period; zero removes it at once.
    pub grace_seconds: Option<i64>,
    /// Refuse unless this is the object's uid.
    pub uid: Option<String>,
    /// Refuse unless this is the object's version.
    pub resource_version: Option<String>,
}

impl ObjectStore {
    /// Deletes an object and returns its last state. A pod on a node, an object with finalizers and a namespace are
    /// only marked; they go when the kubelet calls [`Self::remove`], the last finalizer is taken away, or
    /// [`Self::empty_namespace`] was called and nothing is left.
    ///
    /// # Errors
    /// 404 when there is no such object, 409 when a precondition fails.
    pub fn delete(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        how: &Deletion,
    ) -> Result<Value, ApiError> {
        let now = self.now();
        let mut state = self.state();
        let current = checked(&state, kind, namespace, name, how)?;
        Ok(delete_one(&mut state, kind, &current, how, now))
    }

    /// Deletes everything in a namespace that is being deleted, and the namespace itself once that is gone: what the
    /// namespace controller does a moment after the deletion.
    pub fn empty_namespace(&self, name: &str) {
        let now = self.now();
        let mut state = self.state();
        if state.get(&NAMESPACES, "", name).is_some_and(|object| meta::is_terminating(object)) {
            empty_namespace(&mut state, name, now);
        }
    }

    /// What would be deleted.
    ///
    /// # Errors
    /// As for [`Self::delete`].
    pub fn preview_delete(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        how: &Deletion,
    ) -> Result<Value, ApiError> {
        checked(&self.state(), kind, namespace, name, how).map(|object| Value::clone(&object))
    }

    /// Takes an object away at once, whatever its grace period or finalizers: the kubelet's last word on a pod.
    /// Dependents follow. None when it was gone already.
    pub fn remove(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Value> {
        let now = self.now();
        let mut state = self.state();
        finish(&mut state, kind, namespace, name, now).map(|object| Value::clone(&object))
    }
}

fn checked(
    state: &State,
    kind: &Kind,
    namespace: &str,
    name: &str,
    how: &Deletion,
) -> Result<Arc<Value>, ApiError> {
    let current = state.get(kind, namespace, name).ok_or_else(|| ApiError::not_found(kind, name))?;
    let version = how.resource_version.as_deref().unwrap_or_default();
    write::check_preconditions(kind, current, version, how.uid.as_deref().unwrap_or_default())?;
    Ok(current.clone())
}

fn delete_one(
    state: &mut State,
    kind: &'static Kind,
    current: &Arc<Value>,
    how: &Deletion,
    now: Timestamp,
) -> Value {
    let (namespace, name) = (meta::namespace(current).to_owned(), meta::name(current).to_owned());
    let mut object = Value::clone(current);
    match how.propagation {
        Propagation::Orphan => orphan_dependents(state, meta::uid(current)),
        Propagation::Foreground if has_blocking_dependents(state, meta::uid(current)) => {
            add_finalizer(&mut object, FOREGROUND);
        }
        _ => {}
    }
    let grace = grace_of(kind, &object, how);
    if grace == 0 && !is_held(kind, &object) {
        mark(&mut object, 0, now);
        finish(state, kind, &namespace, &name, now);
        return if kind == &PODS { object } else { Value::clone(current) };
    }
    if !meta::is_terminating(&object) || grace_of_mark(&object) > grace {
        mark(&mut object, grace, now);
    }
    let stored =
        if object == **current { Value::clone(current) } else { Value::clone(&state.put(kind, object)) };
    if how.propagation == Propagation::Foreground {
        delete_dependents(state, meta::uid(current), Propagation::Foreground, now);
        return state.get(kind, &namespace, &name).map_or(stored, |object| Value::clone(object));
    }
    stored
}

/// Seconds a pod has left; other kinds have none.
fn grace_of(kind: &Kind, object: &Value, how: &Deletion) -> i64 {
    if kind != &PODS {
        return 0;
    }
    let placed =
        object.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|node| !node.is_empty());
    let ended =
        matches!(object.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed"));
    if !placed || ended {
        return 0;
    }
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    how.grace_seconds.or(own).unwrap_or(DEFAULT_GRACE).max(0)
}

fn grace_of_mark(object: &Value) -> i64 {
    object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0)
}

/// Whether something must happen before the object can go.
fn is_held(kind: &Kind, object: &Value) -> bool {
    kind == &NAMESPACES || meta::finalizers(object).next().is_some()
}

fn mark(object: &mut Value, grace: i64, now: Timestamp) {
    let ends = now.checked_add(grace.seconds()).unwrap_or(now);
    meta::set(object, "deletionTimestamp", meta::seconds(ends));
    if object.get("kind").and_then(Value::as_str) == Some("Namespace") {
        meta::child_mut(meta::as_map(object), "status").insert("phase".to_owned(), json!("Terminating"));
    } else {
        meta::set(object, "deletionGracePeriodSeconds", grace);
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    if meta::finalizers(object).any(|f| f == finalizer) {
        return;
    }
    let mut finalizers: Vec<Value> = meta::finalizers(object).map(Value::from).collect();
    finalizers.push(finalizer.into());
    meta::set(object, "finalizers", finalizers);
}

fn drop_finalizer(object: &mut Value, finalizer: &str) {
    let left: Vec<Value> = meta::finalizers(object).filter(|f| *f != finalizer).map(Value::from).collect();
    if left.is_empty() {
        meta::unset(object, "finalizers");
    } else {
        meta::set(object, "finalizers", left);
    }
}

/// Stores an updated object, or lets it go when that update took away the last thing that held it.
pub(super) fn put_or_finish(state: &mut State, kind: &'static Kind, object: Value, now: Timestamp) -> Value {
    let released = meta::is_terminating(&object) && !is_held(kind, &object) && kind != &PODS;
    let stored = Value::clone(&state.put(kind, object));
    if released {
        finish(state, kind, meta::namespace(&stored), meta::name(&stored), now);
    }
    stored
}

/// Takes an object out and does what follows from that: dependents, waiting owners, an emptied namespace.
fn finish(
    state: &mut State,
    kind: &'static Kind,
    namespace: &str,
    name: &str,
    now: Timestamp,
) -> Option<Arc<Value>> {
    let last = state.take(kind, namespace, name)?;
    delete_dependents(state, meta::uid(&last), Propagation::Background, now);
    for owner in meta::owners(&last) {
        release_owner(state, namespace, owner, now);
    }
    if !namespace.is_empty() {
        finish_namespace_when_empty(state, namespace, now);
    }
    Some(last)
}

fn dependents(state: &State, uid: &str) -> Vec<(&'static Kind, Arc<Value>)> {
    let owned = |(_, object): &(&'static Kind, &Arc<Value>)| meta::is_owned_by(object, uid);
    state.all().filter(owned).map(|(kind, object)| (kind, object.clone())).collect()
}

fn has_blocking_dependents(state: &State, uid: &str) -> bool {
    dependents(state, uid).iter().any(|(_, object)| blocks(object, uid))
}

fn blocks(object: &Value, uid: &str) -> bool {
    meta::owners(object).iter().any(|owner| {
        owner.get("uid").and_then(Value::as_str) == Some(uid)
            && owner.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true)
    })
}

/// Deletes what one owner owned; an object with another living owner only loses the reference.
fn delete_dependents(state: &mut State, uid: &str, propagation: Propagation, now: Timestamp) {
    for (kind, object) in dependents(state, uid) {
        // An earlier step of this cascade may have taken it.
        let Some(object) = state.get(kind, meta::namespace(&object), meta::name(&object)).cloned() else {
            continue;
        };
        let other_owner =
            meta::owners(&object).iter().any(|owner| is_other_living_owner(state, &object, owner, uid));
        if other_owner {
            disown(state, kind, &object, uid);
        } else if !meta::is_terminating(&object) {
            delete_one(state, kind, &object, &Deletion { propagation, ..Deletion::default() }, now);
        }
    }
}

fn is_other_living_owner(state: &State, object: &Value, owner: &Value, uid: &str) -> bool {
    let other = owner.get("uid").and_then(Value::as_str).unwrap_or_default();
    other != uid && find_owner(state, meta::namespace(object), owner).is_some()
}

fn find_owner<'a>(
    state: &'a State,
    namespace: &str,
    owner: &Value,
) -> Option<(&'static Kind, &'a Arc<Value>)> {
    let kind = by_kind(owner.get("kind")?.as_str()?)?;
    let namespace = if kind.namespaced { namespace } else { "" };
    let found = state.get(kind, namespace, owner.get("name")?.as_str()?)?;
    (meta::uid(found) == owner.get("uid")?.as_str()?).then_some((kind, found))
}

fn orphan_dependents(state: &mut State, uid: &str) {
    for (kind, object) in dependents(state, uid) {
        disown(state, kind, &object, uid);
    }
}

fn disown(state: &mut State, kind: &'static Kind, object: &Value, uid: &str) {
    let mut next = object.clone();
    let left: Vec<Value> = meta::owners(object)
        .iter()
        .filter(|o| o.get("uid").and_then(Value::as_str) != Some(uid))
        .cloned()
        .collect();
    if left.is_empty() {
        meta::unset(&mut next, "ownerReferences");
    } else {
        meta::set(&mut next, "ownerReferences", left);
    }
    state.put(kind, next);
}

/// Lets an owner go that waited for the last of its blocking dependents.
fn release_owner(state: &mut State, namespace: &str, owner: &Value, now: Timestamp) {
    let Some((kind, found)) = find_owner(state, namespace, owner) else { return };
    let waits = meta::is_terminating(found) && meta::finalizers(found).any(|f| f == FOREGROUND);
    if !waits || has_blocking_dependents(state, meta::uid(found)) {
        return;
    }
    let mut next = Value::clone(found);
    drop_finalizer(&mut next, FOREGROUND);
    put_or_finish(state, kind, next, now);
}

fn empty_namespace(state: &mut State, name: &str, now: Timestamp) {
    let content: Vec<_> = state
        .all()
        .filter(|(kind, object)| kind.namespaced && meta::namespace(object) == name)
        .map(|(kind, object)| (kind, object.clone()))
        .collect();
    for (kind, object) in content {
        let Some(object) = state.get(kind, name, meta::name(&object)).cloned() else { continue };
        if !meta::is_terminating(&object) {
            delete_one(state, kind, &object, &Deletion::default(), now);
        }
    }
    finish_namespace_when_empty(state, name, now);
}

fn finish_namespace_when_empty(state: &mut State, name: &str, now: Timestamp) {
    let terminating = state.get(&NAMESPACES, "", name).is_some_and(|object| meta::is_terminating(object));
    if terminating && !state.all().any(|(kind, object)| kind.namespaced && meta::namespace(object) == name) {
        finish(state, &NAMESPACES, "", name, now);
    }
}
