//! What of an object is kept, and what a list request may ask about it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};

use super::super::bound::size;
use super::super::cluster::{Keyed, Remains, Served, prune_object};

/// The form in which an object is kept.
pub(in super::super) trait Stored:
    DeserializeOwned + Debug + Clone + Send + Sync + 'static
{
    fn metadata(&self) -> &ObjectMeta;
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// Drops what nobody reads.
    fn prune(&mut self);
    /// How much of the room it takes: bytes of JSON.
    fn weight(&self) -> usize;
    /// A field that list requests may select by.
    fn field(&self, path: &str) -> Option<&str>;
    /// When it was last of interest, for what is kept for a time only.
    fn last_seen(&self) -> Option<Timestamp>;
}

impl<K> Stored for K
where
    K: Served + Serialize + DeserializeOwned + Debug + Clone + Send + Sync,
{
    fn metadata(&self) -> &ObjectMeta {
        self.meta()
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        self.meta_mut()
    }

    fn prune(&mut self) {
        prune_object(self);
    }

    fn weight(&self) -> usize {
        size(self)
    }

    fn field(&self, path: &str) -> Option<&str> {
        let any: &dyn Any = self;
        match (path, any.downcast_ref::<Pod>(), any.downcast_ref::<Event>()) {
            ("metadata.name", ..) => self.meta().name.as_deref(),
            ("metadata.namespace", ..) => self.meta().namespace.as_deref(),
            ("spec.nodeName", Some(pod), _) => {
                Some(pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default())
            }
            ("involvedObject.kind", _, Some(event)) => {
                Some(event.involved_object.kind.as_deref().unwrap_or_default())
            }
            ("involvedObject.name", _, Some(event)) => {
                Some(event.involved_object.name.as_deref().unwrap_or_default())
            }
            _ => None,
        }
    }

    fn last_seen(&self) -> Option<Timestamp> {
        let any: &dyn Any = self;
        let event = any.downcast_ref::<Event>()?;
        let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let last = event.last_timestamp.as_ref().map(|time| time.0).or(series.map(|time| time.0));
        let made = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
        last.or_else(|| event.event_time.as_ref().map(|time| time.0)).or(made)
    }
}

impl<V: Remains> Stored for Keyed<V> {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn prune(&mut self) {
        self.slim();
    }

    fn weight(&self) -> usize {
        size(self)
    }

    fn field(&self, path: &str) -> Option<&str> {
        match path {
            "metadata.name" => self.metadata.name.as_deref(),
            "metadata.namespace" => self.metadata.namespace.as_deref(),
            _ => None,
        }
    }

    fn last_seen(&self) -> Option<Timestamp> {
        None
    }
}

/// An object of kind `K` as reflectors keep it: pruned while it is read, so that the whole is never held.
pub(super) struct Watched<K, T> {
    pub(super) object: T,
    pub(super) weight: usize,
    kind: PhantomData<fn() -> K>,
}

impl<K, T: Clone> Clone for Watched<K, T> {
    fn clone(&self) -> Self {
        Self { object: self.object.clone(), weight: self.weight, kind: PhantomData }
    }
}

/// Nothing of the object: it may be shown in a log.
impl<K, T> Debug for Watched<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("weight", &self.weight).finish_non_exhaustive()
    }
}

impl<'de, K, T: Stored> Deserialize<'de> for Watched<K, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = T::deserialize(deserializer)?;
        object.prune();
        let weight = object.weight();
        Ok(Self { object, weight, kind: PhantomData })
    }
}

impl<K: Served, T: Stored> Resource for Watched<K, T> {
    type DynamicType = ();
    /// Also where `K` belongs to no namespace: it is then asked for in all of them at once, which is the same request.
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        <K as Resource>::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        <K as Resource>::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        <K as Resource>::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        <K as Resource>::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.object.metadata()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.object.metadata_mut()
    }
}
