//! Whether pods are Ready.

use k8s_openapi::api::core::v1::Pod;

/// Whether the pod has the condition Ready.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
