//! From a [`Snapshot`] to a dump folder that [`read_dump`](super::read_dump) and other programs read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::cluster::CHANGED;
use super::super::config_address;
use super::super::{KeyedObject, LogExcerpt, Recorded, Snapshot};
use super::notes::{self, Notes};
use super::objects::each_list;
use crate::incident::{Signal, SignalState};

/// What stands where a value was.
const REDACTED: &str = "REDACTED";

/// Writes a Snapshot as a dump: objects as kubectl lists them, `logs/`, `dump-info.json` and what else is known. A resource
/// that was asked for and has no objects gets an empty list; one that was not asked for gets no file. ConfigMaps and Secrets
/// have their keys only, a ConfigMap also the addresses in its values. Blocks: it writes files.
///
/// # Errors
/// When the folder cannot be written, or holds something already.
pub fn write_dump(snapshot: &Snapshot, folder: &Path) -> io::Result<()> {
    may_be_written(folder)?;
    fs::create_dir_all(folder)?;
    let recorded = &snapshot.recorded;
    let info = json!({
        "collectedAt": snapshot.taken_at.to_string(),
        "namespaces": recorded.namespaces,
        "format": "cluster-dump/1",
    });
    write(folder, "dump-info.json", &info)?;
    each_list(&snapshot.objects, |plural, items| list(folder, plural, items, recorded))?;
    keyed(folder, "ConfigMap", "configmaps", &snapshot.objects.config_maps, recorded)?;
    keyed(folder, "Secret", "secrets", &snapshot.objects.secrets, recorded)?;
    if !snapshot.objects.others.is_empty() {
        let items = snapshot.objects.others.iter().cloned().map(Ok).collect();
        list(folder, "others", items, recorded)?;
    }
    parts(folder, snapshot)?;
    snapshot.logs.iter().try_for_each(|log| log_file(folder, log))?;
    write(folder, notes::FILE, &Notes::of(snapshot))
}

/// Whether [`write_dump`] would take that folder: it is not there yet, or empty. Makes nothing.
///
/// # Errors
/// When it holds something, is no folder, or cannot be looked into.
pub fn may_be_written(folder: &Path) -> io::Result<()> {
    let told = |why: &str| format!("{} {why}; name a new folder", folder.display());
    match fs::read_dir(folder).map(|mut within| within.next().is_some()) {
        Ok(true) => Err(io::Error::new(io::ErrorKind::AlreadyExists, told("is not empty"))),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), told(&format!("cannot be used ({error})")))),
    }
}

fn write(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create_new(folder.join(name))?);
    serde_json::to_writer(&mut file, value)?;
    file.write_all(b"\n")?;
    file.flush()
}

fn list(
    folder: &Path,
    plural: &str,
    items: Vec<serde_json::Result<Value>>,
    recorded: &Recorded,
) -> io::Result<()> {
    if items.is_empty() && !recorded.knows(plural) {
        return Ok(());
    }
    let items = items.into_iter().collect::<serde_json::Result<Vec<Value>>>()?;
    write(folder, &format!("{plural}.json"), &json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

/// The keys, each with a word in place of its value, or with the addresses that are known of it.
fn keyed(
    folder: &Path,
    kind: &str,
    plural: &str,
    objects: &[KeyedObject],
    recorded: &Recorded,
) -> io::Result<()> {
    let item = |object: &KeyedObject| {
        let mut metadata = Map::new();
        metadata.insert("namespace".to_owned(), Value::from(object.namespace.as_str()));
        metadata.insert("name".to_owned(), Value::from(object.name.as_str()));
        if let Some(version) = object.version {
            metadata.insert("resourceVersion".to_owned(), Value::from(version.to_string()));
        }
        if let Some(created) = object.created_at {
            metadata.insert("creationTimestamp".to_owned(), Value::from(created.to_string()));
        }
        if let Some(changed) = object.changed_at {
            metadata.insert("managedFields".to_owned(), json!([{"time": changed.to_string()}]));
        }
        if !object.changed_keys.is_empty() {
            let fields = object.changed_keys.iter().map(|key| json!({"field": format!("data.{key}")}));
            let list = Value::Array(fields.collect()).to_string();
            metadata.insert("annotations".to_owned(), json!({ CHANGED: list }));
        }
        let data: Map<String, Value> =
            object.keys.iter().map(|key| (key.clone(), Value::from(value(object, key)))).collect();
        Ok(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data}))
    };
    list(folder, plural, objects.iter().map(item).collect(), recorded)
}

