//! The entries of `metadata.managedFields`.

use serde_json::{Value, json};

use super::fields::{self, FieldSet};
use crate::sim::objects::meta;

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// One manager's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Name of the manager.
    pub manager: String,
    /// How it writes.
    pub operation: Operation,
    /// The version it wrote in.
    pub api_version: String,
    /// The subresource it wrote through, empty for the object itself.
    pub subresource: String,
    /// When it last changed its set, as text.
    pub time: String,
    /// What it owns.
    pub fields: FieldSet,
}

impl Entry {
    /// Whether two entries are the same manager's.
    pub(crate) fn is_same_manager(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.api_version == other.api_version
            && self.subresource == other.subresource
    }

    /// The manager as conflict messages name it.
    pub(crate) fn described(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// Reads the entries of an object; malformed ones are left out.
pub(super) fn read(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(parse).collect()
}

fn parse(entry: &Value) -> Option<Entry> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let operation = match entry.get("operation")?.as_str()? {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    Some(Entry {
        manager: text("manager"),
        operation,
        api_version: text("apiVersion"),
        subresource: text("subresource"),
        time: text("time"),
        fields: FieldSet::parse(entry.get("fieldsV1")?),
    })
}

/// Writes the entries into an object, leaving out those that own nothing.
pub(super) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.0.is_empty());
    // Appliers first, then by age, as the API server sorts them.
    entries.sort_by(|a, b| {
        let rank = |e: &Entry| (e.operation == Operation::Update, e.time.clone(), e.manager.clone());
        rank(a).cmp(&rank(b))
    });
    if entries.is_empty() {
        meta::unset(object, "managedFields");
    } else {
        meta::set(object, "managedFields", entries.iter().map(to_json).collect::<Vec<_>>());
    }
}

fn to_json(entry: &Entry) -> Value {
    let operation = match entry.operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    let mut json = json!({
        "manager": entry.manager, "operation": operation, "apiVersion": entry.api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields::with_dots(&entry.fields),
    });
    let map = meta::as_map(&mut json);
    for (key, value) in [("time", &entry.time), ("subresource", &entry.subresource)] {
        if !value.is_empty() {
            map.insert(key.to_owned(), value.clone().into());
        }
    }
    json
}
