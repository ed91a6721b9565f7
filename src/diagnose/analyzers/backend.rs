//! Backends of Ingresses and routes: whether the Service is there and has the port.

use std::collections::BTreeSet;

use crate::diagnose::index::{Index, namespace_of};
use crate::incident::ObjectRef;

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 2;

/// Whether backends exist, for many that ask.
pub(super) struct Backends<'a> {
    index: &'a Index<'a>,
    /// Namespaces whose Services are known.
    known: BTreeSet<&'a str>,
}

/// What controllers of load balancers take for a port of their own: an annotation says where requests go.
const BY_ANNOTATION: &str = "use-annotation";

/// A port as a backend names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackendPort<'p> {
    Number(i32),
    Name(&'p str),
}

/// What is wrong with a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Whether the Service is missing; else it lacks the port.
    pub(super) missing: bool,
    /// Whether the Service itself is to be repaired: it was there by all appearances, and is gone.
    pub(super) blames_service: bool,
    /// A clause that says it.
    pub(super) why: String,
}

impl<'a> Backends<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Self {
        let services = &index.snapshot.objects.services;
        let known = services.iter().map(|service| namespace_of(&service.metadata)).collect();
        Self { index, known }
    }

    /// What is wrong with a Service as a backend; `None` where nothing is, or it cannot be known.
    pub(super) fn check(&self, service: &ObjectRef, port: Option<BackendPort<'_>>) -> Option<Wrong> {
        let Some(found) = self.index.service(service) else { return self.missing(service) };
        let spec = found.spec.as_ref()?;
        let ports = spec.ports.as_deref().unwrap_or_default();
        let has = |wanted: BackendPort<'_>| {
            ports.iter().any(|port| match wanted {
                BackendPort::Number(number) => port.port == number,
                BackendPort::Name(name) => port.name.as_deref() == Some(name),
            })
        };
        if port == Some(BackendPort::Name(BY_ANNOTATION)) {
            return None;
        }
        let wanted = port.filter(|port| !ports.is_empty() && !has(*port))?;
        let wanted = match wanted {
            BackendPort::Number(number) => number.to_string(),
            BackendPort::Name(name) => name.to_owned(),
        };
        let shown: Vec<_> = ports
            .iter()
            .map(|port| match &port.name {
                Some(name) => format!("{} ({name})", port.port),
                None => port.port.to_string(),
            })
            .collect();
        let why = format!("{service} has no port {wanted}; it has {}", shown.join(", "));
        Some(Wrong { missing: false, blames_service: false, why })
    }

    /// A Service whose workload is there by its name, and reached by no other Service, was deleted; else the name is wrong.
    fn missing(&self, service: &ObjectRef) -> Option<Wrong> {
        let namespace = service.namespace.as_str();
        let listed =
            self.known.contains(namespace) || self.index.snapshot.recorded.knows_in("services", namespace);
        if !listed || self.index.blind_to("service") {
            return None;
        }
        let services = self.index.snapshot.objects.services.iter();
        let here = services.filter(|found| namespace_of(&found.metadata) == namespace);
        let near = here
            .filter_map(|found| found.metadata.name.as_deref())
            .filter(|known| {
                strsim::osa_distance(known, &service.name) <= MISSPELT.min(service.name.len() / 3)
            })
            .min_by_key(|known| strsim::osa_distance(known, &service.name));
        let blames_service = near.is_none() && self.was_there(service);
        let hint = near.map(|near| format!("; there is a Service {near}")).unwrap_or_default();
        Some(Wrong { missing: true, blames_service, why: format!("{service} does not exist{hint}") })
    }

    /// Whether a Service is missing that was there by all appearances.
    pub(super) fn is_deleted(&self, service: &ObjectRef) -> bool {
        self.index.service(service).is_none()
            && self.missing(service).is_some_and(|wrong| wrong.blames_service)
    }

    fn was_there(&self, service: &ObjectRef) -> bool {
        let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
        let named = kinds.map(|kind| ObjectRef::new(kind, service.namespace.as_str(), service.name.as_str()));
        let Some(workload) = named.into_iter().find(|workload| self.index.template(workload).is_some())
        else {
            return false;
        };
        let services = self.index.snapshot.objects.services.iter().map(crate::diagnose::index::object_ref);
        let mut here = services.filter(|found| found.namespace == service.namespace);
        !here.any(|found| self.index.behind(&found).contains(&workload))
    }
}
