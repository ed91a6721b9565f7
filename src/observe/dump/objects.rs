//! Putting objects where they belong in [`Objects`], each by itself: one that cannot be read loses no other.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::cluster::{KeyedMap, KeyedSecret, LAST_APPLIED, prune_object};
use super::super::{KeyedObject, Objects};
use super::documents::{Body, Item};
use super::{events, mend};

/// Most objects of kinds that are not built in, and the largest of them, bytes of JSON.
const OTHERS: (usize, usize) = (5_000, 64 * 1024);

/// What is taken in so far.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) objects: Objects,
    pub(super) controller_revisions: Vec<ControllerRevision>,
    /// How many objects there are, of all kinds.
    pub(super) count: usize,
    /// Resources of which at least one object was seen.
    pub(super) seen: BTreeSet<&'static str>,
    /// Objects that were skipped, by kind and reason.
    pub(super) skipped: BTreeMap<(String, String), usize>,
    /// Objects of which fields were dropped, by kind.
    pub(super) mended: BTreeMap<String, usize>,
    /// Kinds that nothing here reads.
    pub(super) unused: BTreeMap<String, usize>,
}

macro_rules! kinds {
    ($($kind:literal, $plural:literal => $place:ident;)*) => {
        /// Takes in an object of a kind that is built in and kept whole.
        fn kept(taken: &mut Taken, kind: &str, body: Body<'_>) -> Option<Result<usize, String>> {
            match kind {
                $($kind => {
                    taken.seen.insert($plural);
                    Some(push(&mut taken.objects.$place, body))
                })*
                _ => None,
            }
        }

        /// The plural of a kind that is built in.
        pub(super) fn plural(kind: &str) -> Option<&'static str> {
            match kind {
                $($kind => Some($plural),)*
                "ConfigMap" => Some("configmaps"),
                "Secret" => Some("secrets"),
                "Event" => Some("events"),
                "ControllerRevision" => Some("controllerrevisions"),
                _ => None,
            }
        }

        /// The plurals of all kinds that are read.
        pub(super) const PLURALS: &[&str] =
            &[$($plural,)* "configmaps", "secrets", "events", "controllerrevisions"];

        /// Hands over the objects of each kind that is kept whole, with its plural.
        pub(super) fn each_list<E>(
            objects: &Objects,
            mut each: impl FnMut(&'static str, Vec<serde_json::Result<Value>>) -> Result<(), E>,
        ) -> Result<(), E> {
            $(each($plural, objects.$place.iter().map(serde_json::to_value).collect())?;)*
            each("events", objects.events.iter().map(serde_json::to_value).collect())
        }

        /// Keeps each object once. Without a name they cannot be told apart.
        fn each_once(objects: &mut Objects) {
            $(once(&mut objects.$place, |object| (object.namespace().unwrap_or_default(), object.name_any()));)*
            once(&mut objects.events, |object| (object.namespace().unwrap_or_default(), object.name_any()));
            once(&mut objects.config_maps, |object| (object.namespace.clone(), object.name.clone()));
            once(&mut objects.secrets, |object| (object.namespace.clone(), object.name.clone()));
        }
    };
}

kinds! {
    "Pod", "pods" => pods;
    "Deployment", "deployments" => deployments;
    "ReplicaSet", "replicasets" => replica_sets;
    "StatefulSet", "statefulsets" => stateful_sets;
    "DaemonSet", "daemonsets" => daemon_sets;
    "Job", "jobs" => jobs;
    "CronJob", "cronjobs" => cron_jobs;
    "Service", "services" => services;
    "EndpointSlice", "endpointslices" => endpoint_slices;
    "Endpoints", "endpoints" => endpoints;
    "Node", "nodes" => nodes;
    "HorizontalPodAutoscaler", "horizontalpodautoscalers" => autoscalers;
    "PersistentVolumeClaim", "persistentvolumeclaims" => claims;
    "PersistentVolume", "persistentvolumes" => volumes;
    "StorageClass", "storageclasses" => storage_classes;
    "Ingress", "ingresses" => ingresses;
    "NetworkPolicy", "networkpolicies" => network_policies;
    "ResourceQuota", "resourcequotas" => quotas;
    "LimitRange", "limitranges" => limit_ranges;
    "PodDisruptionBudget", "poddisruptionbudgets" => disruption_budgets;
    "ServiceAccount", "serviceaccounts" => service_accounts;
    "Role", "roles" => roles;
    "RoleBinding", "rolebindings" => role_bindings;
    "ClusterRole", "clusterroles" => cluster_roles;
    "ClusterRoleBinding", "clusterrolebindings" => cluster_role_bindings;
    "ValidatingWebhookConfiguration", "validatingwebhookconfigurations" => validating_webhooks;
    "MutatingWebhookConfiguration", "mutatingwebhookconfigurations" => mutating_webhooks;
    "Namespace", "namespaces" => namespaces;
    "PriorityClass", "priorityclasses" => priority_classes;
    "RuntimeClass", "runtimeclasses" => runtime_classes;
    "IngressClass", "ingressclasses" => ingress_classes;
}

/// The singular of a plural that is read: what a list of objects that do not say their kind holds.
pub(super) fn kind_of(resource: &str) -> Option<&'static str> {
    const SINGULAR: [&str; 35] = [
        "Pod",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "Service",
        "EndpointSlice",
        "Endpoints",
        "Node",
        "HorizontalPodAutoscaler",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "StorageClass",
        "Ingress",
        "NetworkPolicy",
        "ResourceQuota",
        "LimitRange",
        "PodDisruptionBudget",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "Namespace",
        "PriorityClass",
        "RuntimeClass",
        "IngressClass",
        "ConfigMap",
        "Secret",
        "Event",
        "ControllerRevision",
    ];
    SINGULAR.into_iter().find(|kind| plural(kind) == Some(resource))
}

