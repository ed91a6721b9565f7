//! What an ordinary write (create, update, any patch but apply) does to ownership.

use serde_json::Value;

use super::entries::{self, Entry};
use super::fields::{self, FieldSet};

/// Gives the fields that changed between two states to the writer and takes them from everybody else.
///
/// `writer.fields` is ignored. A write that carries its own `managedFields` has them taken as the state before.
pub(crate) fn record_update(current: Option<&Value>, next: &mut Value, writer: &Entry) {
    let mut entries = entries::read(next);
    if entries.is_empty() && !clears_ownership(next) {
        entries = current.map(entries::read).unwrap_or_default();
    }
    let before = current.map(FieldSet::of).unwrap_or_default();
    let after = FieldSet::of(next);
    let changed: Vec<_> = after
        .0
        .iter()
        .filter(|path| differs(current, next, path) && is_in_scope(path, writer))
        .cloned()
        .collect();
    for entry in &mut entries {
        entry.fields.0.retain(|path| after.covers(path) || !before.covers(path));
        if !entry.is_same_manager(writer) {
            entry.fields.0.retain(|path| !changed.contains(path));
        }
    }
    if !changed.is_empty() {
        give(&mut entries, writer, changed);
    }
    entries::write(next, entries);
}

/// An explicit empty list resets ownership.
fn clears_ownership(next: &Value) -> bool {
    next.pointer("/metadata/managedFields").is_some_and(Value::is_array)
}

fn differs(current: Option<&Value>, next: &Value, path: &[String]) -> bool {
    let Some(current) = current else { return true };
    match (fields::find(current, path), fields::find(next, path)) {
        // Items of keyed lists: only their coming and going counts, their fields have paths of their own.
        (Some(before), Some(after)) if before.is_object() && after.is_object() && is_item(path) => false,
        (before, after) => before != after,
    }
}

fn is_item(path: &[String]) -> bool {
    path.last().is_some_and(|step| step.starts_with("k:"))
}

/// The status belongs to writes through the status subresource, everything else to the others.
fn is_in_scope(path: &[String], writer: &Entry) -> bool {
    let in_status = path.first().is_some_and(|step| step == "f:status");
    in_status == (writer.subresource == "status")
}

fn give(entries: &mut Vec<Entry>, writer: &Entry, changed: Vec<fields::Path>) {
    if let Some(own) = entries.iter_mut().find(|entry| entry.is_same_manager(writer)) {
        own.fields.0.extend(changed);
        own.time.clone_from(&writer.time);
        return;
    }
    entries.push(Entry { fields: FieldSet(changed.into_iter().collect()), ..writer.clone() });
}
