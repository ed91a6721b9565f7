//! Look-ups over a Snapshot: by name, by owner, by label, by address.
//!
//! Built once, in time linear in the number of objects; it judges nothing. Objects without a name cannot be looked up and
//! are left out.

mod calls;
mod names;
mod owners;
mod readiness;
mod references;
mod services;
mod sightings;
mod software;
mod templates;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Node, Pod, Service};

pub use names::{namespace_of, object_ref, reference};
pub use readiness::is_ready;
pub use references::{ConfigKind, ConfigReference, config_references};
pub use sightings::last_seen;
pub use software::{DNS_SERVICES, SYSTEM};
pub use templates::{Template, revision_of};

use crate::incident::ObjectRef;
use crate::observe::{ConfigAddress, Snapshot};
use services::ByLabel;

/// Look-ups over one Snapshot.
pub struct Index<'a> {
    /// What is looked into.
    pub snapshot: &'a Snapshot,
    pods: HashMap<ObjectRef, &'a Pod>,
    replica_sets: HashMap<ObjectRef, &'a ReplicaSet>,
    deployments: HashMap<ObjectRef, &'a Deployment>,
    services: HashMap<ObjectRef, &'a Service>,
    nodes: HashMap<&'a str, &'a Node>,
    jobs: HashMap<ObjectRef, &'a Job>,
    written: HashMap<ObjectRef, Timestamp>,
    templates: BTreeMap<ObjectRef, Template<'a>>,
    workload_of_pod: HashMap<ObjectRef, ObjectRef>,
    pods_of: BTreeMap<ObjectRef, Vec<&'a Pod>>,
    pods_by_label: ByLabel<'a, &'a Pod>,
    workloads_by_label: ByLabel<'a, ObjectRef>,
    services_in: HashMap<&'a str, Vec<&'a str>>,
    behind: HashMap<ObjectRef, BTreeSet<ObjectRef>>,
    replica_sets_of: HashMap<ObjectRef, Vec<&'a ReplicaSet>>,
    events_of: HashMap<ObjectRef, Vec<&'a Event>>,
    service_by_address: HashMap<&'a str, ObjectRef>,
    pod_by_address: HashMap<&'a str, ObjectRef>,
    ready_endpoints: HashMap<ObjectRef, usize>,
    config: HashMap<ObjectRef, &'a [String]>,
    told: HashMap<ObjectRef, &'a [ConfigAddress]>,
    config_in: HashSet<(ConfigKind, &'a str)>,
    calls: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
}

impl<'a> Index<'a> {
    /// Builds every look-up.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let objects = &snapshot.objects;
        let mut index = Self {
            snapshot,
            pods: names::by_name(&objects.pods),
            replica_sets: names::by_name(&objects.replica_sets),
            deployments: names::by_name(&objects.deployments),
            services: names::by_name(&objects.services),
            nodes: objects
                .nodes
                .iter()
                .filter_map(|node| Some((node.metadata.name.as_deref()?, node)))
                .collect(),
            jobs: names::by_name(&objects.jobs),
            written: references::written(objects),
            templates: templates::templates(objects),
            workload_of_pod: HashMap::new(),
            pods_of: BTreeMap::new(),
            pods_by_label: services::pods_by_label(&objects.pods),
            workloads_by_label: services::workloads_by_label(objects),
            services_in: services::services_in(&objects.services),
            behind: HashMap::new(),
            replica_sets_of: HashMap::new(),
            events_of: HashMap::new(),
            service_by_address: services::service_addresses(&objects.services),
            pod_by_address: services::pod_addresses(&objects.pods),
            ready_endpoints: services::ready_endpoints(&objects.endpoint_slices, &objects.endpoints),
            config: references::known(objects),
            told: references::told(objects),
            config_in: references::namespaces(objects),
            calls: BTreeMap::new(),
        };
        index.own_replica_sets();
        index.own_pods();
        index.collect_events();
        index.look_behind_services();
        index.calls = calls::calls(&index);
        index
    }

    /// The pod.
    #[must_use]
    pub fn pod(&self, pod: &ObjectRef) -> Option<&'a Pod> {
        self.pods.get(pod).copied()
    }

    /// The Deployment.
    #[must_use]
    pub fn deployment(&self, deployment: &ObjectRef) -> Option<&'a Deployment> {
        self.deployments.get(deployment).copied()
    }

    /// The ReplicaSet.
    #[must_use]
    pub fn replica_set(&self, replica_set: &ObjectRef) -> Option<&'a ReplicaSet> {
        self.replica_sets.get(replica_set).copied()
    }

    /// The Service.
    #[must_use]
    pub fn service(&self, service: &ObjectRef) -> Option<&'a Service> {
        self.services.get(service).copied()
    }

    /// The node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// The Job.
    #[must_use]
    pub fn job(&self, job: &ObjectRef) -> Option<&'a Job> {
        self.jobs.get(job).copied()
    }

    /// Events about the object, in the order of the Snapshot.
    pub fn events(&self, object: &ObjectRef) -> impl Iterator<Item = &'a Event> + use<'a, '_> {
        self.events_of.get(object).into_iter().flatten().copied()
    }

    fn collect_events(&mut self) {
        for event in &self.snapshot.objects.events {
            let about = &event.involved_object;
            let (Some(kind), Some(name)) = (&about.kind, &about.name) else { continue };
            let namespace = about.namespace.as_deref().unwrap_or_default();
            let namespace = if kind == "Node" { "" } else { namespace };
            self.events_of.entry(ObjectRef::new(kind, namespace, name)).or_default().push(event);
        }
    }

    /// Whether a collector failed whose name contains one of the words (`pods`, `secrets`, …).
    #[must_use]
    pub fn blind_to(&self, what: &str) -> bool {
        self.snapshot.gaps.iter().any(|gap| plain(&gap.collector).contains(what))
    }
}

/// Collector names without the marks that different spellings differ in.
fn plain(collector: &str) -> String {
    collector.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
