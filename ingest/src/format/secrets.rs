//! Takes the values out of Secrets before anything else sees them.

use serde_json::{Map, Value};

/// What stands where a value was.
pub(super) const HIDDEN: &str = "(hidden)";

/// What of a Secret is kept beside its hidden values; anything else could carry them.
const KEPT: [&str; 7] = ["apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"];

/// Hides the values of every Secret in `value`, however deep it stands. Says whether there was one.
pub(super) fn hide(value: &mut Value) -> bool {
    match value {
        Value::Object(object) => {
            if object.get("kind").and_then(Value::as_str) == Some("Secret") {
                hide_values(object);
                return true;
            }
            object.values_mut().fold(false, |found, value| hide(value) | found)
        }
        Value::Array(values) => values.iter_mut().fold(false, |found, value| hide(value) | found),
        _ => false,
    }
}

fn hide_values(secret: &mut Map<String, Value>) {
    secret.retain(|key, _| KEPT.contains(&key.as_str()));
    for field in ["data", "stringData"] {
        match secret.get_mut(field) {
            Some(Value::Object(values)) => values.values_mut().for_each(|value| *value = HIDDEN.into()),
            Some(other) => *other = HIDDEN.into(),
            None => {}
        }
    }
    // kubectl keeps the whole object as it was applied in an annotation.
    if let Some(Value::Object(annotations)) =
        secret.get_mut("metadata").and_then(|meta| meta.get_mut("annotations"))
    {
        for (name, value) in annotations {
            if name.contains("last-applied") || value.as_str().is_some_and(|value| value.contains("Secret")) {
                *value = HIDDEN.into();
            }
        }
    }
}

/// Whether a Secret in `value`, however deep it stands, shows anything.
pub(super) fn shown(value: &Value) -> bool {
    match value {
        Value::Object(object) if object.get("kind").and_then(Value::as_str) == Some("Secret") => {
            let hidden = |value: &Value| value.is_null() || value.as_str() == Some(HIDDEN);
            ["data", "stringData"].into_iter().filter_map(|field| object.get(field)).any(|values| {
                values.as_object().map_or(!hidden(values), |values| !values.values().all(hidden))
            })
        }
        Value::Object(object) => object.values().any(shown),
        Value::Array(values) => values.iter().any(shown),
        _ => false,
    }
}

/// Whether text that is no manifest may still hold a Secret, as templates do.
pub(super) fn mentioned(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches(['-', ' ', '"', '{']);
        line.split_once(':').is_some_and(|(key, value)| {
            key.trim_matches(['"', '\'', ' ']) == "kind"
                && value.trim_matches(['"', '\'', ' ', ',', '}']) == "Secret"
        })
    }) || (text.contains("Secret") && text.contains("stringData"))
}
