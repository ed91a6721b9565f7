//! References to ConfigMaps, Secrets and keys that do not exist, found by comparing pods with what was listed.
//!
//! Only pods that have not started are looked at: one that runs has read what it needed, and whether it will find it again
//! is another question. Nothing is said where the objects could not be listed.

use k8s_openapi::api::core::v1::Pod;

use super::missing::Missing;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{
    ConfigKind, ConfigReference, Index, config_references, namespace_of, object_ref,
};
use crate::incident::ObjectRef;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| waits_to_start(pod))
        .flat_map(|pod| check(index, pod))
        .collect()
}

/// Whether a container was never created.
fn waits_to_start(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let waiting =
        containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    let mut waiting = waiting.filter(|reason| {
        [
            "ContainerCreating",
            "CreateContainerConfigError",
            "PodInitializing",
            "ImagePullBackOff",
            "ErrImagePull",
        ]
        .contains(reason)
    });
    status.phase.as_deref() == Some("Pending") && waiting.next().is_some()
}

fn check(index: &Index<'_>, pod: &Pod) -> Vec<Finding> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let namespace = namespace_of(&pod.metadata);
    let mut found: Vec<_> = config_references(spec)
        .iter()
        .filter(|reference| !reference.optional)
        .filter_map(|reference| check_reference(index, namespace, reference))
        .map(|(missing, path, container)| {
            let finding = missing.finding(&object_ref(pod)).at(created(pod)).field("path", path);
            finding.field_if("container", container)
        })
        .collect();
    found.extend(pull_secrets(index, pod));
    found
}

fn check_reference(
    index: &Index<'_>,
    namespace: &str,
    reference: &ConfigReference,
) -> Option<(Missing, String, Option<String>)> {
    if !index.listed(reference.kind, namespace) {
        return None;
    }
    let key = match (index.keys(&reference.object(namespace)), &reference.key) {
        (None, _) => None,
        (Some(keys), Some(key)) if !keys.contains(key) => Some(key.clone()),
        (Some(_), _) => return None,
    };
    let missing = Missing { kind: reference.kind, name: reference.name.clone(), key };
    Some((missing, reference.path.clone(), reference.container.clone()))
}

/// A pull secret that does not exist is ignored by the kubelet; it matters where the pull then fails.
fn pull_secrets(index: &Index<'_>, pod: &Pod) -> Vec<Finding> {
    let namespace = namespace_of(&pod.metadata);
    if !index.listed(ConfigKind::Secret, namespace) {
        return Vec::new();
    }
    let named = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    let secrets = named.map(|secret| ObjectRef::new("Secret", namespace, secret.name.as_str()));
    let missing = secrets.filter(|secret| !secret.name.is_empty() && index.keys(secret).is_none());
    let pod_ref = object_ref(pod);
    let finding = |secret: ObjectRef| {
        let statement = format!("{pod_ref} names {secret} to pull its images with, which does not exist");
        Finding::new(codes::PULL_SECRET_MISSING, secret.clone(), statement)
            .at(created(pod))
            .field("pod", &pod_ref.name)
            .field("secret", &secret.name)
            .field("path", "imagePullSecrets")
    };
    missing.map(finding).collect()
}

fn created(pod: &Pod) -> Option<jiff::Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}
