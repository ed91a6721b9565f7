//! Which kinds are read, and into which list of [`Objects`] each goes.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Client, Resource, ResourceExt as _};
use serde_json::Value;

use super::super::watch::{Stored, Watches};
use super::super::{KeyedObject, Objects, ReadError};
use super::fetch::Asked;
use super::keyed::{KeyedMap, KeyedSecret};
use super::list::{Limits, Listing, list};
use super::prune::prune_object;
use crate::telemetry::metrics::{Collected, collected, collector_finished};

/// What one collector brought.
#[derive(Debug, Default)]
pub(in super::super) struct Part {
    pub(in super::super) objects: Objects,
    /// The resources that were read in full where they were asked for.
    pub(in super::super) asked: Vec<&'static str>,
    /// The collector's name and why it did not bring all.
    pub(in super::super) failures: Vec<(&'static str, ReadError)>,
}

/// A kind of object with its place in [`Objects`].
pub(in super::super) trait Kept: Sized {
    fn place(objects: &mut Objects) -> &mut Vec<Self>;
}

/// A kind whose place in the API is known when this program is built.
pub(in super::super) trait Served:
    Resource<DynamicType = ()> + k8s_openapi::Resource + 'static
{
}

impl<K: Resource<DynamicType = ()> + k8s_openapi::Resource + 'static> Served for K {}

macro_rules! kept {
    ($($kind:ty => $place:ident,)*) => {
        $(impl Kept for $kind {
            fn place(objects: &mut Objects) -> &mut Vec<Self> {
                &mut objects.$place
            }
        })*

        /// Adds `more`'s objects to `objects`, each once.
        pub(in super::super) fn append(objects: &mut Objects, more: Objects) {
            $(append_kind(&mut objects.$place, more.$place, |object: &$kind| (object.namespace(), object.name_any()));)*
            let id = |keyed: &KeyedObject| (keyed.namespace.clone(), keyed.name.clone());
            append_kind(&mut objects.config_maps, more.config_maps, id);
            append_kind(&mut objects.secrets, more.secrets, id);
            append_kind(&mut objects.others, more.others, untyped_id);
        }

        impl Objects {
            /// Drops what no analyzer reads, as every collector does.
            pub fn prune(&mut self) {
                $(self.$place.iter_mut().for_each(prune_object);)*
            }
        }

        /// Shows every kind that is kept whole.
        pub(in super::super) fn each_kind(each: &mut impl EachKind) {
            $(each.kind::<$kind>();)*
        }
    };
}

/// Does something for each kind of object.
pub(in super::super) trait EachKind {
    fn kind<K: Kept + Served + Stored>(&mut self);
}

kept! {
    Pod => pods,
    Deployment => deployments,
    ReplicaSet => replica_sets,
    StatefulSet => stateful_sets,
    DaemonSet => daemon_sets,
    Job => jobs,
    CronJob => cron_jobs,
    Service => services,
    EndpointSlice => endpoint_slices,
    Node => nodes,
    HorizontalPodAutoscaler => autoscalers,
    PersistentVolumeClaim => claims,
    PersistentVolume => volumes,
    StorageClass => storage_classes,
    Ingress => ingresses,
    NetworkPolicy => network_policies,
    ResourceQuota => quotas,
    LimitRange => limit_ranges,
    PodDisruptionBudget => disruption_budgets,
    ServiceAccount => service_accounts,
    Event => events,
    Endpoints => endpoints,
    Role => roles,
    RoleBinding => role_bindings,
    ClusterRole => cluster_roles,
    ClusterRoleBinding => cluster_role_bindings,
    ValidatingWebhookConfiguration => validating_webhooks,
    MutatingWebhookConfiguration => mutating_webhooks,
    Namespace => namespaces,
    PriorityClass => priority_classes,
    RuntimeClass => runtime_classes,
    IngressClass => ingress_classes,
}

/// The kind, namespace and name of an object that was read untyped.
fn untyped_id(object: &Value) -> [String; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"]
        .map(|path| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn append_kind<T, I: Eq + Hash>(known: &mut Vec<T>, more: Vec<T>, id: impl Fn(&T) -> I) {
    let ids: HashSet<I> = known.iter().map(&id).collect();
    known.extend(more.into_iter().filter(|object| !ids.contains(&id(object))));
}

/// Reads kinds of objects from one cluster.
#[derive(Clone, Copy)]
pub(in super::super) struct Reader<'a> {
    pub(in super::super) client: &'a Client,
    /// Asked before the API server is.
    pub(in super::super) watches: Option<&'a Watches>,
    pub(in super::super) limits: Limits,
}

impl<'a> Reader<'a> {
    /// Everything in a namespace that an incident may touch, one collector a kind.
    pub(in super::super) fn namespace(self, namespace: &'a str) -> Vec<BoxFuture<'a, Part>> {
        let mut collectors = self.neighbours(namespace);
        collectors.extend([
            self.kind::<Job>(namespace),
            self.kind::<CronJob>(namespace),
            self.kind::<HorizontalPodAutoscaler>(namespace),
            self.kind::<Ingress>(namespace),
            self.kind::<ResourceQuota>(namespace),
            self.kind::<LimitRange>(namespace),
            self.kind::<PodDisruptionBudget>(namespace),
            self.kind::<ServiceAccount>(namespace),
            self.optional::<Role>(Some(namespace)),
            self.optional::<RoleBinding>(Some(namespace)),
        ]);
        collectors.extend(self.routes(namespace));
        collectors
    }

    /// What tells how things go in a namespace that the focus depends on.
    pub(in super::super) fn neighbours(self, namespace: &'a str) -> Vec<BoxFuture<'a, Part>> {
        vec![
            self.kind::<Pod>(namespace),
            self.kind::<Deployment>(namespace),
            self.kind::<ReplicaSet>(namespace),
            self.kind::<StatefulSet>(namespace),
            self.kind::<DaemonSet>(namespace),
            self.kind::<Service>(namespace),
            self.kind::<EndpointSlice>(namespace),
            self.kind::<PersistentVolumeClaim>(namespace),
            self.kind::<NetworkPolicy>(namespace),
            self.kind::<Event>(namespace),
            self.keyed::<ConfigMap, KeyedMap>(namespace, |objects| &mut objects.config_maps),
            self.keyed::<Secret, KeyedSecret>(namespace, |objects| &mut objects.secrets),
        ]
    }

    /// The owners of pods in a namespace and what happened there.
    pub(in super::super) fn owners(self, namespace: &'a str) -> Vec<BoxFuture<'a, Part>> {
        vec![
            self.kind::<Deployment>(namespace),
            self.kind::<ReplicaSet>(namespace),
            self.kind::<StatefulSet>(namespace),
            self.kind::<DaemonSet>(namespace),
            self.kind::<Job>(namespace),
            self.kind::<PodDisruptionBudget>(namespace),
            self.kind::<Event>(namespace),
        ]
    }

    /// What belongs to no namespace.
    pub(in super::super) fn cluster_wide(self) -> Vec<BoxFuture<'a, Part>> {
        let mut collectors = vec![
            self.select::<Node>(None, ListParams::default()),
            self.select::<PersistentVolume>(None, ListParams::default()),
            self.select::<StorageClass>(None, ListParams::default()),
            self.optional::<Namespace>(None),
            self.optional::<ClusterRole>(None),
            self.optional::<ClusterRoleBinding>(None),
            self.optional::<ValidatingWebhookConfiguration>(None),
            self.optional::<MutatingWebhookConfiguration>(None),
            self.optional::<PriorityClass>(None),
            self.optional::<RuntimeClass>(None),
            self.optional::<IngressClass>(None),
        ];
        collectors.extend(self.gateways());
        collectors
    }

    /// A kind that a server may do without: one that does not serve it has none.
    fn optional<K>(self, namespace: Option<&'a str>) -> BoxFuture<'a, Part>
    where
        K: Kept + Served + Stored,
    {
        async move {
            let mut part = self.select::<K>(namespace, ListParams::default()).await;
            part.failures.retain(|(_, error)| error.code() != Some(404));
            part
        }
        .boxed()
    }

    fn kind<K>(self, namespace: &'a str) -> BoxFuture<'a, Part>
    where
        K: Kept + Served + Stored,
    {
        self.select::<K>(Some(namespace), ListParams::default())
    }

    /// One kind, restricted by selectors; `None` reads all namespaces.
    pub(in super::super) fn select<K>(
        self,
        namespace: Option<&'a str>,
        params: ListParams,
    ) -> BoxFuture<'a, Part>
    where
        K: Kept + Served + Stored,
    {
        async move {
            let all = params.label_selector.is_none() && params.field_selector.is_none();
            let listing = self.listing::<K, K>(namespace, params).await;
            let mut part = Part::default();
            *K::place(&mut part.objects) = listing.items;
            part.objects.prune();
            part.asked.extend(Some(K::URL_PATH_SEGMENT).filter(|_| all && listing.error.is_none()));
            part.failures.extend(listing.error.map(|error| (K::URL_PATH_SEGMENT, error)));
            part
        }
        .boxed()
    }

    fn keyed<K, T>(
        self,
        namespace: &'a str,
        place: fn(&mut Objects) -> &mut Vec<KeyedObject>,
    ) -> BoxFuture<'a, Part>
    where
        K: Served,
        T: Stored + Into<KeyedObject>,
    {
        async move {
            let listing = self.listing::<K, T>(Some(namespace), ListParams::default()).await;
            let mut part = Part::default();
            *place(&mut part.objects) = listing.items.into_iter().map(Into::into).collect();
            part.asked.extend(Some(K::URL_PATH_SEGMENT).filter(|_| listing.error.is_none()));
            part.failures.extend(listing.error.map(|error| (K::URL_PATH_SEGMENT, error)));
            part
        }
        .boxed()
    }
}

impl Reader<'_> {
    /// What watches keep of a kind, else what a list brings.
    pub(in super::super) async fn listing<K: Served, T: Stored>(
        self,
        namespace: Option<&str>,
        params: ListParams,
    ) -> Listing<T> {
        let kept = self.watches.and_then(|watches| watches.list::<K, T>(namespace, &params));
        collected(if kept.is_some() { Collected::Watched } else { Collected::Listed });
        if let Some(kept) = kept {
            return kept;
        }
        let asked = asked::<K>(namespace);
        let began = Instant::now();
        let listing = list::<T>(self.client, &K::url_path(&(), namespace), params, &asked, self.limits).await;
        collector_finished(K::URL_PATH_SEGMENT, listing.error.is_none(), began.elapsed());
        listing
    }
}

fn asked<K: Served>(namespace: Option<&str>) -> Asked {
    let group = K::group(&());
    let plural = K::URL_PATH_SEGMENT;
    let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
    Asked { verb: "list", resource, namespace: namespace.map(str::to_owned) }
}
