//! Whether what a diagnosis found concerns the object that was asked about: a look takes in its neighbours too.

use std::collections::BTreeSet;

use crate::diagnose::graph::{EdgeKind, Status};
use crate::diagnose::{Diagnosis, EvidenceGraph};
use crate::incident::{Evidence, Hypothesis, ObjectRef};

/// How deep ownership is followed: a CronJob owns Jobs, which own pods.
const DEEPEST: usize = 3;

/// What belongs to an object, and what it depends on.
pub(super) struct Concern {
    /// The namespace that was asked about as a whole.
    whole: Option<String>,
    own: BTreeSet<ObjectRef>,
    needs: BTreeSet<ObjectRef>,
    /// Whether anything that belongs to it is in trouble.
    pub(super) is_ailing: bool,
}

impl Concern {
    /// Reads it from what a diagnosis has seen and connected.
    pub(super) fn of(subject: &ObjectRef, diagnosis: &Diagnosis) -> Self {
        let graph = &diagnosis.graph;
        let whole = (subject.kind == "Namespace").then(|| subject.name.clone());
        let own = own(subject, graph);
        let needs = own.iter().flat_map(|object| graph.depends_on(object)).collect();
        let mut concern = Self { whole, own, needs, is_ailing: false };
        let ails = |seen: &Evidence| graph.status(&seen.object) == Some(Status::Failing);
        concern.is_ailing = diagnosis.evidence.iter().any(|seen| concern.is_own(&seen.object) && ails(seen));
        concern
    }

    /// Whether an object is the one that was asked about, or belongs to it.
    pub(super) fn is_own(&self, object: &ObjectRef) -> bool {
        match &self.whole {
            Some(namespace) => object.namespace == *namespace || object.name == *namespace,
            None => self.own.contains(object),
        }
    }

    /// Whether a cause can be that of what was asked about: it lies there or in what that depends on, or is shown by it.
    pub(super) fn is_explained_by(&self, cause: &Hypothesis, evidence: &[Evidence]) -> bool {
        let shown = || {
            evidence
                .iter()
                .any(|seen| cause.evidence_for.contains(&seen.id) && self.own.contains(&seen.object))
        };
        self.whole.is_some()
            || self.needs.contains(&cause.object)
            || self.own.contains(&cause.object)
            || shown()
    }
}

/// The object, what it owns, the owners of a pod, the pods of a node, and the Services before and workloads behind it.
fn own(subject: &ObjectRef, graph: &EvidenceGraph) -> BTreeSet<ObjectRef> {
    let mut own = BTreeSet::from([subject.clone()]);
    match subject.kind.as_str() {
        "Node" => own.extend(graph.sources(subject, EdgeKind::RunsOn)),
        "Service" => own.extend(graph.targets(subject, EdgeKind::Selects)),
        "Pod" => {
            for _ in 0..DEEPEST {
                let owners = own.iter().flat_map(|object| graph.sources(object, EdgeKind::Owns));
                let owners: Vec<ObjectRef> = owners.collect();
                own.extend(owners);
            }
            return own;
        }
        _ => {
            own.extend(graph.sources(subject, EdgeKind::Selects));
            own.extend(graph.sources(subject, EdgeKind::Scales));
        }
    }
    for _ in 0..DEEPEST {
        let owned: Vec<ObjectRef> =
            own.iter().flat_map(|object| graph.targets(object, EdgeKind::Owns)).collect();
        own.extend(owned);
    }
    own
}
