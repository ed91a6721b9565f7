//! Strategic merge patches: maps merge, well-known lists merge by key, directives delete, replace and reorder.

use serde_json::{Map, Value};

use crate::sim::api::schema::{self, MergeStrategy};
use crate::sim::objects::ApiError;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Lays the patch over the object.
pub(super) fn apply(object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let Value::Object(patch) = patch else {
        return Err(ApiError::bad_request("a strategic merge patch must be an object"));
    };
    merge_value(object, patch, &mut Vec::new())
}

fn merge_value<'a>(
    target: &mut Value,
    patch: &'a Map<String, Value>,
    names: &mut Vec<&'a str>,
) -> Result<(), ApiError> {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    match target {
        Value::Object(map) => merge_map(map, patch, names),
        _ => Ok(()),
    }
}

fn merge_map<'a>(
    map: &mut Map<String, Value>,
    patch: &'a Map<String, Value>,
    names: &mut Vec<&'a str>,
) -> Result<(), ApiError> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            map.clear();
            map.extend(
                patch.iter().filter(|(key, _)| !key.starts_with('$')).map(|(k, v)| (k.clone(), v.clone())),
            );
            return Ok(());
        }
        Some("delete") => {
            map.clear();
            return Ok(());
        }
        Some(other) => return Err(ApiError::bad_request(format!("Unknown patch type found: {other}"))),
    }
    retain_keys(map, patch);
    for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        names.push(key);
        merge_field(map, key, value, names)?;
        names.pop();
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix(DELETE_VALUES) {
            delete_values(map, list, value);
        } else if let Some(list) = key.strip_prefix(ORDER) {
            names.push(list);
            reorder(map, list, value, schema::merge_strategy(names));
            names.pop();
        }
    }
    Ok(())
}

fn merge_field<'a>(
    map: &mut Map<String, Value>,
    key: &str,
    value: &'a Value,
    names: &mut Vec<&'a str>,
) -> Result<(), ApiError> {
    match value {
        Value::Null => {
            map.remove(key);
        }
        Value::Object(patch) => {
            if patch.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
                map.remove(key);
                return Ok(());
            }
            merge_value(map.entry(key.to_owned()).or_insert(Value::Null), patch, names)?;
        }
        Value::Array(items) => merge_list(map, key, items, names)?,
        scalar => {
            map.insert(key.to_owned(), scalar.clone());
        }
    }
    Ok(())
}

fn merge_list<'a>(
    map: &mut Map<String, Value>,
    key: &str,
    items: &'a [Value],
    names: &mut Vec<&'a str>,
) -> Result<(), ApiError> {
    let is_replaced = items.iter().any(|item| item.get(DIRECTIVE).and_then(Value::as_str) == Some("replace"));
    let existing = match map.get_mut(key) {
        Some(Value::Array(existing)) if !is_replaced => existing,
        _ => {
            map.insert(key.to_owned(), Value::Array(Vec::new()));
            match map.get_mut(key) {
                Some(Value::Array(fresh)) => fresh,
                _ => return Ok(()),
            }
        }
    };
    match schema::merge_strategy(names) {
        MergeStrategy::ByKey(merge_key) => merge_keyed(existing, items, merge_key, names),
        MergeStrategy::Values => {
            let added: Vec<Value> = items.iter().filter(|item| !existing.contains(item)).cloned().collect();
            existing.extend(added);
            Ok(())
        }
        MergeStrategy::Replace => {
            existing.clear();
            existing.extend(items.iter().filter(|item| item.get(DIRECTIVE).is_none()).cloned());
            Ok(())
        }
    }
}

fn merge_keyed<'a>(
    existing: &mut Vec<Value>,
    items: &'a [Value],
    merge_key: &str,
    names: &mut Vec<&'a str>,
) -> Result<(), ApiError> {
    for item in items {
        let Value::Object(patch) = item else {
            return Err(ApiError::bad_request(format!("expected an object with the merge key {merge_key}")));
        };
        let directive = patch.get(DIRECTIVE).and_then(Value::as_str);
        if directive == Some("replace") && !patch.contains_key(merge_key) {
            continue;
        }
        let key = patch.get(merge_key).ok_or_else(|| {
            ApiError::bad_request(format!("map: {item} does not contain declared merge key: {merge_key}"))
        })?;
        let found = existing.iter().position(|candidate| candidate.get(merge_key) == Some(key));
        match (directive, found.and_then(|at| existing.get_mut(at))) {
            (Some("delete"), _) => existing.retain(|candidate| candidate.get(merge_key) != Some(key)),
            (_, Some(target)) => merge_value(target, patch, names)?,
            (_, None) => {
                let mut fresh = Value::Null;
                merge_value(&mut fresh, patch, names)?;
                existing.push(fresh);
            }
        }
    }
    Ok(())
}

