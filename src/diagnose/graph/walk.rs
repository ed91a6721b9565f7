//! Walks over the graph that rules and ranking need.

use std::collections::{BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::{EdgeKind, EvidenceGraph};
use crate::incident::ObjectRef;

impl EvidenceGraph {
    /// The objects one edge of the kind away, in order.
    #[must_use]
    pub fn targets(&self, from: &ObjectRef, kind: EdgeKind) -> BTreeSet<ObjectRef> {
        self.neighbours(from, kind, Direction::Outgoing)
    }

    /// The objects that have an edge of the kind to this one, in order.
    #[must_use]
    pub fn sources(&self, to: &ObjectRef, kind: EdgeKind) -> BTreeSet<ObjectRef> {
        self.neighbours(to, kind, Direction::Incoming)
    }

    fn neighbours(&self, object: &ObjectRef, kind: EdgeKind, direction: Direction) -> BTreeSet<ObjectRef> {
        let Some(place) = self.places.get(object) else { return BTreeSet::new() };
        let edges = self.graph.edges_directed(*place, direction).filter(|edge| *edge.weight() == kind);
        let other = |edge: petgraph::graph::EdgeReference<'_, EdgeKind>| match direction {
            Direction::Outgoing => edge.target(),
            Direction::Incoming => edge.source(),
        };
        edges.filter_map(|edge| Some(self.graph.node_weight(other(edge))?.object.clone())).collect()
    }

    /// Everything that an object depends on, itself included: what it owns, calls, selects, reads, mounts, runs on, and
    /// what scales it. Visits each node once, so that circles end.
    #[must_use]
    pub fn depends_on(&self, from: &ObjectRef) -> BTreeSet<ObjectRef> {
        self.reach(from, |kind| !matches!(kind, EdgeKind::Changed | EdgeKind::SymptomOf))
    }

    /// The Services and workloads that an object was seen failing to call, directly or through others; itself left out
    /// unless the calls run in a circle.
    #[must_use]
    pub fn fails_because_of(&self, from: &ObjectRef) -> BTreeSet<ObjectRef> {
        let mut found = self.reach(from, |kind| matches!(kind, EdgeKind::FailsToCall | EdgeKind::Selects));
        found.remove(from);
        found
    }

    fn reach(&self, from: &ObjectRef, follows: impl Fn(EdgeKind) -> bool) -> BTreeSet<ObjectRef> {
        let mut found = BTreeSet::from([from.clone()]);
        let Some(start) = self.places.get(from) else { return found };
        let mut seen = BTreeSet::from([*start]);
        let mut waiting = VecDeque::from([*start]);
        while let Some(place) = waiting.pop_front() {
            for next in self.next(place, &follows) {
                if seen.insert(next) {
                    waiting.push_back(next);
                    found.extend(self.graph.node_weight(next).map(|node| node.object.clone()));
                }
            }
        }
        found
    }

    fn next(&self, place: NodeIndex, follows: &impl Fn(EdgeKind) -> bool) -> Vec<NodeIndex> {
        let out = self.graph.edges_directed(place, Direction::Outgoing);
        let out = out.filter(|edge| follows(*edge.weight())).map(|edge| edge.target());
        let scaled_by = self.graph.edges_directed(place, Direction::Incoming);
        let scaled_by =
            scaled_by.filter(|edge| *edge.weight() == EdgeKind::Scales && follows(EdgeKind::Scales));
        out.chain(scaled_by.map(|edge| edge.source())).collect()
    }
}
