//! The graph as node-link JSON, the form that networkx, D3 and Gephi read.

use petgraph::visit::EdgeRef;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{EvidenceGraph, Node};
use crate::incident::ObjectRef;

impl EvidenceGraph {
    /// `{"directed":true,"multigraph":true,"graph":{},"nodes":[{"id","kind","namespace","name","status"}],
    /// "links":[{"source","target","kind"}]}`, both lists in order of their contents.
    #[must_use]
    pub fn node_link(&self) -> Value {
        let mut nodes: Vec<_> = self.graph.node_weights().collect();
        nodes.sort_by(|left, right| left.object.cmp(&right.object));
        let mut links: Vec<_> = self
            .graph
            .edge_references()
            .filter_map(|edge| {
                let (from, to) =
                    (self.graph.node_weight(edge.source())?, self.graph.node_weight(edge.target())?);
                Some((&from.object, &to.object, edge.weight()))
            })
            .collect();
        links.sort();
        json!({
            "directed": true,
            "multigraph": true,
            "graph": {},
            "nodes": nodes.into_iter().map(node).collect::<Vec<_>>(),
            "links": links.into_iter().map(|(from, to, kind)| {
                json!({"source": id(from), "target": id(to), "kind": kind})
            }).collect::<Vec<_>>(),
        })
    }
}

fn node(node: &Node) -> Value {
    let object = &node.object;
    json!({
        "id": id(object),
        "kind": object.kind,
        "namespace": object.namespace,
        "name": object.name,
        "status": node.status,
    })
}

fn id(object: &ObjectRef) -> String {
    format!("{}/{}/{}", object.kind, object.namespace, object.name)
}

/// Serializes the graph as its node-link form.
pub(in crate::diagnose) fn serialize<S: Serializer>(
    graph: &EvidenceGraph,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    graph.node_link().serialize(serializer)
}
