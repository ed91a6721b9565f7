//! A Secret without its values: the types here have nowhere to put one. Keys and sizes are taken from the stream.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// A Secret as it comes from the API.
#[derive(Deserialize)]
pub(super) struct SecretShape {
    metadata: Metadata,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Option<BTreeMap<String, Length>>,
}

/// What of the metadata cannot hold a value. Annotations can: kubectl keeps the whole manifest in one.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, Length>>,
    owner_references: Option<Value>,
    finalizers: Option<Vec<String>>,
}

impl SecretShape {
    /// The object as it may be shown: `data` tells the size of each value.
    pub(super) fn into_shown(self) -> Value {
        let size = |bytes: usize| Value::from(format!("({bytes} bytes, not shown)"));
        let data = self.data.unwrap_or_default();
        let data: Map<_, _> = data.into_iter().map(|(key, length)| (key, size(length.decoded()))).collect();
        let mut shown = json!({"apiVersion": "v1", "kind": "Secret", "metadata": self.metadata.into_shown(), "data": data});
        if let Some(map) = shown.as_object_mut() {
            map.extend(self.kind.map(|kind| ("type".to_owned(), kind.into())));
            map.extend(self.immutable.map(|immutable| ("immutable".to_owned(), immutable.into())));
        }
        shown
    }
}

impl Metadata {
    fn into_shown(self) -> Value {
        let annotations = self.annotations.map(|annotations| {
            let shown = |(key, length): (String, Length)| {
                (key, format!("({} bytes, not shown)", length.characters).into())
            };
            Value::Object(annotations.into_iter().map(shown).collect())
        });
        let parts = [
            ("name", Some(self.name.into())),
            ("namespace", Some(self.namespace.into())),
            ("uid", Some(self.uid.into())),
            ("resourceVersion", Some(self.resource_version.into())),
            ("creationTimestamp", self.creation_timestamp.map(Value::from)),
            ("deletionTimestamp", self.deletion_timestamp.map(Value::from)),
            ("labels", self.labels.map(|labels| json!(labels))),
            ("annotations", annotations),
            ("ownerReferences", self.owner_references),
            ("finalizers", self.finalizers.map(Value::from)),
        ];
        let known = parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(known.collect())
    }
}

/// How long a text is; the text itself is passed over.
#[derive(Debug, Clone, Copy, Default)]
struct Length {
    characters: usize,
    padding: usize,
}

impl Length {
    /// The number of bytes that base64 text of this length stands for.
    const fn decoded(self) -> usize {
        (self.characters / 4 * 3).saturating_sub(self.padding)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthVisitor)
    }
}

struct LengthVisitor;

impl<'de> Visitor<'de> for LengthVisitor {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Length, E> {
        let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count().min(2);
        Ok(Length { characters: text.len(), padding })
    }

    fn visit_unit<E>(self) -> Result<Length, E> {
        Ok(Length::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Length, E> {
        Ok(Length::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Length, E> {
        Ok(Length::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Length, E> {
        Ok(Length::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Length, E> {
        Ok(Length::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Length, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Length::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Length, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Length::default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::SecretShape;

    fn shown(secret: &Value) -> Value {
        serde_json::from_slice::<SecretShape>(secret.to_string().as_bytes()).unwrap().into_shown()
    }

    #[test]
    fn keys_and_sizes_are_shown_and_values_are_not() {
        let secret = json!({"kind": "Secret", "type": "Opaque", "stringData": {"more": "hunter3"},
            "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "web"}, "managedFields": [{"f": "hunter5"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter4"}},
            "data": {"password": "aHVudGVyMg==", "empty": "", "odd": [1, {"a": "hunter6"}], "number": 5, "null": null}});
        let shown = shown(&secret);
        assert_eq!(shown["data"]["password"], "(7 bytes, not shown)");
        assert_eq!(shown["data"]["odd"], "(0 bytes, not shown)");
        assert_eq!((&shown["metadata"]["labels"]["app"], &shown["type"]), (&json!("web"), &json!("Opaque")));
        let text = shown.to_string();
        assert!(!text.contains("hunter") && !text.contains("aHVudGVyMg"), "{text}");
    }

    #[test]
    fn null_and_absent_data_are_no_keys() {
        assert_eq!(shown(&json!({"metadata": {"name": "x"}, "data": null}))["data"], json!({}));
        assert_eq!(shown(&json!({"metadata": {}}))["data"], json!({}));
    }
}
