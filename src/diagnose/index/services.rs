//! Services: what they select, where they are reached, whether anything answers behind them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{Endpoints, Pod, PodTemplateSpec, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Index, namespace_of, object_ref, reference};
use crate::incident::ObjectRef;
use crate::observe::Objects;

type Labels = BTreeMap<String, String>;

impl<'a> Index<'a> {
    /// Pods in the namespace that carry all of the labels; none for an empty selector.
    #[must_use]
    pub fn pods_with(&self, namespace: &str, selector: &Labels) -> Vec<&'a Pod> {
        let fits = |pod: &&&Pod| includes(pod.metadata.labels.as_ref(), selector);
        fewest(&self.pods_by_label, namespace, selector).iter().filter(fits).copied().collect()
    }

    /// Workloads whose pod template carries all of the labels, also those that have no pods now.
    #[must_use]
    pub fn workloads_with(&self, namespace: &str, selector: &Labels) -> BTreeSet<ObjectRef> {
        let fits = |workload: &&ObjectRef| {
            let template = self.template(workload).and_then(|template| template.metadata);
            includes(template.and_then(|metadata| metadata.labels.as_ref()), selector)
        };
        let templates = fewest(&self.workloads_by_label, namespace, selector).iter().filter(fits);
        let running = self.pods_with(namespace, selector).into_iter().map(|pod| self.workload(pod));
        templates.cloned().chain(running).collect()
    }

    /// The workloads behind a Service.
    #[must_use]
    pub fn behind(&self, service: &ObjectRef) -> BTreeSet<ObjectRef> {
        self.behind.get(service).cloned().unwrap_or_default()
    }

    /// Whether a workload is behind a Service.
    #[must_use]
    pub fn is_behind(&self, workload: &ObjectRef, service: &ObjectRef) -> bool {
        self.behind.get(service).is_some_and(|behind| behind.contains(workload))
    }

    /// Finds for every Service what is behind it, once: much is asked about it.
    pub(super) fn look_behind_services(&mut self) {
        let behind = self.snapshot.objects.services.iter().filter_map(|service| {
            let selector = service.spec.as_ref()?.selector.as_ref()?;
            let name = object_ref(service);
            let workloads = self.workloads_with(&name.namespace, selector);
            Some((name, workloads))
        });
        self.behind = behind.collect();
    }

    /// The names of the Services in a namespace.
    #[must_use]
    pub fn services_in(&self, namespace: &str) -> &[&'a str] {
        self.services_in.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a workload behind a Service declares the port; `None` where none of them declares any.
    #[must_use]
    pub fn declares(&self, service: &ObjectRef, port: i32) -> Option<bool> {
        let ports = self.declared(service);
        (!ports.is_empty()).then(|| ports.contains(&port))
    }

    /// The ports that the workloads behind a Service declare.
    #[must_use]
    pub fn declared(&self, service: &ObjectRef) -> Vec<i32> {
        let behind = self.behind(service);
        let specs = behind.iter().filter_map(|workload| self.spec_of(workload));
        let ports = specs.flat_map(|spec| spec.containers.iter().flat_map(|own| own.ports.iter().flatten()));
        ports.map(|declared| declared.container_port).collect()
    }

    /// The Service that a host name means when it is used in a namespace: `db`, `db.data`, `db.data.svc.cluster.local`,
    /// or a cluster address; pods of StatefulSets by their own names (`db-0.db`) lead to the Service.
    #[must_use]
    pub fn service_named(&self, host: &str, namespace: &str) -> Option<ObjectRef> {
        if let Some(service) = self.service_by_address.get(host) {
            return Some(service.clone());
        }
        let mut labels = host.split('.');
        let (first, second, third) = (labels.next()?, labels.next(), labels.next());
        let mut readings = vec![(first, second.unwrap_or(namespace))];
        if let Some(second) = second {
            readings.push((second, third.filter(|third| *third != "svc").unwrap_or(namespace)));
        }
        let named = |(name, namespace): (&str, &str)| ObjectRef::new("Service", namespace, name);
        readings.into_iter().map(named).find(|service| self.services.contains_key(service))
    }

    /// The pod that has the address.
    #[must_use]
    pub fn pod_at(&self, address: &str) -> Option<&ObjectRef> {
        self.pod_by_address.get(address)
    }

    /// How many endpoints of a Service are ready; `None` where its EndpointSlices are not known.
    #[must_use]
    pub fn ready_endpoints(&self, service: &ObjectRef) -> Option<usize> {
        self.ready_endpoints.get(service).copied()
    }
}

