//! Objects of any kind as JSON.

use kube::api::ListParams;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::ReadError;
use super::super::cluster::{Listing, list};
use super::catalog::ResourceKind;
use super::names;
use super::reader::ClusterReader;
use super::secret::SecretShape;

/// Largest object that is read, bytes. etcd holds at most 1.5 MiB each; some clusters raise that.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Holds a copy of the manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Metadata only: what names need.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Most names that are read to find near ones.
const MAX_NAMES: u32 = 500;

/// Which objects of a kind are meant; an empty text selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Label selector: `app=web,tier!=back`.
    pub labels: String,
    /// Field selector: `status.phase=Running`.
    pub fields: String,
}

impl Selection {
    /// Only the object of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { labels: String::new(), fields: format!("metadata.name={name}") }
    }

    /// Only what has these labels.
    #[must_use]
    pub fn labelled(labels: &str) -> Self {
        Self { labels: labels.to_owned(), fields: String::new() }
    }

    pub(super) fn params(&self) -> ListParams {
        let filled = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        ListParams {
            label_selector: filled(&self.labels),
            field_selector: filled(&self.fields),
            ..ListParams::default()
        }
    }
}

/// Objects of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// The objects.
    pub items: Vec<Value>,
    /// Why these are not all, in one sentence.
    pub missing: Option<String>,
}

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    items: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    metadata: Name,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl ClusterReader {
    /// One object, without `managedFields` and without what Secrets hold; `None` where there is none of that name.
    ///
    /// # Errors
    /// [`ReadError`], also for a name that no object can have.
    pub async fn get(
        &self,
        kind: &ResourceKind,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        names::check(namespace, Some(name))?;
        let path = format!("{}/{name}", kind.path(namespace));
        let asked = Self::asked("get", &kind.resource(), namespace);
        match self.fetch(&path, None, &asked, MAX_BYTES).await {
            Ok(body) if kind.is_secret() => {
                ReadError::read_json::<SecretShape>(&body).map(|secret| Some(secret.into_shown()))
            }
            Ok(body) => object(&body).map(|object| Some(shown(kind, object))),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects of a kind in one namespace, or in all where none is named; at most `max_objects_per_kind`.
    ///
    /// # Errors
    /// [`ReadError`] when nothing could be read.
    pub async fn list(
        &self,
        kind: &ResourceKind,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> Result<Listed, ReadError> {
        names::check(namespace, None)?;
        let (path, asked) = (kind.path(namespace), Self::asked("list", &kind.resource(), namespace));
        let (client, limits, params) = (self.observer.client(), self.limits(), selection.params());
        if kind.is_secret() {
            let read = list::<SecretShape>(&client, &path, params, &asked, limits).await;
            return listed(read, SecretShape::into_shown);
        }
        listed(list::<Map<String, Value>>(&client, &path, params, &asked, limits).await, |object| {
            shown(kind, object)
        })
    }

    /// Names of the objects of a kind, at most a few hundred.
    ///
    /// # Errors
    /// [`ReadError`] when nothing could be read.
    pub async fn names(
        &self,
        kind: &ResourceKind,
        namespace: Option<&str>,
    ) -> Result<Vec<String>, ReadError> {
        names::check(namespace, None)?;
        let path = format!("{}?limit={MAX_NAMES}", kind.path(namespace));
        let asked = Self::asked("list", &kind.resource(), namespace);
        let body = self.fetch(&path, Some(METADATA), &asked, 2 * MAX_BYTES).await?;
        let names = ReadError::read_json::<Names>(&body)?.items.into_iter().flatten();
        Ok(names.map(|named| named.metadata.name).collect())
    }
}

/// Everything that the API keeps has metadata.
fn object(body: &[u8]) -> Result<Map<String, Value>, ReadError> {
    let object: Map<String, Value> = ReadError::read_json(body)?;
    match object.get("metadata") {
        Some(Value::Object(_)) => Ok(object),
        _ => Err(ReadError::NotUnderstood { path: "metadata".to_owned(), line: 1, column: 0 }),
    }
}

fn listed<T>(read: Listing<T>, shown: impl Fn(T) -> Value) -> Result<Listed, ReadError> {
    match read.error {
        Some(error) if read.items.is_empty() => Err(error),
        error => Ok(Listed {
            items: read.items.into_iter().map(shown).collect(),
            missing: error.map(|error| error.to_string()),
        }),
    }
}

/// The object without bulk. Items of lists do not name their kind; here all do. An object that calls itself a Secret
/// where another kind was asked for loses its data.
fn shown(kind: &ResourceKind, object: Map<String, Value>) -> Value {
    let mut shown = Map::new();
    shown.insert("apiVersion".to_owned(), kind.api_version().into());
    shown.insert("kind".to_owned(), kind.kind.clone().into());
    shown.extend(object);
    if shown.get("kind").is_some_and(|kind| kind == "Secret") {
        shown.remove("data");
        shown.remove("stringData");
    }
    if let Some(metadata) = shown.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ResourceKind;

    fn shown(object: &Value) -> Value {
        super::shown(&pods(), object.as_object().cloned().unwrap_or_default())
    }

    fn pods() -> ResourceKind {
        ResourceKind {
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
            ..ResourceKind::default()
        }
    }

    #[test]
    fn bulk_is_dropped_and_the_kind_is_named() {
        let object = json!({"metadata": {"name": "a", "managedFields": [1], "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept"}}, "spec": {"nodeName": "n"}});
        let expected = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "annotations": {"note": "kept"}}, "spec": {"nodeName": "n"}});
        assert_eq!(shown(&object), expected);
        assert_eq!(shown(&json!({})), json!({"apiVersion": "v1", "kind": "Pod"}));
    }

    #[test]
    fn a_secret_among_other_kinds_loses_its_data() {
        let object = json!({"kind": "Secret", "data": {"a": "hunter2"}, "stringData": {"b": "hunter2"}});
        assert!(!shown(&object).to_string().contains("hunter"));
    }
}
