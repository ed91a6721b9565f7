//! What goes wrong: steps that change objects or switch something in the world.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::load;
use crate::sim::kinds::{self, Kind};

/// The change that breaks a healthy world.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How long before the start of the simulation it happened, when it is in place from the start.
    #[serde(deserialize_with = "load::duration")]
    pub age: Duration,
    /// What is done, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One step of a fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Create or replace the objects of these manifests.
    Apply(String),
    /// Set one field of an object.
    Set(SetField),
    /// Delete an object.
    Delete(Target),
    /// Stop a node's kubelet.
    NodeDown(String),
    /// Multiply the requests to a service.
    Traffic(TrafficChange),
    /// Change the password that a database accepts.
    Password(PasswordChange),
}

/// A change of one field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetField {
    /// The object.
    pub object: Target,
    /// JSON pointer to the field; `-` appends to a list.
    pub field: String,
    /// Its new value.
    pub value: serde_json::Value,
}

/// A change of the requests that come to a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficChange {
    /// `namespace/name`.
    pub service: String,
    /// By how much they are multiplied.
    pub factor: f64,
}

/// A changed password.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Name of the database.
    pub database: String,
    /// What it accepts from then on.
    pub value: String,
}

/// An object, written `deployments/shop/checkout` or `nodes/worker-2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: &'static Kind,
    /// Its namespace, empty for cluster-wide kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Target {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (plural, first, second) = (parts.next()?, parts.next()?, parts.next());
        let kind = kinds::KINDS.iter().copied().find(|kind| kind.plural == plural)?;
        let (namespace, name) = match (kind.namespaced, second) {
            (true, Some(name)) => (first, name),
            (false, None) => ("", first),
            _ => return None,
        };
        parts.next().is_none().then(|| Self { kind, namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not an object such as deployments/shop/checkout"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_namespaced_and_cluster_wide_objects() {
        let target = Target::parse("deployments/shop/checkout").unwrap();
        assert_eq!(
            (target.kind.kind, target.namespace.as_str(), target.name.as_str()),
            ("Deployment", "shop", "checkout")
        );
        let node = Target::parse("nodes/worker-2").unwrap();
        assert_eq!((node.kind.kind, node.namespace.as_str(), node.name.as_str()), ("Node", "", "worker-2"));
        for garbage in ["", "pods", "pods/x", "nodes/a/b", "things/a/b", "pods/a/b/c"] {
            assert_eq!(Target::parse(garbage), None, "{garbage}");
        }
    }
}
