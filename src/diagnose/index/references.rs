//! Which ConfigMaps and Secrets a pod needs, and which exist.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, PodSpec, Volume, VolumeProjection};

use super::Index;
use crate::incident::ObjectRef;
use crate::observe::{ConfigAddress, KeyedObject, Objects};

/// A ConfigMap or a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl ConfigKind {
    /// The kind as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    /// The name of the Evidence field that names such an object.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::ConfigMap => "config_map",
            Self::Secret => "secret",
        }
    }
}

/// How a pod refers to a ConfigMap or Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigReference {
    /// Which kind.
    pub kind: ConfigKind,
    /// Its name.
    pub name: String,
    /// The key, where one is named; `None` refers to the whole object.
    pub key: Option<String>,
    /// The container, where it is for one.
    pub container: Option<String>,
    /// Whether the pod starts without it.
    pub optional: bool,
    /// Whether it is mounted (else it is read into the environment).
    pub mounted: bool,
    /// Where in the spec, as in `containers[app].env[DB_URL]`.
    pub path: String,
}

impl ConfigReference {
    fn new(kind: ConfigKind, name: &str, optional: Option<bool>, path: String) -> Option<Self> {
        let optional = optional.unwrap_or(false);
        let found =
            Self { kind, name: name.to_owned(), key: None, container: None, optional, mounted: false, path };
        (!name.is_empty()).then_some(found)
    }

    fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The object referred to by a pod in the namespace.
    #[must_use]
    pub fn object(&self, namespace: &str) -> ObjectRef {
        ObjectRef::new(self.kind.as_str(), namespace, &self.name)
    }
}

impl Index<'_> {
    /// The keys of a ConfigMap or Secret; `None` where it is not in the Snapshot.
    #[must_use]
    pub fn keys(&self, object: &ObjectRef) -> Option<&[String]> {
        self.config.get(object).copied()
    }

    /// When a ConfigMap or Secret was written last; `None` where it is not in the Snapshot, or does not say.
    #[must_use]
    pub fn written_at(&self, object: &ObjectRef) -> Option<Timestamp> {
        self.written.get(object).copied()
    }

    /// When a ConfigMap or Secret was written last, if that is no longer ago.
    #[must_use]
    pub fn written_within(&self, object: &ObjectRef, age: SignedDuration) -> Option<Timestamp> {
        self.written_at(object).filter(|at| self.snapshot.taken_at.duration_since(*at) <= age)
    }

    /// The hosts and ports in the values of a ConfigMap; none where it is not in the Snapshot.
    #[must_use]
    pub fn addresses(&self, config_map: &ObjectRef) -> &[ConfigAddress] {
        self.told.get(config_map).copied().unwrap_or_default()
    }

    /// Whether the absence of a ConfigMap or Secret from the Snapshot means that it does not exist: nothing failed while
    /// they were read, and the namespace is one that was read.
    #[must_use]
    pub fn listed(&self, kind: ConfigKind, namespace: &str) -> bool {
        let collector = match kind {
            ConfigKind::ConfigMap => "configmap",
            ConfigKind::Secret => "secret",
        };
        let in_scope = self.snapshot.scope.namespace.as_deref() == Some(namespace);
        (in_scope || self.config_in.contains(&(kind, namespace))) && !self.blind_to(collector)
    }
}

/// The namespaces in which there is a ConfigMap, a Secret.
pub(super) fn namespaces(objects: &Objects) -> HashSet<(ConfigKind, &str)> {
    let config_maps = objects.config_maps.iter().map(|map| (ConfigKind::ConfigMap, map.namespace.as_str()));
    let secrets = objects.secrets.iter().map(|secret| (ConfigKind::Secret, secret.namespace.as_str()));
    config_maps.chain(secrets).collect()
}

pub(super) fn known(objects: &Objects) -> HashMap<ObjectRef, &[String]> {
    keyed(objects).map(|(name, object)| (name, object.keys.as_slice())).collect()
}

/// When each was changed, or made where no change is known.
pub(super) fn written(objects: &Objects) -> HashMap<ObjectRef, Timestamp> {
    keyed(objects)
        .filter_map(|(name, object)| Some((name, object.changed_at.max(object.created_at)?)))
        .collect()
}

fn keyed(objects: &Objects) -> impl Iterator<Item = (ObjectRef, &KeyedObject)> {
    let config_maps = objects.config_maps.iter().map(|object| ("ConfigMap", object));
    let all = config_maps.chain(objects.secrets.iter().map(|object| ("Secret", object)));
    all.map(|(kind, object)| (ObjectRef::new(kind, &object.namespace, &object.name), object))
}