/// Keeps only the listed keys, so that one variant of a union can replace another.
fn retain_keys(map: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(keys) = patch.get(RETAIN_KEYS).and_then(Value::as_array) {
        map.retain(|key, _| keys.iter().any(|kept| kept.as_str() == Some(key)));
    }
}

fn delete_values(map: &mut Map<String, Value>, list: &str, values: &Value) {
    if let (Some(Value::Array(existing)), Some(values)) = (map.get_mut(list), values.as_array()) {
        existing.retain(|value| !values.contains(value));
    }
}

/// Puts a list in the order that the patch names; items it does not name keep their place at the end.
fn reorder(map: &mut Map<String, Value>, list: &str, order: &Value, strategy: MergeStrategy) {
    let (Some(Value::Array(existing)), Some(order)) = (map.get_mut(list), order.as_array()) else { return };
    let place = |item: &Value| {
        order.iter().position(|wanted| match strategy {
            MergeStrategy::ByKey(key) => wanted.get(key).is_some() && wanted.get(key) == item.get(key),
            _ => wanted == item,
        })
    };
    existing.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "fixtures are built in place")]

    use super::*;
    use serde_json::json;

    fn pod() -> Value {
        json!({"spec": {
            "containers": [
                {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                 "ports": [{"containerPort": 80, "name": "http"}], "args": ["x"]},
                {"name": "side", "image": "side:1"},
            ],
            "tolerations": [{"key": "a"}],
            "volumes": [{"name": "data", "emptyDir": {}}],
        }})
    }

    fn patched(patch: Value) -> Value {
        let mut object = pod();
        apply(&mut object, &patch).unwrap();
        object
    }

    #[test]
    fn containers_and_their_environment_merge_by_name() {
        let next = patched(json!({"spec": {"containers": [
            {"name": "web", "image": "web:2", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]},
        ]}}));
        let mut expected = pod();
        expected["spec"]["containers"][0]["image"] = json!("web:2");
        expected["spec"]["containers"][0]["env"] =
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]);
        assert_eq!(next, expected);
    }

    #[test]
    fn directives_delete_replace_and_reorder() {
        let next = patched(json!({"spec": {
            "$setElementOrder/containers": [{"name": "side"}, {"name": "web"}],
            "containers": [{"name": "web", "env": [{"name": "A", "$patch": "delete"}], "args": ["y", "z"]}],
            "tolerations": [{"key": "b"}],
            "volumes": [{"name": "data", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}],
        }}));
        assert_eq!(
            next,
            json!({"spec": {
                "containers": [
                    {"name": "side", "image": "side:1"},
                    {"name": "web", "image": "web:1", "env": [{"name": "B", "value": "2"}],
                     "ports": [{"containerPort": 80, "name": "http"}], "args": ["y", "z"]},
                ],
                "tolerations": [{"key": "b"}],
                "volumes": [{"name": "data", "hostPath": {"path": "/x"}}],
            }})
        );
        let replaced = patched(json!({"spec": {"$patch": "replace", "nodeName": "n"}}));
        assert_eq!(replaced, json!({"spec": {"nodeName": "n"}}));
        let list = patched(json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "only"}]}}));
        assert_eq!(list["spec"]["containers"], json!([{"name": "only"}]));
    }

    #[test]
    fn values_are_added_to_and_deleted_from_primitive_lists() {
        let mut object = json!({"metadata": {"finalizers": ["a", "b"]}});
        let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}});
        apply(&mut object, &patch).unwrap();
        assert_eq!(object, json!({"metadata": {"finalizers": ["b", "c"]}}));
    }

    #[test]
    fn null_takes_away_and_nonsense_is_refused() {
        assert_eq!(patched(json!({"spec": null})), json!({}));
        for garbage in [
            json!([1]),
            json!({"spec": {"containers": [{"image": "x"}]}}),
            json!({"spec": {"containers": ["x"]}}),
            json!({"spec": {"$patch": "explode"}}),
        ] {
            assert_eq!(apply(&mut pod(), &garbage).map_err(|e| e.code), Err(400), "{garbage}");
        }
    }
}
