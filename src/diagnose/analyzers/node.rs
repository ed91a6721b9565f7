//! Nodes: not Ready, under pressure, without network.

use k8s_openapi::api::core::v1::{Node, NodeCondition};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    index.snapshot.objects.nodes.iter().flat_map(check).collect()
}

/// Whether the node's kubelet says, and still says, that it is Ready.
pub(super) fn is_ready(node: &Node) -> bool {
    not_ready(node).is_none()
}

fn conditions(node: &Node) -> impl Iterator<Item = &NodeCondition> {
    node.status.iter().flat_map(|status| status.conditions.iter().flatten())
}

fn not_ready(node: &Node) -> Option<&NodeCondition> {
    conditions(node).find(|condition| condition.type_ == "Ready" && condition.status != "True")
}

fn check(node: &Node) -> Vec<Finding> {
    let ready = not_ready(node).map(|condition| ready_finding(node, condition));
    let others = conditions(node).filter(|condition| condition.status == "True").filter_map(|condition| {
        let code = match condition.type_.as_str() {
            "NetworkUnavailable" => codes::NODE_NETWORK,
            pressure if PRESSURES.contains(&pressure) => codes::NODE_PRESSURE,
            _ => return None,
        };
        let message = condition.message.as_deref().unwrap_or_default();
        let name = object_ref(node);
        let statement = format!("{name} reports {}: {message}", condition.type_);
        Some(Finding::new(code, name, statement).at(since(condition)).field("condition", &condition.type_))
    });
    let others = others.map(|finding| finding.field_if("node", node.metadata.name.as_ref()));
    ready.into_iter().chain(others).collect()
}

fn ready_finding(node: &Node, condition: &NodeCondition) -> Finding {
    let name = object_ref(node);
    let (reason, message) = (condition.reason.as_deref(), condition.message.as_deref());
    let state = if condition.status == "Unknown" { "has stopped reporting" } else { "is not Ready" };
    let statement = format!("{name} {state}: {}", message.or(reason).unwrap_or("no reason given"));
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let unreachable = taints.filter(|taint| taint.key.starts_with("node.kubernetes.io/"));
    let unreachable: Vec<_> = unreachable.map(|taint| format!("{}:{}", taint.key, taint.effect)).collect();
    Finding::new(codes::NODE_NOT_READY, name, statement)
        .at(since(condition))
        .field_if("node", node.metadata.name.as_ref())
        .field("status.conditions[Ready]", &condition.status)
        .field_if("reason", reason)
        .field("taints", unreachable.join(", "))
}

fn since(condition: &NodeCondition) -> Option<jiff::Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}
