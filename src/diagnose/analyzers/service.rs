//! Services behind which nothing answers.

use k8s_openapi::api::core::v1::Service;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.services.iter().filter_map(|service| check(index, service)).collect()
}

/// Judges only Services whose EndpointSlices were read: which pods a Snapshot holds is a choice, which endpoints a Service
/// has is a fact.
fn check(index: &Index<'_>, service: &Service) -> Option<Finding> {
    let spec = service.spec.as_ref()?;
    let selector = spec.selector.as_ref().filter(|selector| !selector.is_empty())?;
    let name = object_ref(service);
    if spec.type_.as_deref() == Some("ExternalName") || index.ready_endpoints(&name)? > 0 {
        return None;
    }
    let pods = index.pods_with(&name.namespace, selector);
    let workloads = index.workloads_with(&name.namespace, selector);
    let pairs: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pairs = pairs.join(",");
    if workloads.is_empty() && pods.is_empty() {
        if index.blind_to("pod") || index.blind_to("deployment") {
            return None;
        }
        let statement = format!("The selector {pairs} of {name} matches no pod and no workload");
        return Some(
            Finding::new(codes::SELECTOR_MATCHES_NOTHING, name, statement).field("spec.selector", pairs),
        );
    }
    let wanted: i32 =
        workloads.iter().filter_map(|workload| index.template(workload)).map(|found| found.replicas).sum();
    let names: Vec<_> = workloads.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    if wanted == 0 && pods.is_empty() {
        let statement = format!("{name} has no endpoints: {names} wants 0 replicas");
        let object = workloads.into_iter().next()?;
        let finding = Finding::new(codes::SCALED_TO_ZERO, object, statement);
        return Some(finding.field("service", &name.name).field("spec.replicas", 0));
    }
    let statement = format!("{name} has no ready endpoint; behind it is {names}");
    Some(
        Finding::new(codes::NO_READY_ENDPOINTS, name, statement)
            .field("spec.selector", pairs)
            .field("pods", pods.len()),
    )
}