pub(super) fn told(objects: &Objects) -> HashMap<ObjectRef, &[ConfigAddress]> {
    let maps = objects.config_maps.iter().filter(|map| !map.addresses.is_empty());
    let named = |map: &'_ KeyedObject| ObjectRef::new("ConfigMap", map.namespace.as_str(), map.name.as_str());
    maps.map(|map| (named(map), map.addresses.as_slice())).collect()
}

/// Every reference of a pod spec, in the order of the spec; pull secrets are not among them.
#[must_use]
pub fn config_references(spec: &PodSpec) -> Vec<ConfigReference> {
    let containers = spec.init_containers.iter().flatten().map(|container| ("initContainers", container));
    let containers = containers.chain(spec.containers.iter().map(|container| ("containers", container)));
    let environment = containers.flat_map(|(list, container)| of_container(list, container));
    let volumes = spec.volumes.iter().flatten().flat_map(of_volume);
    environment.chain(volumes).collect()
}

fn of_container(list: &str, container: &Container) -> Vec<ConfigReference> {
    let place = format!("{list}[{}]", container.name);
    let single = container.env.iter().flatten().filter_map(|variable| {
        of_variable(variable.value_from.as_ref()?, format!("{place}.env[{}]", variable.name))
    });
    let whole =
        container.env_from.iter().flatten().filter_map(|from| of_env_from(from, format!("{place}.envFrom")));
    let named = |mut found: ConfigReference| {
        found.container = Some(container.name.clone());
        found
    };
    single.chain(whole).map(named).collect()
}

fn of_variable(source: &EnvVarSource, path: String) -> Option<ConfigReference> {
    if let Some(from) = &source.config_map_key_ref {
        let found = ConfigReference::new(ConfigKind::ConfigMap, &from.name, from.optional, path);
        return found.map(|found| found.key(&from.key));
    }
    let from = source.secret_key_ref.as_ref()?;
    ConfigReference::new(ConfigKind::Secret, &from.name, from.optional, path)
        .map(|found| found.key(&from.key))
}

fn of_env_from(source: &EnvFromSource, path: String) -> Option<ConfigReference> {
    if let Some(from) = &source.config_map_ref {
        return ConfigReference::new(ConfigKind::ConfigMap, &from.name, from.optional, path);
    }
    let from = source.secret_ref.as_ref()?;
    ConfigReference::new(ConfigKind::Secret, &from.name, from.optional, path)
}

fn of_volume(volume: &Volume) -> Vec<ConfigReference> {
    let path = format!("volumes[{}]", volume.name);
    let mut found = Vec::new();
    if let Some(source) = &volume.config_map {
        let keys = source.items.iter().flatten().map(|item| item.key.as_str());
        found.extend(mounted(ConfigKind::ConfigMap, &source.name, source.optional, &path, keys));
    }
    if let Some(source) = &volume.secret {
        let keys = source.items.iter().flatten().map(|item| item.key.as_str());
        let name = source.secret_name.as_deref().unwrap_or_default();
        found.extend(mounted(ConfigKind::Secret, name, source.optional, &path, keys));
    }
    let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
    found.extend(projected.flat_map(|source| of_projection(source, &path)));
    found
}

fn of_projection(source: &VolumeProjection, path: &str) -> Vec<ConfigReference> {
    let mut found = Vec::new();
    if let Some(source) = &source.config_map {
        let keys = source.items.iter().flatten().map(|item| item.key.as_str());
        found.extend(mounted(ConfigKind::ConfigMap, &source.name, source.optional, path, keys));
    }
    if let Some(source) = &source.secret {
        let keys = source.items.iter().flatten().map(|item| item.key.as_str());
        found.extend(mounted(ConfigKind::Secret, &source.name, source.optional, path, keys));
    }
    found
}

fn mounted<'k>(
    kind: ConfigKind,
    name: &str,
    optional: Option<bool>,
    path: &str,
    keys: impl Iterator<Item = &'k str>,
) -> Vec<ConfigReference> {
    let Some(mut whole) = ConfigReference::new(kind, name, optional, path.to_owned()) else {
        return Vec::new();
    };
    whole.mounted = true;
    let single: Vec<_> = keys.map(|key| whole.clone().key(key)).collect();
    if single.is_empty() { vec![whole] } else { single }
}
