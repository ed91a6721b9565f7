//! Why the scheduler finds no node for a pod: which predicate excludes which node, and which of them is to blame.
//!
//! The predicates are those of the default scheduler that depend on objects alone
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/>): name, selector, node affinity, taints, cordon, resources,
//! number of pods, host ports, affinity between pods, and where bound volumes are.
//!
//! A pod's name, selector and affinity say which nodes it is meant for. Where there is none, they are to blame. Where there
//! are some, what excludes these is: what else keeps the pod from nodes that it was not meant for does not matter.
//! Nodes that would do if nobody had closed them lately are told beside.

mod asked;
mod blocker;
mod closed;
mod demand;
mod explain;
mod nodes;
mod peers;

pub(super) use blocker::{Blocker, Kind};
pub(super) use closed::Closed;
pub(super) use demand::{of_pod as asked_by, shown as amount_for_people};
pub(super) use explain::{Compared, Explanation, taints_against};
pub(super) use nodes::Nodes;
