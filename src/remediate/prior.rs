//! The captured part of a target: what undo puts back, and how to tell that nobody else has moved the object since.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fields;

/// One field as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// JSON pointer to the field.
    pub(super) path: String,
    /// Its value; `null` where there was none.
    pub(super) value: Value,
}

/// What is kept in `Execution.prior`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Prior {
    /// The fields that the change replaces, as they were. Empty: nothing can be undone.
    pub(super) replaced: Vec<Part>,
    /// Undo is refused unless what this points at is as the change left it.
    #[serde(default)]
    pub(super) watched: Watched,
    /// Digest of what is watched, as the change leaves it (from the dry-run).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<String>,
}

/// The part of the object in which somebody else's change makes undo unsafe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Watched {
    /// The whole spec.
    #[default]
    Spec,
    /// The spec without `replicas`, which an autoscaler may move at any time.
    SpecWithoutReplicas,
    /// Only `spec.unschedulable`: the rest of a Node's spec belongs to controllers.
    Unschedulable,
}

impl Watched {
    /// Digest (SHA-256, hex) of the watched part of `object`.
    pub(super) fn digest(self, object: &Value) -> String {
        let mut spec = object.get("spec").cloned().unwrap_or_default();
        match self {
            Self::Spec => {}
            Self::SpecWithoutReplicas => fields::set(&mut spec, "/replicas", Value::Null),
            Self::Unschedulable => {
                spec = Value::Bool(spec.get("unschedulable").and_then(Value::as_bool).unwrap_or_default());
            }
        }
        // serde_json keeps the keys of a map sorted, so that equal specs have equal texts.
        hex::encode(Sha256::digest(spec.to_string()))
    }
}

impl Prior {
    /// Captures the fields at `paths` of `live`.
    pub(super) fn capture(live: &Value, watched: Watched, paths: &[&str]) -> Self {
        let part = |path: &&str| Part {
            path: (*path).to_owned(),
            value: live.pointer(path).cloned().unwrap_or_default(),
        };
        Self { replaced: paths.iter().map(part).collect(), watched, left: None }
    }

    /// Nothing that could be put back.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    /// Remembers how the change leaves the object.
    pub(super) fn leaving(mut self, after: &Value) -> Self {
        self.left = Some(self.watched.digest(after));
        self
    }

    /// Puts the captured fields into `object`.
    pub(super) fn put_back(&self, object: &mut Value) {
        for part in &self.replaced {
            fields::set(object, &part.path, part.value.clone());
        }
    }

    /// Whether `live` is still as the change left it.
    pub(super) fn is_as_left(&self, live: &Value) -> bool {
        self.left.as_ref().is_some_and(|left| *left == self.watched.digest(live))
    }
}