impl Taken {
    /// Takes in one object, or counts why not.
    pub(super) fn take(&mut self, item: Item<'_>) {
        let Item { kind, api_version, body } = item;
        self.count += 1;
        let result = self.place(&kind, &api_version, body);
        match result {
            Ok(0) => {}
            Ok(_) => *self.mended.entry(kind).or_default() += 1,
            Err(reason) => *self.skipped.entry((kind, reason)).or_default() += 1,
        }
    }

    fn place(&mut self, kind: &str, api_version: &str, body: Body<'_>) -> Result<usize, String> {
        if !is_built_in(api_version) {
            return self.other(kind, api_version, body);
        }
        match kind {
            "" => Err("it does not say its kind".to_owned()),
            "ConfigMap" => {
                self.seen.insert("configmaps");
                keyed::<KeyedMap>(&mut self.objects.config_maps, body)
            }
            "Secret" => {
                self.seen.insert("secrets");
                keyed::<KeyedSecret>(&mut self.objects.secrets, body)
            }
            "Event" => {
                self.seen.insert("events");
                self.event(api_version, body)
            }
            "ControllerRevision" => {
                self.seen.insert("controllerrevisions");
                push(&mut self.controller_revisions, body)
            }
            kind => kept(self, kind, body).unwrap_or_else(|| {
                *self.unused.entry(kind.to_owned()).or_default() += 1;
                Ok(0)
            }),
        }
    }

    fn event(&mut self, api_version: &str, body: Body<'_>) -> Result<usize, String> {
        if !api_version.starts_with("events.k8s.io/") {
            return push::<Event>(&mut self.objects.events, body);
        }
        let newer = events::as_core(object(body)?);
        push(&mut self.objects.events, Body::Value(newer))
    }

    /// An object of a kind that is not built in is kept as it is, without what nobody reads.
    fn other(&mut self, kind: &str, api_version: &str, body: Body<'_>) -> Result<usize, String> {
        let (most, largest) = OTHERS;
        let is_gateway = api_version.starts_with("gateway.networking.k8s.io/");
        if self.objects.others.len() >= most && !is_gateway {
            return Err("there are too many of such kinds".to_owned());
        }
        let mut object = object(body)?;
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("managedFields");
            if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
                annotations.remove(LAST_APPLIED);
            }
        }
        if kind == "CustomResourceDefinition" {
            without_schemas(&mut object);
        }
        object.entry("kind").or_insert_with(|| Value::from(kind));
        object.entry("apiVersion").or_insert_with(|| Value::from(api_version));
        let object = Value::Object(object);
        if object.to_string().len() > largest {
            return Err(format!("it is larger than {} KiB", largest / 1024));
        }
        self.objects.others.push(object);
        Ok(0)
    }

    /// Keeps each object once, in the order in which they were read.
    pub(super) fn tidy(&mut self) {
        // Nodes and volumes are looked up by name alone; one that claims a namespace is not a second one of that name.
        let objects = &mut self.objects;
        objects.nodes.iter_mut().for_each(|node| node.metadata.namespace = None);
        objects.volumes.iter_mut().for_each(|volume| volume.metadata.namespace = None);
        objects.storage_classes.iter_mut().for_each(|class| class.metadata.namespace = None);
        each_once(objects);
    }
}

/// Whether a version is of an API that this program knows the types of. Other groups reuse names such as Service.
fn is_built_in(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let foreign =
        ["gateway.networking.k8s.io", "apiextensions.k8s.io", "metrics.k8s.io", "snapshot.storage.k8s.io"];
    !group.contains('.')
        || (group.ends_with(".k8s.io") && group.matches('.').count() <= 3 && !foreign.contains(&group))
}

fn without_schemas(definition: &mut Map<String, Value>) {
    let versions = definition.get_mut("spec").and_then(|spec| spec.get_mut("versions"));
    for version in versions.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(version) = version.as_object_mut() {
            version.remove("schema");
        }
    }
}

fn object(body: Body<'_>) -> Result<Map<String, Value>, String> {
    let value = match body {
        Body::Json(text) => serde_json::from_str(text).map_err(|_| "it is no JSON".to_owned())?,
        Body::Value(value) => value,
    };
    match value {
        Value::Object(object) => Ok(object),
        _ => Err("it is no object".to_owned()),
    }
}

fn push<K>(place: &mut Vec<K>, body: Body<'_>) -> Result<usize, String>
where
    K: Serialize + DeserializeOwned + kube::Resource + 'static,
{
    let (mut object, dropped) = mend::read::<K>(body)?;
    prune_object(&mut object);
    place.push(object);
    Ok(dropped)
}

/// Values are skipped while reading, but for the addresses in a ConfigMap.
fn keyed<T: DeserializeOwned + Into<KeyedObject>>(
    place: &mut Vec<KeyedObject>,
    body: Body<'_>,
) -> Result<usize, String> {
    let (object, dropped) = mend::read::<T>(body)?;
    place.push(object.into());
    Ok(dropped)
}

fn once<T>(objects: &mut Vec<T>, id: impl Fn(&T) -> (String, String)) {
    let mut known = HashSet::new();
    objects.retain(|object| {
        let id = id(object);
        id.1.is_empty() || known.insert(id)
    });
}
