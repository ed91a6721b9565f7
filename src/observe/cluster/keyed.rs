//! ConfigMaps and Secrets: names, keys and times, and of a ConfigMap the hosts and ports in its values.
//!
//! The type of a Secret has nowhere to put a value: keys are taken from the stream and what follows them is skipped. Values of
//! a ConfigMap are read for addresses and dropped.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::super::KeyedObject;
use super::super::config_address::{ConfigAddress, Text, addresses};
use super::applied::{self, AppliedChange, changed_since_applied};

/// A Secret as it comes from the API, without its values. `stringData` is never in an answer.
pub(in super::super) type KeyedSecret = Keyed<Nothing>;

/// A ConfigMap as it comes from the API, without more of its values than the addresses in them.
pub(in super::super) type KeyedMap = Keyed<MapValue>;

/// What is kept of a value.
pub(in super::super) trait Remains:
    Serialize + Debug + Clone + Send + Sync + 'static
{
    /// The value while it is read.
    type Read: DeserializeOwned;
    /// What is kept of the value of a key.
    fn of(key: &str, read: Self::Read) -> Self;
    fn addresses(self) -> Vec<ConfigAddress>;
    /// What tells the value from others; `None` where it is not known any more, or was never to be.
    fn digest(&self) -> Option<u64> {
        None
    }
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

/// Of the value of a ConfigMap: the addresses in it, and whether it is another.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(in super::super) struct MapValue {
    addresses: Vec<ConfigAddress>,
    #[serde(skip)]
    digest: Option<u64>,
}

impl Remains for MapValue {
    type Read = Text;

    fn of(key: &str, read: Text) -> Self {
        match read {
            Text::Value(value) => Self { addresses: addresses(key, &value), digest: Some(digest(&value)) },
            Text::Addresses(addresses) => Self { addresses, digest: None },
        }
    }

    fn addresses(self) -> Vec<ConfigAddress> {
        self.addresses
    }

    fn digest(&self) -> Option<u64> {
        self.digest
    }
}

fn digest(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
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

impl<V: Remains> Keyed<V> {
    /// Puts the keys whose values are not those that were last applied in the place of all annotations: they may hold the
    /// manifest.
    pub(in super::super) fn note_changes(&mut self) {
        let changes = match applied::manifest(&self.metadata) {
            Some(manifest) => self.changes(manifest),
            None => changed_since_applied(&self.metadata),
        };
        self.metadata.annotations = (!changes.is_empty()).then(BTreeMap::new);
        applied::keep(&mut self.metadata, changes);
    }

    fn changes(&self, manifest: &str) -> Vec<AppliedChange> {
        #[derive(Deserialize)]
        struct Manifest {
            #[serde(default)]
            data: BTreeMap<String, String>,
        }
        let live: BTreeMap<&str, &V> = self.data.0.iter().map(|(key, value)| (key.as_str(), value)).collect();
        // Of what nothing is known nothing is said.
        if live.values().any(|value| value.digest().is_none()) {
            return Vec::new();
        }
        let Ok(Manifest { data }) = serde_json::from_str(manifest) else { return Vec::new() };
        let is_other = |(key, value): &(&String, &String)| {
            live.get(key.as_str()).and_then(|live| live.digest()) != Some(digest(value))
        };
        let changed = data.iter().filter(is_other).map(|(key, _)| key.as_str());
        let added = live.keys().copied().filter(|key| !data.contains_key(*key));
        changed.chain(added).map(|key| AppliedChange::of(format!("data.{key}"))).collect()
    }

    /// Drops everything but names, keys, times and what remains of values.
    pub(in super::super) fn slim(&mut self) {
        self.changed_at = changed_at(&self.metadata);
        self.note_changes();
        let metadata = std::mem::take(&mut self.metadata);
        self.metadata = ObjectMeta {
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            creation_timestamp: metadata.creation_timestamp,
            annotations: metadata.annotations,
            ..ObjectMeta::default()
        };
    }
}

impl<V: Remains> From<Keyed<V>> for KeyedObject {
    fn from(mut keyed: Keyed<V>) -> Self {
        keyed.note_changes();
        let changes = changed_since_applied(&keyed.metadata).into_iter();
        let changed_keys = changes.filter_map(|change| Some(change.field.strip_prefix("data.")?.to_owned()));
        let changed_keys = changed_keys.collect();
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
            version: keyed.metadata.resource_version.and_then(|version| version.parse().ok()),
            namespace: keyed.metadata.namespace.unwrap_or_default(),
            name: keyed.metadata.name.unwrap_or_default(),
            keys,
            addresses,
            changed_keys,
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
            changed_keys: Vec::new(),
            version: None,
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
    fn keys_that_were_edited_since_they_were_applied_are_known_and_no_value_of_them() {
        let applied =
            json!({"kind": "ConfigMap", "data": {"A": "hunter2", "B": "same", "gone": "x"}}).to_string();
        let map = json!({"metadata": {"name": "settings",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
            "data": {"A": "hunter3", "B": "same", "new": "y"}});
        let mut kept: KeyedMap = serde_json::from_value(map.clone()).unwrap();
        let at_once = KeyedObject::from(kept.clone());
        assert_eq!(at_once.changed_keys, ["A", "gone", "new"]);
        kept.slim();
        let written = serde_json::to_value(&kept).unwrap();
        assert!(!written.to_string().contains("hunter"), "{written}");
        assert_eq!(KeyedObject::from(serde_json::from_value::<KeyedMap>(written).unwrap()), at_once);
        let secret = KeyedObject::from(serde_json::from_value::<KeyedSecret>(map).unwrap());
        assert!(secret.changed_keys.is_empty(), "of secrets no value is looked at");
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
