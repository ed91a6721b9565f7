//! Pieces that the cells of several kinds are made of.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::objects::meta;

pub(super) const NONE: &str = "<none>";
pub(super) const UNKNOWN: &str = "<unknown>";
pub(super) const UNSET: &str = "<unset>";

/// Text at a JSON pointer, empty when absent.
pub(super) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Text at a JSON pointer, or `<none>`.
pub(super) fn text_or_none(object: &Value, path: &str) -> Value {
    match text(object, path) {
        "" => json!(NONE),
        text => json!(text),
    }
}

/// A whole number at a JSON pointer, zero when absent.
pub(super) fn count(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

/// The items of a list at a JSON pointer.
pub(super) fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    object.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn name(object: &Value) -> Value {
    json!(meta::name(object))
}

pub(super) fn is_pod(object: &Value) -> bool {
    text(object, "/kind") == "Pod"
}

/// How long ago the object was created.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    json!(since(meta::text(object, "creationTimestamp"), now))
}

/// How long ago a time in text was; `<unknown>` when it is none.
pub(super) fn since(time: &str, now: Timestamp) -> String {
    time.parse::<Timestamp>()
        .map_or_else(|_| UNKNOWN.to_owned(), |time| human(now.duration_since(time).as_secs()))
}

/// Seconds between two times in text.
pub(super) fn between(from: &str, to: &str, now: Timestamp) -> Option<String> {
    let from: Timestamp = from.parse().ok()?;
    let to = if to.is_empty() { now } else { to.parse().ok()? };
    Some(human(to.duration_since(from).as_secs()))
}

/// A duration as kubectl prints it: two units while that matters (`duration.HumanDuration` of apimachinery).
pub(super) fn human(seconds: i64) -> String {
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let days = hours / 24;
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ if days < 2 * 365 => format!("{days}d"),
        _ if days < 8 * 365 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// `app=web,tier=front`, sorted, or `<none>`.
pub(super) fn pairs(map: Option<&Value>) -> Value {
    let pairs: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!(if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") })
}

/// A label selector as text, or `<none>`.
pub(super) fn selector(object: &Value, path: &str) -> Value {
    let selector = object.pointer(path).and_then(crate::sim::api::selectors::LabelSelector::from_object);
    match selector.filter(|selector| !selector.is_empty()) {
        Some(selector) => json!(selector.to_string()),
        None => json!(NONE),
    }
}

/// One field of every container of a template, comma-separated.
pub(super) fn containers(object: &Value, path: &str, field: &str) -> Value {
    let values: Vec<&str> =
        items(object, path).iter().filter_map(|container| container.get(field)?.as_str()).collect();
    json!(values.join(","))
}

/// How many entries a map or list has.
pub(super) fn size(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    }
}

/// The status of a condition, empty when absent.
pub(super) fn condition<'a>(object: &'a Value, of: &str) -> &'a str {
    items(object, "/status/conditions")
        .iter()
        .find(|c| text(c, "/type") == of)
        .map_or("", |c| text(c, "/status"))
}
