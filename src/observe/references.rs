//! Which ConfigMaps and Secrets pods refer to. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

/// What is referred to: `ConfigMap` or `Secret`, and the name.
pub(super) type Reference = (&'static str, String);

/// The ConfigMaps and Secrets that a pod needs, optional ones included.
pub(super) fn references(spec: &PodSpec) -> BTreeSet<Reference> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let pull_secrets = spec.image_pull_secrets.iter().flatten().map(|secret| ("Secret", secret.name.clone()));
    containers
        .flat_map(of_container)
        .chain(spec.volumes.iter().flatten().flat_map(of_volume))
        .chain(pull_secrets)
        .collect()
}

fn of_container(container: &Container) -> Vec<Reference> {
    let keys = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
    let keys = keys.flat_map(|source| {
        let map = source.config_map_key_ref.as_ref().map(|key| ("ConfigMap", key.name.clone()));
        map.into_iter().chain(source.secret_key_ref.as_ref().map(|key| ("Secret", key.name.clone())))
    });
    let whole = container.env_from.iter().flatten().flat_map(|source| {
        let map = source.config_map_ref.as_ref().map(|map| ("ConfigMap", map.name.clone()));
        map.into_iter().chain(source.secret_ref.as_ref().map(|secret| ("Secret", secret.name.clone())))
    });
    keys.chain(whole).collect()
}

fn of_volume(volume: &Volume) -> Vec<Reference> {
    let map = volume.config_map.as_ref().map(|map| ("ConfigMap", map.name.clone()));
    let secret = volume.secret.as_ref().and_then(|secret| Some(("Secret", secret.secret_name.clone()?)));
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    let projected = projected.flat_map(|source| {
        let map = source.config_map.as_ref().map(|map| ("ConfigMap", map.name.clone()));
        map.into_iter().chain(source.secret.as_ref().map(|secret| ("Secret", secret.name.clone())))
    });
    map.into_iter().chain(secret).chain(projected).collect()
}
