//! Sets of field paths and their `FieldsV1` form.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::sim::api::schema::{self, ListType};

/// One step of a path as `FieldsV1` writes it: `f:name`, `k:{"name":"web"}` or `v:"value"`.
pub(super) type Step = String;
/// A path from the root of an object.
pub(super) type Path = Vec<Step>;

/// A set of owned paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(pub(super) BTreeSet<Path>);

/// Paths that nobody owns: identity and bookkeeping.
const UNOWNED: &[&[&str]] = &[
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:deletionTimestamp"],
    &["f:metadata", "f:deletionGracePeriodSeconds"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:managedFields"],
];

impl FieldSet {
    /// Every path of an object that can be owned.
    pub(super) fn of(object: &Value) -> Self {
        let mut set = Self::default();
        collect(object, &mut Vec::new(), &mut Vec::new(), &mut set.0);
        set.0.retain(|path| !UNOWNED.iter().any(|prefix| starts_with(path, prefix)));
        set
    }

    /// Reads the `fieldsV1` of an entry.
    pub(super) fn parse(fields: &Value) -> Self {
        let mut set = Self::default();
        if let Some(map) = fields.as_object() {
            parse_into(map, &mut Vec::new(), &mut set.0);
        }
        set
    }

    /// The `fieldsV1` of an entry.
    pub(super) fn to_json(&self) -> Value {
        let mut root = Map::new();
        for path in &self.0 {
            insert(&mut root, path);
        }
        Value::Object(root)
    }

    /// Whether a path, or anything below it, is in the set.
    pub(super) fn covers(&self, path: &[Step]) -> bool {
        self.0.range(path.to_vec()..).next().is_some_and(|found| found.starts_with(path))
    }

    /// Takes a path and everything below it away.
    pub(super) fn drop_below(&mut self, path: &[Step]) {
        self.0.retain(|found| !found.starts_with(path));
    }
}

fn starts_with(path: &[Step], prefix: &[&str]) -> bool {
    path.len() >= prefix.len() && path.iter().zip(prefix).all(|(step, wanted)| step == wanted)
}

fn collect<'a>(value: &'a Value, names: &mut Vec<&'a str>, path: &mut Path, out: &mut BTreeSet<Path>) {
    match value {
        Value::Object(map) if !map.is_empty() && !schema::is_atomic_map(names) => {
            for (key, child) in map {
                names.push(key);
                path.push(format!("f:{key}"));
                collect(child, names, path, out);
                path.pop();
                names.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => collect_list(items, names, path, out),
        _ => {
            out.insert(path.clone());
        }
    }
}

fn collect_list<'a>(items: &'a [Value], names: &mut Vec<&'a str>, path: &mut Path, out: &mut BTreeSet<Path>) {
    let list_type = schema::list_type(names);
    if list_type == ListType::Atomic {
        out.insert(path.clone());
        return;
    }
    for item in items {
        let Some(step) = item_step(list_type, item) else { continue };
        path.push(step);
        out.insert(path.clone());
        if list_type != ListType::Set {
            collect(item, names, path, out);
        }
        path.pop();
    }
}

/// The step that leads to a list item; none when a key field is missing.
pub(super) fn item_step(list_type: ListType, item: &Value) -> Option<Step> {
    match list_type {
        ListType::Atomic => None,
        ListType::Set => Some(format!("v:{item}")),
        ListType::Keyed(keys) => {
            let mut map = Map::new();
            for key in keys {
                let value = item.get(*key).cloned().or_else(|| schema::key_default(key).map(Value::from))?;
                map.insert((*key).to_owned(), value);
            }
            Some(format!("k:{}", Value::Object(map)))
        }
    }
}

fn parse_into(map: &Map<String, Value>, path: &mut Path, out: &mut BTreeSet<Path>) {
    for (step, child) in map {
        if step == "." {
            out.insert(path.clone());
            continue;
        }
        path.push(normal(step));
        match child.as_object() {
            Some(inner) if !inner.is_empty() => parse_into(inner, path, out),
            _ => {
                out.insert(path.clone());
            }
        }
        path.pop();
    }
}

/// Keys in the one spelling that this server compares by.
fn normal(step: &str) -> Step {
    let Some(json) = step.strip_prefix("k:") else { return step.to_owned() };
    serde_json::from_str::<Value>(json).map_or_else(|_| step.to_owned(), |value| format!("k:{value}"))
}

fn insert(map: &mut Map<String, Value>, path: &[Step]) {
    let Some((first, rest)) = path.split_first() else {
        map.insert(".".to_owned(), json!({}));
        return;
    };
    let Value::Object(child) = map.entry(first.clone()).or_insert_with(|| json!({})) else { return };
    // A member of the set that has members below it says so with a dot; shorter paths come first.
    if !rest.is_empty() {
        insert(child, rest);
    }
}

/// Puts the dots in: members with members below them.
pub(super) fn with_dots(set: &FieldSet) -> Value {
    let mut json = set.to_json();
    for path in &set.0 {
        let has_children = set.0.range(path.clone()..).nth(1).is_some_and(|next| next.starts_with(path));
        if has_children {
            let node = path.iter().try_fold(&mut json, |node, step| node.get_mut(step));
            if let Some(Value::Object(map)) = node {
                map.insert(".".to_owned(), json!({}));
            }
        }
    }
    json
}

/// The value at a path.
pub(super) fn find<'a>(object: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, step| match step.split_at_checked(2)? {
        ("f:", name) => value.get(name),
        ("k:", key) => {
            let key: Value = serde_json::from_str(key).ok()?;
            value.as_array()?.iter().find(|item| has_key(item, &key))
        }
        ("v:", text) => {
            let wanted: Value = serde_json::from_str(text).ok()?;
            value.as_array()?.iter().find(|item| **item == wanted)
        }
        _ => None,
    })
}

