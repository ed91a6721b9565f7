//! ConfigMaps and Secrets: names, keys and times, and of a ConfigMap the hosts and ports in its values.
//!
//! The type of a Secret has nowhere to put a value: keys are taken from the stream and what follows them is skipped. Values of
//! a ConfigMap are read for addresses and dropped.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::super::KeyedObject;
use super::super::config_address::{Text, addresses};

/// A Secret as it comes from the API, without its values. `stringData` is never in an answer.
pub(in super::super) type KeyedSecret = Keyed<IgnoredAny>;

/// A ConfigMap as it comes from the API.
pub(in super::super) type KeyedMap = Keyed<Text>;

/// Names, times, keys, and of the values what `V` keeps of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "V: Deserialize<'de>")]
pub(in super::super) struct Keyed<V> {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    data: Values<V>,
    #[serde(default)]
    binary_data: Values<IgnoredAny>,
}

impl From<KeyedSecret> for KeyedObject {
    fn from(secret: KeyedSecret) -> Self {
        secret.without_values()
    }
}

impl From<KeyedMap> for KeyedObject {
    fn from(map: KeyedMap) -> Self {
        let told = map.data.0.iter().flat_map(|(key, Text(value))| addresses(key, value)).collect();
        Self { addresses: told, ..map.without_values() }
    }
}

impl<V> Keyed<V> {
    fn without_values(self) -> KeyedObject {
        let keyed = self;
        let own = keyed.data.0.into_iter().map(|(key, _)| key);
        let binary = keyed.binary_data.0.into_iter().map(|(key, _)| key);
        let mut keys: Vec<String> = own.chain(binary).collect();
        keys.sort();
        keys.dedup();
        KeyedObject {
            changed_at: changed_at(&keyed.metadata),
            created_at: keyed.metadata.creation_timestamp.map(|time| time.0),
            namespace: keyed.metadata.namespace.unwrap_or_default(),
            name: keyed.metadata.name.unwrap_or_default(),
            keys,
            addresses: Vec::new(),
        }
    }
}

/// The newest time in `managedFields`.
fn changed_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
}

struct Values<V>(Vec<(String, V)>);

impl<V> Default for Values<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Values<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor(PhantomData))
    }
}

struct ValuesVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for ValuesVisitor<V> {
    type Value = Values<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<V>, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = map.next_entry()? {
            values.push(entry);
        }
        Ok(Values(values))
    }

    fn visit_unit<E>(self) -> Result<Values<V>, E> {
        Ok(Values::default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::KeyedObject;
    use super::{KeyedMap, KeyedSecret};

    #[test]
    fn keys_and_times_are_kept_and_values_are_not() {
        let secret = json!({
            "metadata": {"namespace": "shop", "name": "db", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
                "managedFields": [{"time": "2026-01-02T00:00:00Z"}, {"time": "2026-01-01T00:00:00Z"}, {}]},
            "data": {"password": "aHVudGVyMg==", "nested": {"odd": [1]}},
            "binaryData": {"blob": "AA=="},
        });
        let keyed = KeyedObject::from(serde_json::from_value::<KeyedSecret>(secret).unwrap());
        let expected = KeyedObject {
            namespace: "shop".to_owned(),
            name: "db".to_owned(),
            keys: ["blob", "nested", "password"].map(str::to_owned).to_vec(),
            created_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            changed_at: Some("2026-01-02T00:00:00Z".parse().unwrap()),
            addresses: Vec::new(),
        };
        assert_eq!(keyed, expected);
    }

    #[test]
    fn null_data_is_no_keys() {
        let keyed: KeyedSecret =
            serde_json::from_value(json!({"metadata": {"name": "x"}, "data": null})).unwrap();
        assert!(KeyedObject::from(keyed).keys.is_empty());
    }

    #[test]
    fn of_the_values_of_a_configmap_only_addresses_are_kept() {
        let map = json!({"metadata": {"name": "settings"},
            "data": {"URL": "http://user:hunter2@cart:80/", "GREETING": "hello", "odd": {"nested": [1]}, "none": null}});
        let keyed = KeyedObject::from(serde_json::from_value::<KeyedMap>(map).unwrap());
        let told: Vec<_> = keyed.addresses.iter().map(|told| (told.host.as_deref(), told.port)).collect();
        assert_eq!(told, [(Some("cart"), Some(80))]);
        assert!(!format!("{keyed:?}").contains("hunter2"), "{keyed:?}");
    }
}
