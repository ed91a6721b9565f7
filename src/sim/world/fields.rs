//! Reading and writing fields of objects held as JSON, the way controllers need them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::sim::objects::meta;

/// The text at a JSON pointer, empty when there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The whole number at a JSON pointer.
pub(crate) fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer, empty when there is none.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether the field at a JSON pointer is `true`.
pub(crate) fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// A time in an object.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// Sets a field, making the maps on the way. An index or `-` addresses a list.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut here = object;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        if key == "-" && here.is_null() {
            *here = json!([]);
        }
        here = match here {
            Value::Array(items) => {
                let index = key.parse().unwrap_or(items.len());
                if index >= items.len() {
                    items.push(Value::Null);
                }
                let last = items.len().saturating_sub(1);
                match items.get_mut(index.min(last)) {
                    Some(item) => item,
                    None => return,
                }
            }
            other => meta::as_map(other).entry(key).or_insert(Value::Null),
        };
    }
    *here = value;
}

/// Takes a field away.
pub(crate) fn unset(object: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Some(index) = key.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Whether the labels of an object satisfy a LabelSelector; an empty or absent selector picks nothing.
pub(crate) fn selects(selector: Option<&Value>, object: &Value) -> bool {
    let Some(selector) = selector else { return false };
    let labels: BTreeMap<&str, &str> = meta::labels(object).collect();
    let equal = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = list(selector, "/matchExpressions");
    if equal.is_none_or(Map::is_empty) && expressions.is_empty() {
        return false;
    }
    includes(equal, &labels) && expressions.iter().all(|expression| holds(expression, &labels))
}

/// Whether the labels of an object include every pair of a plain selector map.
pub(crate) fn selects_plain(selector: Option<&Value>, object: &Value) -> bool {
    let map = selector.and_then(Value::as_object);
    map.is_some_and(|map| !map.is_empty()) && includes(map, &meta::labels(object).collect())
}

fn includes(wanted: Option<&Map<String, Value>>, labels: &BTreeMap<&str, &str>) -> bool {
    wanted.into_iter().flatten().all(|(key, value)| labels.get(key.as_str()).copied() == value.as_str())
}

fn holds(expression: &Value, labels: &BTreeMap<&str, &str>) -> bool {
    let value = labels.get(text(expression, "/key")).copied();
    let listed =
        value.is_some_and(|v| list(expression, "/values").iter().any(|wanted| wanted.as_str() == Some(v)));
    match text(expression, "/operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

/// What a condition of an object says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind)
}

/// Whether a condition is `True`.
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|c| text(c, "/status") == "True")
}

/// Sets a condition; its transition time changes only with its status. Extra fields are added as given.
pub(crate) fn set_condition(
    object: &mut Value,
    wanted: Condition<'_>,
    now: Timestamp,
    extra: &[(&str, Value)],
) {
    let status = meta::child_mut(meta::as_map(object), "status");
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    let before = conditions.iter().position(|c| text(c, "/type") == wanted.kind);
    let since = before
        .and_then(|index| conditions.get(index))
        .filter(|c| text(c, "/status") == wanted.status)
        .map(|c| text(c, "/lastTransitionTime").to_owned())
        .unwrap_or_else(|| meta::seconds(now));
    let mut condition = json!({"type": wanted.kind, "status": wanted.status, "lastTransitionTime": since});
    for (key, value) in [("reason", wanted.reason), ("message", wanted.message)] {
        if !value.is_empty() {
            set(&mut condition, &format!("/{key}"), value.into());
        }
    }
    for (key, value) in extra {
        set(&mut condition, &format!("/{key}"), value.clone());
    }
    match before.and_then(|index| conditions.get_mut(index)) {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

/// The uid of the controlling owner, empty when there is none.
pub(crate) fn controller_uid(object: &Value) -> &str {
    controller(object).map_or("", |owner| text(owner, "/uid"))
}

/// The owner that controls an object.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    meta::owners(object).iter().find(|owner| flag(owner, "/controller"))
}

/// A reference by which an object's controller is found.
pub(crate) fn controller_reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": text(owner, "/apiVersion"), "kind": text(owner, "/kind"),
        "name": meta::name(owner), "uid": meta::uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    }])
}

/// An absolute or percentage value such as `25%`, of a total.
pub(crate) fn share(value: Option<&Value>, of: i64, round_up: bool, default: &str) -> i64 {
    let percent = |text: &str| {
        let share = text.trim_end_matches('%').parse::<f64>().unwrap_or(0.0) / 100.0 * of as f64;
        (if round_up { share.ceil() } else { share.floor() }) as i64
    };
    match value {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) if text.ends_with('%') => percent(text),
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        _ => percent(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_follow_the_api_semantics() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        let selector = |s: Value| selects(Some(&s), &object);
        assert!(selector(json!({"matchLabels": {"app": "web"}})));
        assert!(!selector(json!({"matchLabels": {"app": "api"}})));
        assert!(selector(
            json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front"]}]})
        ));
        assert!(selector(json!({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]})));
        assert!(!selector(json!({})));
        assert!(!selects(None, &object));
    }

    #[test]
    fn fields_are_set_through_maps_and_lists() {
        let mut object = json!({"spec": {"containers": [{"name": "a"}]}});
        set(&mut object, "/spec/containers/0/image", "x:1".into());
        set(&mut object, "/spec/containers/0/env/0", json!({"name": "A"}));
        set(&mut object, "/metadata/annotations/example.com~1key", "v".into());
        unset(&mut object, "/spec/containers/0/name");
        assert_eq!(object["spec"]["containers"][0]["image"], "x:1");
        assert_eq!(object["metadata"]["annotations"]["example.com/key"], "v");
        assert_eq!(object["spec"]["containers"][0].get("name"), None);
    }

    #[test]
    fn a_condition_keeps_its_transition_time_while_its_status_stays() {
        let mut object = json!({});
        let at = |s| Timestamp::from_second(s).unwrap();
        let ready = |status| Condition { kind: "Ready", status, reason: "", message: "" };
        set_condition(&mut object, ready("True"), at(100), &[]);
        set_condition(&mut object, ready("True"), at(200), &[]);
        assert_eq!(text(&object, "/status/conditions/0/lastTransitionTime"), "1970-01-01T00:01:40Z");
        set_condition(&mut object, ready("False"), at(300), &[]);
        assert_eq!(text(&object, "/status/conditions/0/lastTransitionTime"), "1970-01-01T00:05:00Z");
    }

    #[test]
    fn shares_round_as_the_deployment_controller_does() {
        assert_eq!(share(Some(&json!("25%")), 3, true, "25%"), 1);
        assert_eq!(share(Some(&json!("25%")), 3, false, "25%"), 0);
        assert_eq!(share(None, 4, true, "25%"), 1);
        assert_eq!(share(Some(&json!(2)), 10, true, "25%"), 2);
    }
}
