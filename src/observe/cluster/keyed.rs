//! ConfigMaps and Secrets: names, keys and times only.
//!
//! The types here have nowhere to put a value: keys are taken from the stream and what follows them is skipped.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::super::KeyedObject;

/// A ConfigMap or Secret as it comes from the API, without its values. `stringData` is never in an answer.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Keyed {
    #[serde(default)]
    pub(in super::super) metadata: ObjectMeta,
    #[serde(default)]
    data: Keys,
    #[serde(default)]
    binary_data: Keys,
    /// When it was last written, once `managedFields` were dropped.
    #[serde(skip)]
    changed_at: Option<Timestamp>,
}

impl Keyed {
    /// The keys.
    pub(in super::super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.data.0.iter().chain(&self.binary_data.0).map(String::as_str)
    }

    /// Drops everything but names, keys and times.
    pub(in super::super) fn slim(&mut self) {
        self.changed_at = changed_at(&self.metadata);
        let metadata = std::mem::take(&mut self.metadata);
        self.metadata = ObjectMeta {
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            ..ObjectMeta::default()
        };
    }
}

impl From<Keyed> for KeyedObject {
    fn from(keyed: Keyed) -> Self {
        let changed_at = keyed.changed_at.or_else(|| changed_at(&keyed.metadata));
        let mut keys: Vec<String> = keyed.data.0.into_iter().chain(keyed.binary_data.0).collect();
        keys.sort();
        keys.dedup();
        Self {
            changed_at,
            created_at: keyed.metadata.creation_timestamp.map(|time| time.0),
            namespace: keyed.metadata.namespace.unwrap_or_default(),
            name: keyed.metadata.name.unwrap_or_default(),
            keys,
        }
    }
}

/// The newest time in `managedFields`.
fn changed_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
}

#[derive(Debug, Clone, Default)]
struct Keys(Vec<String>);

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|key| (key, ())))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key()? {
            map.next_value::<IgnoredAny>()?;
            keys.push(key);
        }
        Ok(Keys(keys))
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::KeyedObject;
    use super::Keyed;

    #[test]
    fn keys_and_times_are_kept_and_values_are_not() {
        let secret = json!({
            "metadata": {"namespace": "shop", "name": "db", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
                "managedFields": [{"time": "2026-01-02T00:00:00Z"}, {"time": "2026-01-01T00:00:00Z"}, {}]},
            "data": {"password": "aHVudGVyMg==", "nested": {"odd": [1]}},
            "binaryData": {"blob": "AA=="},
        });
        let keyed = KeyedObject::from(serde_json::from_value::<Keyed>(secret).unwrap());
        let expected = KeyedObject {
            namespace: "shop".to_owned(),
            name: "db".to_owned(),
            keys: ["blob", "nested", "password"].map(str::to_owned).to_vec(),
            created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            changed_at: Some("2026-01-02T00:00:00Z".parse().unwrap()),
        };
        assert_eq!(keyed, expected);
    }

    #[test]
    fn null_data_is_no_keys() {
        let keyed: Keyed = serde_json::from_value(json!({"metadata": {"name": "x"}, "data": null})).unwrap();
        assert!(KeyedObject::from(keyed).keys.is_empty());
    }
}
