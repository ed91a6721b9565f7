//! Reading and writing single fields of an object as plain JSON, so that no information about the rest is lost.
//!
//! Paths are JSON pointers (RFC 6901): `/spec/template/metadata/annotations/kubewright.io~1restartedAt`.

use serde_json::{Map, Value};

/// The text at `path`, if there is one.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> Option<&'a str> {
    object.pointer(path)?.as_str()
}

/// The number at `path`, if there is one.
pub(super) fn number(object: &Value, path: &str) -> Option<i64> {
    object.pointer(path)?.as_i64()
}

/// The list at `path`; empty where there is none.
pub(super) fn list<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value of an annotation.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// The path of an annotation, below `prefix` (empty, or `/spec/template`).
pub(super) fn annotation_path(prefix: &str, key: &str) -> String {
    format!("{prefix}/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Writes `value` at `path`, making objects on the way where something is missing; `null` removes the field. Elements
/// of lists are only written, never added.
pub(super) fn set(object: &mut Value, path: &str, value: Value) {
    let mut keys: Vec<String> =
        path.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let Some(last) = keys.pop() else { return };
    let Some(parent) = keys.iter().try_fold(object, |at, key| descend(at, key)) else { return };
    match parent {
        Value::Array(items) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                *item = value;
            }
        }
        Value::Object(map) if value.is_null() => {
            map.remove(&last);
        }
        Value::Object(map) => {
            map.insert(last, value);
        }
        _ => {}
    }
}

fn descend<'a>(at: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match at {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        Value::Object(map) => {
            let child = map.entry(key).or_insert(Value::Null);
            if child.is_null() {
                *child = Value::Object(Map::new());
            }
            Some(child)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{annotation, annotation_path, set};

    #[test]
    fn a_field_is_written_through_objects_and_lists_and_null_removes_it() {
        let mut object = json!({ "spec": { "containers": [{ "name": "app", "image": "a:1" }] } });
        set(&mut object, "/spec/containers/0/resources/limits/memory", json!("1Gi"));
        set(&mut object, "/spec/containers/0/image", Value::Null);
        set(&mut object, "/spec/containers/7/image", json!("never"));
        let path = annotation_path("", "kubewright.io/execution");
        set(&mut object, &path, json!("x-1"));
        let expected = json!({
            "metadata": { "annotations": { "kubewright.io/execution": "x-1" } },
            "spec": { "containers": [{ "name": "app", "resources": { "limits": { "memory": "1Gi" } } }] },
        });
        assert_eq!(object, expected);
        assert_eq!(annotation(&object, "kubewright.io/execution"), Some("x-1"));
    }
}
