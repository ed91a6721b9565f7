//! ConfigMaps and Secrets: names, keys and times, and of a ConfigMap the hosts and ports in its values.
//!
//! The type of a Secret has nowhere to put a value: keys are taken from the stream and what follows them is skipped. Values of
//! a ConfigMap are read for addresses and dropped.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::super::KeyedObject;
use super::super::config_address::{ConfigAddress, Text, addresses};

/// A Secret as it comes from the API, without its values. `stringData` is never in an answer.
pub(in super::super) type KeyedSecret = Keyed<Nothing>;

/// A ConfigMap as it comes from the API, without more of its values than the addresses in them.
pub(in super::super) type KeyedMap = Keyed<Vec<ConfigAddress>>;

/// What is kept of a value.
pub(in super::super) trait Remains:
    Serialize + Debug + Clone + Send + Sync + 'static
{
    /// The value while it is read.
    type Read: DeserializeOwned;
    /// What is kept of the value of a key.
    fn of(key: &str, read: Self::Read) -> Self;
    fn addresses(self) -> Vec<ConfigAddress>;
}

/// Nothing is kept.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Nothing;

impl Remains for Nothing {
    type Read = IgnoredAny;

    fn of(_: &str, _: IgnoredAny) -> Self {
        Self
    }

    fn addresses(self) -> Vec<ConfigAddress> {
        Vec::new()
    }
}

impl Remains for Vec<ConfigAddress> {
    type Read = Text;

    fn of(key: &str, read: Text) -> Self {
        match read {
            Text::Value(value) => addresses(key, &value),
            Text::Addresses(known) => known,
        }
    }

    fn addresses(self) -> Vec<ConfigAddress> {
        self
    }
}

/// Names, times, keys, and of the values what `V` keeps of them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", bound = "V: Remains")]
pub(in super::super) struct Keyed<V> {
    #[serde(default)]
    pub(in super::super) metadata: ObjectMeta,
    #[serde(default)]
    data: Values<V>,
    #[serde(default)]
    binary_data: Values<Nothing>,
    /// When it was last written, once `managedFields` were dropped.
    #[serde(skip)]
    changed_at: Option<Timestamp>,
}

impl<V> Keyed<V> {
    /// Drops everything but names, keys, times and what remains of values.
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

impl<V: Remains> From<Keyed<V>> for KeyedObject {
    fn from(keyed: Keyed<V>) -> Self {
        let changed_at = keyed.changed_at.or_else(|| changed_at(&keyed.metadata));
        let mut keys: Vec<String> = keyed.binary_data.0.into_iter().map(|(key, _)| key).collect();
        let mut addresses = Vec::new();
        for (key, remains) in keyed.data.0 {
            addresses.extend(remains.addresses());
            keys.push(key);
        }
        keys.sort();
        keys.dedup();
        Self {
            changed_at,
            created_at: keyed.metadata.creation_timestamp.map(|time| time.0),
            namespace: keyed.metadata.namespace.unwrap_or_default(),
            name: keyed.metadata.name.unwrap_or_default(),
            keys,
            addresses,
        }
    }
}

/// The newest time in `managedFields`.
fn changed_at(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.managed_fields.iter().flatten().filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
}

#[derive(Debug, Clone)]
struct Values<V>(Vec<(String, V)>);

impl<V> Default for Values<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Serialize> Serialize for Values<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, remains)| (key, remains)))
    }
}

impl<'de, V: Remains> Deserialize<'de> for Values<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor(PhantomData))
    }
}

struct ValuesVisitor<V>(PhantomData<V>);

impl<'de, V: Remains> Visitor<'de> for ValuesVisitor<V> {
    type Value = Values<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<V>, A::Error> {
        let mut values = Vec::new();
        while let Some((key, read)) = map.next_entry::<String, V::Read>()? {
            let remains = V::of(&key, read);
            values.push((key, remains));
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
    fn what_is_written_holds_no_values_and_reads_the_same() {
        let map = json!({"metadata": {"name": "settings"}, "binaryData": {"blob": "AA=="},
            "data": {"URL": "http://user:hunter2@my-server:80/", "GREETING": "hunter2"}});
        let mut once: KeyedMap = serde_json::from_value(map).unwrap();
        once.slim();
        let written = serde_json::to_value(&once).unwrap();
        assert!(!written.to_string().contains("hunter2"), "{written}");
        let twice: KeyedMap = serde_json::from_value(written).unwrap();
        let (once, twice) = (KeyedObject::from(once), KeyedObject::from(twice));
        assert_eq!(once, twice);
        assert_eq!((once.keys.len(), once.addresses.len()), (3, 1));
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
