//! An object of the Gateway API, read without its type.

use serde_json::Value;

use crate::incident::ObjectRef;

/// One object with its name.
#[derive(Debug, Clone)]
pub(super) struct Resource<'a> {
    pub(super) name: ObjectRef,
    pub(super) value: &'a Value,
}

impl<'a> Resource<'a> {
    /// The object, if it is one of the Gateway API with a name, and is not being deleted.
    pub(super) fn read(value: &'a Value) -> Option<Self> {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str);
        if !text("/apiVersion")?.starts_with("gateway.networking.k8s.io/")
            || text("/metadata/deletionTimestamp").is_some()
        {
            return None;
        }
        let namespace = text("/metadata/namespace").unwrap_or_default();
        Some(Self { name: ObjectRef::new(text("/kind")?, namespace, text("/metadata/name")?), value })
    }

    /// The list at a path; empty where there is none.
    pub(super) fn list(&self, path: &str) -> &'a [Value] {
        list(self.value, path)
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.value.pointer(path).and_then(Value::as_str)
    }
}

/// The list at a path of a value; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A text below a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
