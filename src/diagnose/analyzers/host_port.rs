//! Programs that call the agent of their own node by the node's address, on a node that the agent keeps away from: its
//! DaemonSet does not tolerate a taint there.
//!
//! That a DaemonSet leaves tainted nodes out is how people want it; what counts is that somebody on such a node is refused
//! at its port.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, PodSpec};

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::schedule::taints_against;

/// What callers say of a port on which nobody listens.
const NOBODY: [Code; 4] =
    [codes::LOG_REFUSED, codes::LOG_TIMEOUT, codes::LOG_UNREACHABLE, codes::LOG_UNAVAILABLE];

/// Fewer lines are a remark.
const AGAIN: u64 = 5;

/// Looks at the complaints about addresses of nodes among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    if index.snapshot.objects.daemon_sets.is_empty() {
        return Vec::new();
    }
    let nodes = addresses(index);
    let mut told = BTreeSet::new();
    let complaints = found.iter().filter(|finding| NOBODY.contains(&finding.code));
    let kept_away = complaints.filter_map(|complaint| {
        let field = |name: &str| complaint.fields.get(name).map(String::as_str);
        let again = complaint.lines().is_some_and(|lines| lines >= AGAIN);
        let (host, port) = (field("dependency")?, field("dependency_port")?.parse::<i32>().ok()?);
        let node = *nodes.get(host).filter(|_| again)?;
        let sets = index.snapshot.objects.daemon_sets.iter();
        let (set, taint) = sets.filter_map(|set| Some((set, kept_off(index, set, node, port)?))).next()?;
        let (object, caller, node) = (object_ref(set), index.workload_of(&complaint.object), object_ref(node));
        let new = told.insert((object.clone(), caller.clone()));
        let statement = format!(
            "{object} does not tolerate {taint} of {node}, and {caller} is refused at its port {port} there: {}",
            complaint.statement
        );
        new.then(|| {
            Finding::new(codes::AGENT_KEPT_OFF, object, statement)
                .field("node", &node.name)
                .field("taint", taint)
                .field("port", port)
                .hinders(&caller)
        })
    });
    kept_away.collect()
}

fn addresses<'a>(index: &Index<'a>) -> HashMap<&'a str, &'a Node> {
    let of_node = |node: &'a Node| {
        let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
        addresses.map(move |address| (address.address.as_str(), node))
    };
    index.snapshot.objects.nodes.iter().flat_map(of_node).collect()
}

/// The taint by which a DaemonSet that serves the port has no pod on the node.
fn kept_off(index: &Index<'_>, set: &DaemonSet, node: &Node, port: i32) -> Option<String> {
    let spec = set.spec.as_ref()?.template.spec.as_ref().filter(|spec| serves(spec, port))?;
    let name = node.metadata.name.as_deref();
    let pods = index.pods_of(&object_ref(set)).iter();
    let mut there = pods.filter(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == name);
    let absent = there.next().is_none();
    taints_against(node, spec).into_iter().next().filter(|_| absent)
}

fn serves(spec: &PodSpec, port: i32) -> bool {
    let own_network = spec.host_network == Some(true);
    let mut ports = spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
    ports.any(|own| own.host_port == Some(port) || (own_network && own.container_port == port))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, object};

    /// A node with a taint, an agent on port 8126 with the tolerations, and a caller on the node that says the line.
    fn at_fault(tolerations: &Value, line: &str, on_node: bool) -> Vec<String> {
        let mut world =
            World::new().node("node-1", "True").deployment("web", 1).log("web-1-0", &line.repeat(8));
        let objects = &mut world.snapshot.objects;
        objects.nodes[0].spec =
            object(json!({"taints": [{"key": "dedicated", "value": "web", "effect": "NoSchedule"}]}));
        objects.nodes[0].status.as_mut().unwrap().addresses =
            object(json!([{"type": "InternalIP", "address": "192.0.2.7"}]));
        let spec = json!({"tolerations": tolerations, "containers": [{"name": "a", "ports": [{"containerPort": 9, "hostPort": 8126}]}]});
        objects.daemon_sets.push(object(json!({"metadata": {"namespace": "infra", "name": "agent"},
            "spec": {"selector": {}, "template": {"spec": spec}}})));
        if on_node {
            objects.pods.push(object(json!({"metadata": {"namespace": "infra", "name": "agent-x",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "d", "controller": true}]},
                "spec": {"nodeName": "node-1", "containers": []}, "status": {"phase": "Running"}})));
        }
        world.causes().into_iter().map(|(_, object, _)| object).collect()
    }

    const REFUSED: &str = "dial udp 192.0.2.7:8126: connect: connection refused\n";

    #[test]
    fn an_agent_that_keeps_off_the_node_of_its_callers_is_at_fault() {
        assert_eq!(at_fault(&json!([]), REFUSED, false), ["DaemonSet infra/agent"]);
    }

    #[test]
    fn an_agent_that_may_be_there_or_is_or_that_nobody_misses_is_left_alone() {
        let agent = "DaemonSet infra/agent".to_owned();
        let tolerates = json!([{"key": "dedicated", "operator": "Exists"}]);
        assert!(!at_fault(&tolerates, REFUSED, false).contains(&agent));
        assert!(!at_fault(&json!([]), REFUSED, true).contains(&agent));
        assert!(
            !at_fault(&json!([]), "dial udp 192.0.2.7:9999: connect: connection refused\n", false)
                .contains(&agent)
        );
        assert!(!at_fault(&json!([]), "all is well\n", false).contains(&agent));
    }
}