fn value(object: &KeyedObject, key: &str) -> String {
    let told: Vec<_> = object.addresses.iter().filter(|told| told.key == key).collect();
    if told.is_empty() { REDACTED.to_owned() } else { config_address::written(&told) }
}

fn parts(folder: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let recorded = &snapshot.recorded;
    part(folder, "connectivity", recorded, &recorded.connectivity, recorded.connectivity.is_empty())?;
    part(folder, "dependencies", recorded, &recorded.dependencies, recorded.dependencies.is_empty())?;
    part(folder, "log-errors", recorded, &recorded.log_errors, recorded.log_errors.is_empty())?;
    part(folder, "log-summaries", recorded, &recorded.log_summaries, recorded.log_summaries.is_empty())?;
    part(folder, "manifests", recorded, &recorded.manifests, recorded.manifests.is_empty())?;
    part(folder, "node-details", recorded, &recorded.node_details, recorded.node_details.is_empty())?;
    part(folder, "node-services", recorded, &recorded.node_services, recorded.node_services.is_empty())?;
    let alerts: Vec<Value> = snapshot.signals.iter().map(|signal| alert(signal, recorded)).collect();
    part(folder, "alerts", recorded, &alerts, alerts.is_empty())
}

fn part(
    folder: &Path,
    name: &str,
    recorded: &Recorded,
    value: &impl Serialize,
    empty: bool,
) -> io::Result<()> {
    if empty && !recorded.knows(name) {
        return Ok(());
    }
    write(folder, &format!("{name}.json"), value)
}

/// A Signal as Alertmanager would list it.
fn alert(signal: &Signal, recorded: &Recorded) -> Value {
    let mut labels = signal.labels.clone();
    labels.entry("alertname".to_owned()).or_insert_with(|| signal.name.clone());
    labels.entry("severity".to_owned()).or_insert_with(|| signal.severity.as_str().to_owned());
    let mut annotations = signal.annotations.clone();
    if !annotations.values().any(|said| *said == signal.summary) && signal.summary != signal.name {
        annotations.insert("summary".to_owned(), signal.summary.clone());
    }
    let state = if signal.state == SignalState::Firing { "active" } else { "resolved" };
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": signal.starts_at.to_string(),
        "endsAt": signal.ends_at.map(|at| at.to_string()),
        "status": {"state": state},
        "fingerprint": signal.fingerprint,
        "generatorURL": signal.generator_url,
        "values": recorded.alert_values.get(&signal.fingerprint.0).map(Vec::as_slice).unwrap_or_default(),
    })
}

fn log_file(folder: &Path, log: &LogExcerpt) -> io::Result<()> {
    let [namespace, pod, container] = [&log.namespace, &log.pod, &log.container];
    if ![namespace, pod, container].into_iter().all(|name| is_plain(name)) {
        return Ok(());
    }
    let folder: PathBuf = folder.join("logs").join(namespace).join(pod);
    fs::create_dir_all(&folder)?;
    let previous = if log.previous { ".previous" } else { "" };
    fs::write(folder.join(format!("{container}{previous}.log")), &log.text)
}

/// Whether a name can be a file's: it comes from a cluster.
fn is_plain(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_');
    !name.is_empty() && !name.starts_with('.') && name.len() <= 253 && name.chars().all(allowed)
}
