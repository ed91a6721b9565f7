//! What keeps a pod off a node.

use std::fmt;

/// The predicates, those that say more about the pod first: of two that exclude as many nodes, the first is blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::diagnose) enum Kind {
    /// The pod names another node.
    Name,
    /// The node lacks labels of the pod's node selector.
    Selector,
    /// The node does not fit the pod's required node affinity.
    Affinity,
    /// The node has not enough of a resource left.
    Resource,
    /// The node runs as many pods as it may.
    Pods,
    /// Another pod has the host port.
    Port,
    /// A pod that this one must not be near, or that must not be near this one.
    AntiAffinity,
    /// No pod that this one must be near.
    PodAffinity,
    /// A volume of the pod is elsewhere.
    Volume,
    /// The pod does not tolerate a taint.
    Taint,
    /// The node is short of memory, disk or processes.
    Pressure,
    /// The node does not work.
    NotReady,
    /// A person has taken the node out of service.
    Cordoned,
}

/// One predicate that excludes a node, with what it misses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::diagnose) struct Blocker {
    /// Which predicate.
    pub(in crate::diagnose) kind: Kind,
    /// The label, taint, resource or pod, as in `cpu: asks 12, 7.1 free`.
    pub(in crate::diagnose) what: String,
}

impl Blocker {
    pub(super) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    /// The resource that is short, `cpu` or `memory` or another.
    pub(in crate::diagnose) fn resource(&self) -> Option<&str> {
        (self.kind == Kind::Resource).then(|| self.what.split(':').next().unwrap_or_default())
    }
}

impl Blocker {
    /// What closes the node, as in `taint dedicated=gpu:NoSchedule`.
    pub(super) fn closure(&self) -> String {
        if self.kind == Kind::Cordoned { "a cordon".to_owned() } else { format!("taint {}", self.what) }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.kind {
            Kind::Name => write!(f, "the pod names node {what}"),
            Kind::Selector => write!(f, "no label {what}, which the node selector asks for"),
            Kind::Affinity => write!(f, "does not fit the node affinity: {what}"),
            Kind::Resource => write!(f, "not enough {what}"),
            Kind::Pods => write!(f, "runs as many pods as it may ({what})"),
            Kind::Port => write!(f, "host port {what} is taken"),
            Kind::AntiAffinity => write!(f, "anti-affinity: {what} is there"),
            Kind::PodAffinity => write!(f, "affinity: {what} is not there"),
            Kind::Volume => write!(f, "volume {what} is elsewhere"),
            Kind::Taint => write!(f, "taint {what} is not tolerated"),
            Kind::Pressure => write!(f, "short of {what}"),
            Kind::NotReady => f.write_str("not Ready"),
            Kind::Cordoned => f.write_str("cordoned"),
        }
    }
}
