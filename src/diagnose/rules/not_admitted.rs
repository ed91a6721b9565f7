//! Pods that kubelets turn away one after the other: for what their workload asks, or because the node cannot give what it
//! promised.

use super::agent::{self, Agent};
use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// Reasons that speak against the node rather than against the pod.
const OF_NODE: [&str; 2] = ["UnexpectedAdmissionError", "NodeShutdown"];

/// `scheduling.unschedulable` about the workload; about the node, or the agent that offers its devices, where these fail.
pub(super) fn turned_away(facts: &Facts<'_>) -> Vec<Candidate> {
    facts.with(&[codes::NOT_ADMITTED]).map(|piece| candidate(facts, piece)).collect()
}

fn candidate(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let workload = piece.object.clone();
    let of_node = piece.fields.get("reason").is_some_and(|reason| OF_NODE.contains(&reason.as_str()));
    let Some(node) = piece.fields.get("node").filter(|_| of_node) else {
        return Candidate::new(confidence::UNSCHEDULABLE, workload, piece.statement.as_str())
            .because([piece]);
    };
    if let Some((agent, shown)) = agent::down_on(facts, node, Agent::Devices) {
        let statement = format!(
            "{agent} does not run on node {node}, and pods that need its devices are turned away there"
        );
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, agent, statement).because(shown);
        return candidate.because([piece]).explaining([workload]);
    }
    let node = ObjectRef::cluster_wide("Node", node.as_str());
    let candidate = Candidate::new(confidence::NODE_NOT_READY, node, piece.statement.as_str());
    candidate.because([piece]).explaining([workload])
}
