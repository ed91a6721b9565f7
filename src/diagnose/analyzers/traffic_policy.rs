//! Services that send callers only to pods of their own node, called from nodes that have none.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// Complaints that fit a Service without any endpoint for the caller.
const UNREACHED: [Code; 4] =
    [codes::LOG_REFUSED, codes::LOG_TIMEOUT, codes::LOG_UNREACHABLE, codes::LOG_UNAVAILABLE];

/// Looks at the complaints about such Services among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    let local = index.snapshot.objects.services.iter().filter(|service| {
        let policy = service.spec.as_ref().and_then(|spec| spec.internal_traffic_policy.as_deref());
        policy == Some("Local")
    });
    let local: BTreeSet<ObjectRef> = local.map(object_ref).collect();
    if local.is_empty() {
        return Vec::new();
    }
    let complaints = found.iter().filter(|finding| UNREACHED.contains(&finding.code));
    complaints.filter_map(|complaint| of_complaint(index, &local, complaint)).collect()
}

fn of_complaint(index: &Index<'_>, local: &BTreeSet<ObjectRef>, complaint: &Finding) -> Option<Finding> {
    let service = local.get(&complaint.dependency()?)?;
    let behind = index.behind(service);
    let serving: BTreeSet<&str> =
        behind.iter().flat_map(|workload| index.pods_of(workload)).filter_map(|pod| node(pod)).collect();
    // Only a pod says from which node it calls.
    let caller = index.pod(&complaint.object)?;
    let from = node(caller).filter(|from| !serving.is_empty() && !serving.contains(from))?;
    let workload = index.workload(caller);
    let statement = format!(
        "{service} sends callers to pods of their own node only (internalTrafficPolicy: Local), and {workload} calls it from {from}, which has none"
    );
    let nodes: Vec<_> = serving.into_iter().collect();
    Some(
        Finding::new(codes::SERVICE_LOCAL_ONLY, service.clone(), statement)
            .field("spec.internalTrafficPolicy", "Local")
            .field("node", from)
            .field("nodes_with_pods", nodes.join(", "))
            .hinders(&workload),
    )
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

#[cfg(test)]
mod tests {
    use crate::diagnose::world::World;

    fn codes(policy: &str, node: &str, line: &str) -> Vec<String> {
        let mut world =
            World::new().deployment("web", 1).deployment("cart", 1).log("web-1-0", &line.repeat(4));
        world.snapshot.objects.services[1].spec.as_mut().unwrap().internal_traffic_policy =
            Some(policy.to_owned());
        world.snapshot.objects.pods[0].spec.as_mut().unwrap().node_name = Some(node.to_owned());
        world.codes().into_iter().filter(|code| code.starts_with("service.")).collect()
    }

    #[test]
    fn a_caller_on_a_node_without_pods_of_a_local_service_is_explained_and_others_are_not() {
        let line = "connect ECONNREFUSED http://cart:80\n";
        assert_eq!(codes("Local", "node-2", line), ["service.local_only"]);
        assert_eq!(codes("Local", "node-1", line), Vec::<String>::new());
        assert_eq!(codes("Cluster", "node-2", line), Vec::<String>::new());
        assert_eq!(codes("Local", "node-2", "all is well\n"), Vec::<String>::new());
    }
}
