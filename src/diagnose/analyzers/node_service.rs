//! The services that make a node: kubelet, container runtime, kube-proxy, and the scheduler where it runs as a service.

use jiff::SignedDuration;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;
use crate::observe::NodeService;

/// The scheduler looks at a new pod within a second; after this time it does not look at all.
const UNSEEN: SignedDuration = SignedDuration::from_secs(30);

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let nodes = index.snapshot.recorded.node_services.iter();
    let down = nodes.flat_map(|(node, services)| {
        let down = services.iter().filter(|(_, service)| service.active == Some(false));
        down.filter(|(name, _)| !has_stand_in(index, node, name))
            .map(move |(name, service)| finding(node, name, service))
    });
    down.chain(unseen(index)).collect()
}

fn finding(node: &str, name: &str, service: &NodeService) -> Finding {
    let object = ObjectRef::cluster_wide("Node", node);
    let state = service.state.as_deref().unwrap_or("not running");
    let since = service.since.as_deref().map(|since| format!(" since {since}")).unwrap_or_default();
    let finding =
        Finding::new(code(name), object, format!("Service {name} of node {node} is {state}{since}"));
    finding.field("node", node).field("service", name).field("state", state)
}

fn code(service: &str) -> Code {
    let service = service.trim_end_matches(".service");
    match service {
        "kubelet" => codes::KUBELET_DOWN,
        "kube-proxy" => codes::PROXY_DOWN,
        "kube-scheduler" => codes::SCHEDULER_DOWN,
        "containerd" | "crio" | "cri-o" | "docker" | "cri-docker" => codes::RUNTIME_DOWN,
        _ => codes::NODE_SERVICE_DOWN,
    }
}

/// Parts of the control plane run several times, and one of them is enough.
fn has_stand_in(index: &Index<'_>, node: &str, service: &str) -> bool {
    let control_plane = ["kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"];
    let mut others = index.snapshot.recorded.node_services.iter().filter(|(other, _)| *other != node);
    control_plane.contains(&service)
        && others.any(|(_, services)| services.get(service).is_some_and(|found| found.active == Some(true)))
}

/// Pods that no scheduler has looked at: neither a node nor a reason why there is none.
fn unseen<'a>(index: &'a Index<'_>) -> impl Iterator<Item = Finding> + 'a {
    let pods = index.snapshot.objects.pods.iter().filter(|pod| {
        let spec = pod.spec.as_ref();
        let has_node =
            spec.is_some_and(|spec| spec.node_name.as_deref().is_some_and(|node| !node.is_empty()));
        let gated =
            spec.is_some_and(|spec| spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()));
        let status = pod.status.as_ref();
        let waits = status.and_then(|status| status.phase.as_deref()).is_some_and(|phase| phase == "Pending");
        let judged = status.is_some_and(|status| {
            status.conditions.iter().flatten().any(|condition| condition.type_ == "PodScheduled")
        });
        let age = pod
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|made| index.snapshot.taken_at.duration_since(made.0));
        waits && !has_node && !gated && !judged && age.is_some_and(|age| age > UNSEEN)
    });
    pods.map(|pod| {
        let name = object_ref(pod);
        let scheduler =
            pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or("default-scheduler");
        let statement = format!("{name} waits for a node, and scheduler {scheduler} has not looked at it");
        let since = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        Finding::new(codes::NOT_SCHEDULED, name, statement).at(since).field("scheduler", scheduler)
    })
}
