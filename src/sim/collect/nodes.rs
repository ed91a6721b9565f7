//! Nodes: conditions, capacity, cordons.

use super::Sink;
use crate::sim::kinds::NODES;
use crate::sim::objects::meta;
use crate::sim::world::{World, fields, quantity};

pub(super) fn collect(world: &World, sink: &mut Sink) {
    for node in world.all(&NODES) {
        let name = meta::name(&node);
        let version = fields::text(&node, "/status/nodeInfo/kubeletVersion");
        sink.add("kube_node_info", &[("node", name), ("kubelet_version", version)], 1.0);
        sink.add_truth(
            "kube_node_spec_unschedulable",
            &[("node", name)],
            fields::flag(&node, "/spec/unschedulable"),
        );
        for condition in fields::list(&node, "/status/conditions") {
            let (kind, now) = (fields::text(condition, "/type"), fields::text(condition, "/status"));
            for status in ["true", "false", "unknown"] {
                let labels = [("node", name), ("condition", kind), ("status", status)];
                sink.add_truth("kube_node_status_condition", &labels, now.eq_ignore_ascii_case(status));
            }
        }
        for (resource, unit) in [("cpu", "core"), ("memory", "byte"), ("pods", "integer")] {
            let value = quantity::of(node.pointer(&format!("/status/allocatable/{resource}"))).unwrap_or(0.0);
            let labels = [("node", name), ("resource", resource), ("unit", unit)];
            sink.add("kube_node_status_allocatable", &labels, value);
        }
        for taint in fields::list(&node, "/spec/taints") {
            let labels = [
                ("node", name),
                ("key", fields::text(taint, "/key")),
                ("effect", fields::text(taint, "/effect")),
            ];
            sink.add("kube_node_spec_taint", &labels, 1.0);
        }
        let labels = [("job", "kubelet"), ("instance", name), ("node", name)];
        sink.add_truth("up", &labels, world.switches().is_up(name));
    }
    sink.add("up", &[("job", "kube-state-metrics"), ("instance", "10.244.0.2:8080")], 1.0);
}
