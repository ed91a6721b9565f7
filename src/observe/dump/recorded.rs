//! The parts of a dump beside the objects: each file by itself, each entry by itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::Recorded;
use super::super::cluster::LAST_APPLIED;
use super::super::recorded::Manifest;

/// Most entries that are taken from one file.
const ENTRIES: usize = 20_000;

/// `dump-info.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Info {
    /// When the dump was collected, as it was written.
    pub(super) collected_at: Option<String>,
    /// The namespaces that were collected in full.
    pub(super) namespaces: Vec<String>,
}

/// Takes in a part; returns how many of its entries could not be read, or why none could.
pub(super) fn part(name: &'static str, text: &str, recorded: &mut Recorded) -> Result<usize, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("it is no JSON from line {}, column {} on", error.line(), error.column()))?;
    let skipped = match name {
        "connectivity" => list(value, &mut recorded.connectivity)?,
        "dependencies" => map(value, &mut recorded.dependencies)?,
        "log-errors" => map(value, &mut recorded.log_errors)?,
        "log-summaries" => map(value, &mut recorded.log_summaries)?,
        "manifests" => {
            let skipped = list(value, &mut recorded.manifests)?;
            recorded.manifests.iter_mut().for_each(without_values);
            skipped
        }
        "node-details" => map(value, &mut recorded.node_details)?,
        "node-services" => node_services(value, recorded)?,
        // What it says, nodes.json says too.
        _ => return Ok(0),
    };
    recorded.asked.insert(name.to_owned());
    Ok(skipped)
}

fn list<T: DeserializeOwned>(value: Value, place: &mut Vec<T>) -> Result<usize, String> {
    let Value::Array(entries) = value else { return Err("it is no list".to_owned()) };
    let count = entries.len();
    let read: Vec<T> =
        entries.into_iter().take(ENTRIES).filter_map(|entry| T::deserialize(entry).ok()).collect();
    let skipped = count - read.len();
    place.extend(read);
    Ok(skipped)
}

fn map<T: DeserializeOwned>(value: Value, place: &mut BTreeMap<String, T>) -> Result<usize, String> {
    let Value::Object(entries) = value else { return Err("it is no object".to_owned()) };
    let count = entries.len();
    let read: Vec<(String, T)> = entries
        .into_iter()
        .take(ENTRIES)
        .filter_map(|(name, entry)| Some((name, T::deserialize(entry).ok()?)))
        .collect();
    let skipped = count - read.len();
    place.extend(read);
    Ok(skipped)
}

fn node_services(value: Value, recorded: &mut Recorded) -> Result<usize, String> {
    let mut nodes: BTreeMap<String, Value> = BTreeMap::new();
    let mut skipped = map(value, &mut nodes)?;
    for (node, services) in nodes {
        let place = recorded.node_services.entry(node).or_default();
        skipped += map(services, place).unwrap_or(1);
    }
    Ok(skipped)
}

/// Drops the values of a Secret, and of what carries one as a string.
fn without_values(manifest: &mut Manifest) {
    let Some(object) = manifest.manifest.as_object_mut() else { return };
    if let Some(Value::Object(annotations)) =
        object.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"))
    {
        annotations.remove(LAST_APPLIED);
    }
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind != "Secret" && kind != "ConfigMap" {
        return;
    }
    for field in ["data", "stringData", "binaryData"] {
        for value in
            object.get_mut(field).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
        {
            *value = Value::Null;
        }
    }
}
