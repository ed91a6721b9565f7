//! What is dropped from objects before they are kept: bulk that no rule reads.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Holds a copy of the manifest, literal environment values included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Longest annotation value that is kept, bytes.
const MAX_ANNOTATION: usize = 1024;

/// Drops `managedFields`, the last applied manifest and annotations with very long values.
pub(in super::super) fn prune(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|key, value| key != LAST_APPLIED && value.len() <= MAX_ANNOTATION);
    }
}