/// Whether the labels hold every pair of the selector.
pub(super) fn includes(labels: Option<&Labels>, selector: &Labels) -> bool {
    let labels = labels.into_iter();
    labels.into_iter().any(|labels| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

/// Whatever carries labels by namespace, key and value.
pub(super) type ByLabel<'a, T> = HashMap<(&'a str, &'a str, &'a str), Vec<T>>;

/// What carries the rarest of the selector's pairs: only there can all of them be. Nothing for an empty selector.
fn fewest<'i, T>(by_label: &'i ByLabel<'i, T>, namespace: &'i str, selector: &'i Labels) -> &'i [T] {
    let carriers = selector.iter().map(|(key, value)| {
        by_label.get(&(namespace, key.as_str(), value.as_str())).map(Vec::as_slice).unwrap_or_default()
    });
    carriers.min_by_key(|carriers| carriers.len()).unwrap_or_default()
}

pub(super) fn pods_by_label(pods: &[Pod]) -> ByLabel<'_, &Pod> {
    let mut found = ByLabel::new();
    for pod in pods {
        let namespace = namespace_of(&pod.metadata);
        for (key, value) in pod.metadata.labels.iter().flatten() {
            found.entry((namespace, key.as_str(), value.as_str())).or_default().push(pod);
        }
    }
    found
}

/// Workloads by the labels of their pod templates; Jobs, behind which nobody waits for answers, are left out.
pub(super) fn workloads_by_label<'a>(objects: &'a Objects) -> ByLabel<'a, ObjectRef> {
    let mut found: ByLabel<'a, ObjectRef> = ByLabel::new();
    let mut add = |kind: &str, metadata: &'a ObjectMeta, template: Option<&'a PodTemplateSpec>| {
        let labels = template.and_then(|template| template.metadata.as_ref()?.labels.as_ref());
        let namespace = namespace_of(metadata);
        for (key, value) in labels.into_iter().flatten() {
            found
                .entry((namespace, key.as_str(), value.as_str()))
                .or_default()
                .push(reference(kind, metadata));
        }
    };
    for object in &objects.deployments {
        add("Deployment", &object.metadata, object.spec.as_ref().map(|spec| &spec.template));
    }
    for object in &objects.stateful_sets {
        add("StatefulSet", &object.metadata, object.spec.as_ref().map(|spec| &spec.template));
    }
    for object in &objects.daemon_sets {
        add("DaemonSet", &object.metadata, object.spec.as_ref().map(|spec| &spec.template));
    }
    found
}

pub(super) fn services_in(services: &[Service]) -> HashMap<&str, Vec<&str>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for service in services {
        if let Some(name) = service.metadata.name.as_deref() {
            found.entry(namespace_of(&service.metadata)).or_default().push(name);
        }
    }
    found
}

pub(super) fn service_addresses(services: &[Service]) -> HashMap<&str, ObjectRef> {
    let addresses = |service: &'_ Service| {
        service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref().map(str::len))
    };
    let real =
        services.iter().filter(|service| addresses(service).is_some_and(|length| length > "None".len()));
    real.filter_map(|service| Some((service.spec.as_ref()?.cluster_ip.as_deref()?, object_ref(service))))
        .collect()
}

pub(super) fn pod_addresses(pods: &[Pod]) -> HashMap<&str, ObjectRef> {
    // Pods on the host's network share its address: they cannot be told apart by it.
    let own = pods.iter().filter(|pod| pod.spec.as_ref().is_none_or(|spec| spec.host_network != Some(true)));
    own.filter_map(|pod| Some((pod.status.as_ref()?.pod_ip.as_deref()?, object_ref(pod)))).collect()
}

/// Ready endpoints by Service: from slices, and from the older kind where a Service has none.
pub(super) fn ready_endpoints(slices: &[EndpointSlice], older: &[Endpoints]) -> HashMap<ObjectRef, usize> {
    let mut ready: HashMap<_, usize> = HashMap::new();
    let sliced: BTreeSet<_> = slices.iter().filter_map(service_of).collect();
    for endpoints in older {
        let service = ObjectRef::new(
            "Service",
            namespace_of(&endpoints.metadata),
            endpoints.metadata.name.as_deref().unwrap_or_default(),
        );
        if !sliced.contains(&service) {
            let subsets = endpoints.subsets.iter().flatten();
            ready.insert(service, subsets.map(|subset| subset.addresses.iter().flatten().count()).sum());
        }
    }
    for slice in slices {
        let Some(service) = service_of(slice) else { continue };
        // The API says: an endpoint whose readiness is unknown counts as ready.
        let endpoints = slice.endpoints.iter().flatten();
        let is_ready = endpoints.filter(|endpoint| {
            endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
        });
        *ready.entry(service).or_default() += is_ready.count();
    }
    ready
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectRef> {
    let name = slice.metadata.labels.as_ref()?.get("kubernetes.io/service-name")?;
    Some(ObjectRef::new("Service", namespace_of(&slice.metadata), name))
}
