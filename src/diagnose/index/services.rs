//! Services: what they select, where they are reached, whether anything answers behind them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;

type Labels = BTreeMap<String, String>;

impl<'a> Index<'a> {
    /// Pods in the namespace that carry all of the labels; none for an empty selector.
    #[must_use]
    pub fn pods_with(&self, namespace: &str, selector: &Labels) -> Vec<&'a Pod> {
        let Some((key, value)) = selector.iter().next() else { return Vec::new() };
        let candidates = self.pods_by_label.get(&(namespace, key.as_str(), value.as_str()));
        let fits = |pod: &&&Pod| includes(pod.metadata.labels.as_ref(), selector);
        candidates.into_iter().flatten().filter(fits).copied().collect()
    }

    /// Workloads whose pod template carries all of the labels, also those that have no pods now.
    #[must_use]
    pub fn workloads_with(&self, namespace: &str, selector: &Labels) -> BTreeSet<ObjectRef> {
        if selector.is_empty() {
            return BTreeSet::new();
        }
        let templates = self.templates().filter(|(workload, template)| {
            let labels = template.metadata.and_then(|metadata| metadata.labels.as_ref());
            workload.namespace == namespace && workload.kind != "Job" && includes(labels, selector)
        });
        let templates = templates.map(|(workload, _)| workload.clone());
        let running = self.pods_with(namespace, selector).into_iter().map(|pod| self.workload(pod));
        templates.chain(running).collect()
    }

    /// The workloads behind a Service.
    #[must_use]
    pub fn behind(&self, service: &ObjectRef) -> BTreeSet<ObjectRef> {
        let selector = self.service(service).and_then(|service| service.spec.as_ref()?.selector.as_ref());
        selector.map(|selector| self.workloads_with(&service.namespace, selector)).unwrap_or_default()
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

pub(super) fn pods_by_label(pods: &[Pod]) -> HashMap<(&str, &str, &str), Vec<&Pod>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for pod in pods {
        let namespace = namespace_of(&pod.metadata);
        for (key, value) in pod.metadata.labels.iter().flatten() {
            found.entry((namespace, key.as_str(), value.as_str())).or_default().push(pod);
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
