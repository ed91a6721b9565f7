//! Looking into objects as JSON: what is absent reads as empty.

use jiff::Timestamp;
use serde_json::Value;

/// The text at a JSON pointer.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The time at a JSON pointer.
pub(super) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// The map at a JSON pointer as `a=b,c=d`.
pub(super) fn pairs(object: &Value, pointer: &str) -> String {
    let map = object.pointer(pointer).and_then(Value::as_object);
    let pairs = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", shown(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// A value in one line: texts without quotes.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A label selector as kubectl takes it; `None` where it selects nothing.
pub(super) fn selector(object: &Value, pointer: &str) -> Option<String> {
    let selector = object.pointer(pointer)?;
    let expression = |one: &Value| {
        let values: Vec<&str> = list(one, "/values").iter().filter_map(Value::as_str).collect();
        let (key, values) = (text(one, "/key"), values.join(","));
        match text(one, "/operator") {
            "In" => Some(format!("{key} in ({values})")),
            "NotIn" => Some(format!("{key} notin ({values})")),
            "Exists" => Some(key.to_owned()),
            "DoesNotExist" => Some(format!("!{key}")),
            _ => None,
        }
    };
    let equal = pairs(selector, "/matchLabels");
    let parts: Vec<String> = std::iter::once(equal)
        .chain(list(selector, "/matchExpressions").iter().filter_map(expression))
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}
