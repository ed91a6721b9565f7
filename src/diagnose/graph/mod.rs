//! The EvidenceGraph: what depends on what, and what was seen about it.
//!
//! Nodes are objects (also such as do not exist, where something refers to them), changes and alerts; edges are typed.
//! Rules walk it from a symptom towards what it depends on.

mod build;
mod edges;
mod node_link;
mod walk;

use std::collections::HashMap;

use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

pub(super) use build::dependency;
pub(super) use node_link::serialize;

use crate::incident::ObjectRef;

/// How one node relates to another. The direction is that of the sentence: a Deployment *owns* a pod, a Service *selects*
/// one, a pod *reads* a ConfigMap, *runs on* a node; a change has *changed* an object; an alert is a *symptom of* one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// Made it and replaces it.
    Owns,
    /// Sends requests to it by labels.
    Selects,
    /// Mounts it as a volume.
    Mounts,
    /// Reads it into its environment.
    ReadsConfig,
    /// Was scheduled to it.
    RunsOn,
    /// Sets its number of replicas.
    Scales,
    /// Is configured to call it.
    Calls,
    /// Passes requests on to it from outside.
    Routes,
    /// Was seen complaining about it in its log.
    FailsToCall,
    /// Changed it.
    Changed,
    /// Shows its trouble.
    SymptomOf,
}

/// Whether a node is in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It exists and nothing abnormal was seen about it.
    Ok,
    /// It is referred to and is not in the Snapshot.
    Unknown,
    /// Something abnormal was seen about it.
    Failing,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it stands for. Changes and alerts have the kinds `Change` and `Alert`.
    pub object: ObjectRef,
    /// Whether it is in trouble.
    pub status: Status,
}

/// Typed nodes and edges over the objects of one Snapshot.
#[derive(Debug, Clone, Default)]
pub struct EvidenceGraph {
    graph: DiGraph<Node, EdgeKind>,
    places: HashMap<ObjectRef, NodeIndex>,
}

impl EvidenceGraph {
    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.graph.node_count()
    }

    /// Number of edges.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.graph.edge_count()
    }

    /// Whether an object is in trouble; `None` where the graph does not hold it.
    #[must_use]
    pub fn status(&self, object: &ObjectRef) -> Option<Status> {
        let place = self.places.get(object)?;
        self.graph.node_weight(*place).map(|node| node.status)
    }

    fn place(&mut self, object: &ObjectRef, status: Status) -> NodeIndex {
        if let Some(place) = self.places.get(object) {
            if let Some(node) =
                self.graph.node_weight_mut(*place).filter(|node| node.status == Status::Unknown)
            {
                node.status = status;
            }
            return *place;
        }
        let place = self.graph.add_node(Node { object: object.clone(), status });
        self.places.insert(object.clone(), place);
        place
    }

    fn connect(&mut self, from: &ObjectRef, kind: EdgeKind, to: &ObjectRef) {
        if from == to || from.name.is_empty() || to.name.is_empty() {
            return;
        }
        let (from, to) = (self.place(from, Status::Unknown), self.place(to, Status::Unknown));
        self.graph.add_edge(from, to, kind);
    }

    fn mark_failing(&mut self, object: &ObjectRef) {
        let place = self.place(object, Status::Failing);
        if let Some(node) = self.graph.node_weight_mut(place) {
            node.status = Status::Failing;
        }
    }
}