/// Takes the value at a path away.
pub(super) fn remove(object: &mut Value, path: &[Step]) {
    let Some((last, above)) = path.split_last() else { return };
    let parent = above.iter().try_fold(object, |value, step| match step.split_at_checked(2)? {
        ("f:", name) => value.get_mut(name),
        ("k:", key) => {
            let key: Value = serde_json::from_str(key).ok()?;
            value.as_array_mut()?.iter_mut().find(|item| has_key(item, &key))
        }
        _ => None,
    });
    match (parent, last.split_at_checked(2)) {
        (Some(Value::Object(map)), Some(("f:", name))) => {
            map.remove(name);
        }
        (Some(Value::Array(items)), Some(("k:", key))) => {
            if let Ok(key) = serde_json::from_str::<Value>(key) {
                items.retain(|item| !has_key(item, &key));
            }
        }
        (Some(Value::Array(items)), Some(("v:", text))) => {
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                items.retain(|item| *item != value);
            }
        }
        _ => {}
    }
}

fn has_key(item: &Value, key: &Value) -> bool {
    key.as_object().is_some_and(|key| {
        key.iter().all(|(name, wanted)| match item.get(name) {
            Some(value) => value == wanted,
            None => schema::key_default(name).is_some_and(|default| wanted == default),
        })
    })
}

/// A path the way messages print it: `.spec.containers[name="web"].image`.
pub(super) fn display(path: &[Step]) -> String {
    path.iter()
        .map(|step| match step.split_at_checked(2) {
            Some(("f:", name)) => format!(".{name}"),
            Some(("k:", key)) => format!("[{}]", key_text(key)),
            Some(("v:", value)) => format!("[={value}]"),
            _ => String::new(),
        })
        .collect()
}

fn key_text(key: &str) -> String {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(key) else { return key.to_owned() };
    map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_its_fields_v1_form_name_the_same_paths() {
        let object = json!({
            "metadata": {"name": "x", "labels": {"app": "web"}},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "containers": [
                {"name": "web", "args": ["a"], "ports": [{"containerPort": 80}]},
            ]},
        });
        let set = FieldSet::of(&object);
        let fields = json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:selector": {}, "f:containers": {"k:{\"name\":\"web\"}": {
                ".": {}, "f:name": {}, "f:args": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }}},
        });
        assert_eq!(with_dots(&set), fields);
        assert_eq!(FieldSet::parse(&fields), set);
    }

    #[test]
    fn paths_lead_to_values_through_keyed_lists() {
        let mut object =
            json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}});
        let path: Path =
            ["f:spec", "f:containers", "k:{\"name\":\"b\"}", "f:image"].map(str::to_owned).to_vec();
        assert_eq!(find(&object, &path), Some(&json!("2")));
        assert_eq!(display(&path), ".spec.containers[name=\"b\"].image");
        remove(&mut object, &path[..3]);
        assert_eq!(object, json!({"spec": {"containers": [{"name": "a", "image": "1"}]}}));
    }
}
