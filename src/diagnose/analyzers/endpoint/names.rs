//! Names that Services give: of workloads whose Service is gone, of pods of a StatefulSet, of hosts elsewhere.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{is_about, is_absent};
use crate::diagnose::analyzers::backend::Backends;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// A lookup that failed so often did not fail by chance.
const AGAIN: u64 = 3;

/// A name that does not resolve any more, of a workload that no Service is in front of: its Service was deleted.
pub(super) fn deleted(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let backends = Backends::new(index);
    let mut told = BTreeSet::new();
    let lookups = found.iter().filter(|finding| finding.code == codes::LOG_DNS);
    let services = lookups.filter_map(|lookup| {
        let mut labels = lookup.fields.get("dependency")?.split('.');
        let (name, namespace) = (labels.next()?, labels.next().unwrap_or(&lookup.object.namespace));
        let service = ObjectRef::new("Service", namespace, name);
        let new = backends.is_deleted(&service) && told.insert(service.clone());
        let caller = index.workload_of(&lookup.object);
        let statement =
            format!("{service} does not exist, though what it stood for does: {}", lookup.statement);
        new.then(|| Finding::new(codes::SERVICE_DELETED, service, statement).hinders(&caller))
    });
    services.collect()
}

/// StatefulSets name the Service that gives their pods names. Many name one that does not exist and do without; it matters
/// where such a name does not resolve.
pub(super) fn headless(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let lookups: Vec<&Finding> = found.iter().filter(|finding| finding.code == codes::LOG_DNS).collect();
    let sets = index.snapshot.objects.stateful_sets.iter();
    sets.filter_map(|set| {
        let (name, spec) = (object_ref(set), set.spec.as_ref()?);
        let service = ObjectRef::new("Service", name.namespace.as_str(), spec.service_name.as_deref()?);
        let asked = format!(".{}", service.name);
        let lookup = lookups.iter().find(|lookup| lookup.statement.contains(&asked))?;
        if service.name.is_empty() || !is_absent(index, &service) {
            return None;
        }
        let statement =
            format!("{name} has its names from {service}, which does not exist: {}", lookup.statement);
        let caller = index.workload_of(&lookup.object);
        Some(
            Finding::new(codes::HEADLESS_MISSING, service, statement)
                .field("spec.serviceName", spec.service_name.as_deref().unwrap_or_default())
                .hinders(&caller),
        )
    })
    .collect()
}

/// A name of this cluster that no Service has.
pub(super) fn elsewhere(index: &Index<'_>, name: &ObjectRef, host: &str) -> Option<Finding> {
    let host = host.trim_end_matches('.');
    let mut labels = host.split('.');
    let (service, namespace, mark) = (labels.next()?, labels.next()?, labels.next()?);
    if mark != "svc" {
        return None;
    }
    let target = ObjectRef::new("Service", namespace, service);
    if !is_absent(index, &target) {
        return None;
    }
    let statement = format!("{name} is another name for {host}, and {target} does not exist");
    Some(Finding::new(codes::EXTERNAL_NAME_UNKNOWN, name.clone(), statement).field("spec.externalName", host))
}

/// A name outside that does not resolve, as callers of the Service say.
pub(super) fn unresolved(
    index: &Index<'_>,
    name: &ObjectRef,
    host: &str,
    found: &[Finding],
) -> Option<Finding> {
    let often = |finding: &&Finding| {
        finding.code == codes::LOG_DNS
            && is_about(finding, name)
            && finding.lines().is_some_and(|lines| lines >= AGAIN)
    };
    let complaint = found.iter().find(often)?;
    let caller = index.workload_of(&complaint.object);
    let statement =
        format!("{name} is another name for {host}, and it does not resolve: {}", complaint.statement);
    let finding = Finding::new(codes::EXTERNAL_NAME_UNKNOWN, name.clone(), statement).strength(0.75);
    Some(finding.field("spec.externalName", host).hinders(&caller))
}

/// What callers say of an address that nobody has any more.
const GONE: [Code; 4] =
    [codes::LOG_TIMEOUT, codes::LOG_UNREACHABLE, codes::LOG_REFUSED, codes::LOG_UNAVAILABLE];

/// Services that are younger than a program which calls them, where it calls an address of the Services' network that none of
/// them has: the Service was deleted and made again, and the program keeps the address that it had.
pub(super) fn made_anew(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let complaints = found
        .iter()
        .filter(|finding| GONE.contains(&finding.code) && !finding.fields.contains_key("dependency_kind"));
    let mut told = BTreeSet::new();
    let anew = complaints.filter_map(|complaint| {
        let host = complaint.fields.get("dependency")?;
        let again = complaint.lines().is_some_and(|lines| lines >= AGAIN);
        let address: Ipv4Addr = host.parse().ok().filter(|_| again)?;
        let caller = index.workload_of(&complaint.object);
        let started = index
            .pods_of(&caller)
            .iter()
            .filter_map(|pod| pod.metadata.creation_timestamp.as_ref())
            .map(|time| time.0)
            .max()?;
        let younger = index.called_by(&caller).iter().filter(|service| {
            let found = index.service(service);
            let made = found.and_then(|found| found.metadata.creation_timestamp.as_ref()).map(|time| time.0);
            let own =
                found.and_then(|found| found.spec.as_ref()?.cluster_ip.as_deref()?.parse::<Ipv4Addr>().ok());
            made.is_some_and(|made| made > started)
                && own.is_some_and(|own| own != address && is_near(own, address))
        });
        let mut younger = younger.cloned();
        let service = younger.next().filter(|_| younger.next().is_none())?;
        let new = told.insert(service.clone());
        let statement = format!(
            "{service} was made anew and has another address than {host}, which {caller} still calls: {}",
            complaint.statement
        );
        new.then(|| {
            Finding::new(codes::SERVICE_MADE_ANEW, service, statement).field("address", host).hinders(&caller)
        })
    });
    anew.collect()
}

/// Whether two addresses are in the same range of Services, which is a `/12` to `/20` by the usual installers.
fn is_near(one: Ipv4Addr, other: Ipv4Addr) -> bool {
    u32::from(one) >> 16 == u32::from(other) >> 16
}
