//! What of an object is otherwise than it was last applied: somebody edited, patched or scaled it since.
//!
//! `kubectl apply` keeps the manifest in an annotation of the object. A manifest may hold secrets and is dropped with what nobody
//! reads; in its place stands an annotation that names the fields that differ. Values are told where they cannot be secrets.
//! Only what the manifest states is compared: what the API server fills in is in none.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::incident::Quantity;

/// The annotation of kubectl.
pub(in super::super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The annotation in its place: JSON, a list of [`AppliedChange`].
pub(in super::super) const CHANGED: &str = "kubewright.io/changed-since-applied";

/// Longest value that is told, bytes; longer ones are not.
const MAX_VALUE: usize = 80;

/// Longest list that is kept, bytes.
const MAX_LIST: usize = 900;

/// Parts of paths whose values may be secrets, or are long.
const UNTOLD: [&str; 4] = [".env[", ".args", ".command", ".annotations"];

/// A field that is otherwise than it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedChange {
    /// Its path: `spec.selector.app`, `spec.template.spec.containers[app].image`; `data.KEY` of a ConfigMap.
    pub field: String,
    /// What was applied, where it is a short value that cannot be a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// What it is now; none where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

impl AppliedChange {
    /// A field without its values.
    pub(super) fn of(field: String) -> Self {
        Self { field, applied: None, now: None }
    }
}

/// What was changed since an object was applied, as far as it was kept: the first few fields.
#[must_use]
pub fn changed_since_applied(metadata: &ObjectMeta) -> Vec<AppliedChange> {
    let kept = metadata.annotations.as_ref().and_then(|annotations| annotations.get(CHANGED));
    kept.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

/// Puts what was changed since in the place of the manifest.
pub(super) fn note<K: Resource + Serialize + DeserializeOwned>(object: &mut K) {
    let Some(manifest) = manifest(object.meta()) else { return };
    // Read as an object of the kind, so that both sides have the same fields and none that is unknown here.
    let applied =
        serde_json::from_str::<K>(manifest).ok().and_then(|applied| serde_json::to_value(applied).ok());
    let live = serde_json::to_value(&*object).ok();
    let changes = match (applied, live) {
        (Some(Value::Object(applied)), Some(Value::Object(live))) => differences(&applied, &live),
        _ => Vec::new(),
    };
    keep(object.meta_mut(), changes);
}

/// The manifest that was last applied.
pub(super) fn manifest(metadata: &ObjectMeta) -> Option<&str> {
    metadata.annotations.as_ref()?.get(LAST_APPLIED).map(String::as_str)
}

/// Writes the annotation, and drops the manifest.
pub(super) fn keep(metadata: &mut ObjectMeta, mut changes: Vec<AppliedChange>) {
    let Some(annotations) = &mut metadata.annotations else { return };
    annotations.remove(LAST_APPLIED);
    while !changes.is_empty() {
        match serde_json::to_string(&changes) {
            Ok(list) if list.len() <= MAX_LIST => {
                annotations.insert(CHANGED.to_owned(), list);
                return;
            }
            _ => changes.truncate(changes.len() / 2),
        }
    }
}

fn differences(applied: &Map<String, Value>, live: &Map<String, Value>) -> Vec<AppliedChange> {
    let mut found = Vec::new();
    for (key, value) in applied {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => {
                for part in ["labels", "annotations"] {
                    let place = format!("metadata.{part}");
                    match (value.get(part), live.get(key).and_then(|metadata| metadata.get(part))) {
                        (None, _) => {}
                        (Some(applied), Some(live)) => compare(&place, applied, live, &mut found),
                        (Some(applied), None) => {
                            compare(&place, applied, &Value::Object(Map::new()), &mut found);
                        }
                    }
                }
            }
            _ => compare_field(key, value, live.get(key), &mut found),
        }
    }
    found
}

fn compare(path: &str, applied: &Value, live: &Value, found: &mut Vec<AppliedChange>) {
    match (applied, live) {
        (Value::Object(applied), Value::Object(live)) => {
            for (key, value) in applied.iter().filter(|(key, _)| *key != LAST_APPLIED) {
                compare_field(&format!("{path}.{key}"), value, live.get(key), found);
            }
        }
        (Value::Array(applied), Value::Array(live)) => compare_lists(path, applied, live, found),
        _ if same(path, applied, live) => {}
        _ => found.push(change(path, Some(applied), Some(live))),
    }
}

fn compare_field(path: &str, applied: &Value, live: Option<&Value>, found: &mut Vec<AppliedChange>) {
    match live {
        Some(live) => compare(path, applied, live, found),
        None if is_nothing(applied) => {}
        None => found.push(change(path, Some(applied), None)),
    }
}

/// Lists of named things by their names, others place by place.
fn compare_lists(path: &str, applied: &[Value], live: &[Value], found: &mut Vec<AppliedChange>) {
    if let (Some(applied), Some(live)) = (by_name(applied), by_name(live)) {
        for (name, value) in &applied {
            compare_field(&format!("{path}[{name}]"), value, live.get(name).copied(), found);
        }
        let more = live.iter().filter(|(name, _)| !applied.contains_key(*name));
        found.extend(more.map(|(name, value)| change(&format!("{path}[{name}]"), None, Some(value))));
    } else if applied.len() == live.len() {
        for (place, (applied, live)) in applied.iter().zip(live).enumerate() {
            compare(&format!("{path}[{place}]"), applied, live, found);
        }
    } else {
        found.push(AppliedChange::of(path.to_owned()));
    }
}

fn by_name(list: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    list.iter().map(|item| Some((item.get("name")?.as_str()?, item))).collect()
}

/// Whether two values mean the same: amounts are kept as the API server writes them.
fn same(path: &str, applied: &Value, live: &Value) -> bool {
    let (Some(before), Some(now)) = (text(applied), text(live)) else { return applied == live };
    let amount = |text: &str| Quantity::parse(text);
    before == now || !path.contains(".env[") && amount(&before).is_some() && amount(&before) == amount(&now)
}

/// What the API server drops.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(told) => !told,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
    }
}

fn change(path: &str, applied: Option<&Value>, live: Option<&Value>) -> AppliedChange {
    let told = !UNTOLD.iter().any(|part| path.contains(part));
    let value =
        |value: Option<&Value>| value.filter(|_| told).and_then(text).filter(|text| text.len() <= MAX_VALUE);
    AppliedChange { field: path.to_owned(), applied: value(applied), now: value(live) }
}

/// A single value as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "applied_tests.rs"]
mod tests;
