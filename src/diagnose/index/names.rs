//! From Kubernetes objects to the project's way of naming them.

use std::collections::HashMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};

use crate::incident::ObjectRef;

/// Names any object of a known kind; absent parts are empty.
pub fn object_ref<K: Resource + Metadata<Ty = ObjectMeta>>(object: &K) -> ObjectRef {
    reference(K::KIND, object.metadata())
}

/// Names an object by its kind and metadata.
#[must_use]
pub fn reference(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(kind, namespace_of(metadata), metadata.name.as_deref().unwrap_or_default())
}

/// The namespace, or empty.
#[must_use]
pub fn namespace_of(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().unwrap_or_default()
}

pub(super) fn by_name<K: Resource + Metadata<Ty = ObjectMeta>>(objects: &[K]) -> HashMap<ObjectRef, &K> {
    objects
        .iter()
        .filter(|object| object.metadata().name.is_some())
        .map(|object| (object_ref(object), object))
        .collect()
}
