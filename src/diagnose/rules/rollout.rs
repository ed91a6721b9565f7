//! Whether a rollout is behind a workload's trouble, for all rules that ask.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;

use crate::diagnose::analyzers::describe_change;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::{is_ready, object_ref, revision_of};
use crate::incident::{Evidence, EvidenceId, ObjectRef};
use crate::observe::{Change, FieldChange};

/// Pods that were made this long before the rollout's own time may still be its pods: clocks and rounding.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(2);

/// A rollout shortly before a workload's trouble.
pub(super) struct Rollout<'a> {
    /// The change.
    pub(super) change: &'a Change,
    /// The Evidence that shows it.
    pub(super) shown: Option<EvidenceId>,
    /// Trouble of pods that the rollout made.
    pub(super) new: Vec<&'a Evidence>,
    /// Trouble of pods that were there before: it speaks against the rollout.
    pub(super) old: Vec<&'a Evidence>,
}

impl<'a> Rollout<'a> {
    /// The rollout that came shortly before the trouble that the Evidence shows, with the Evidence sorted by the revision
    /// that it is about. `None` where none of the pods that the rollout made is in trouble.
    pub(super) fn behind(facts: &Facts<'a>, workload: &ObjectRef, trouble: &[&'a Evidence]) -> Option<Self> {
        let (change, shown) = facts.recent_rollout(workload)?;
        let made = |piece: &&&Evidence| is_made_by(facts, change, piece);
        let (new, old): (Vec<_>, Vec<_>) = trouble.iter().partition(|piece| made(piece));
        (!new.is_empty()).then_some(Self { change, shown, new, old })
    }

    /// What the rollout changed, for a statement: the fields that fit, else all, the first few of them.
    pub(super) fn what(&self, fits: impl Fn(&FieldChange) -> bool) -> String {
        let fields = &self.change.fields;
        let mut shown: Vec<_> = fields.iter().filter(|field| fits(field)).collect();
        if shown.is_empty() {
            shown = fields.iter().collect();
        }
        let texts: Vec<_> = shown.into_iter().take(3).map(describe_change).collect();
        texts.join(", ")
    }

    /// `Revision 7 of Deployment shop/web`.
    pub(super) fn name(&self) -> String {
        match self.change.revision {
            Some(revision) => format!("Revision {revision} of {}", self.change.object),
            None => format!("The newest revision of {}", self.change.object),
        }
    }

    /// Whether it changed a field whose path holds the text.
    pub(super) fn touches(&self, text: &str) -> bool {
        self.change.fields.iter().any(|field| field.path.contains(text))
    }
}

/// A pod belongs to the rollout when its ReplicaSet carries that revision; where that cannot be told, when it is younger.
/// What is not about a pod or a ReplicaSet is about the newest state.
fn is_made_by(facts: &Facts<'_>, change: &Change, piece: &Evidence) -> bool {
    let namespace = piece.fields.get("pod_namespace").unwrap_or(&piece.object.namespace);
    let named = piece.fields.get("pod").map(|pod| ObjectRef::new("Pod", namespace, pod));
    let Some(pod) = facts.index.pod(&named.unwrap_or_else(|| piece.object.clone())) else { return true };
    belongs_to(facts, change, pod)
}

/// Whether the rollout made the pod.
pub(super) fn belongs_to(facts: &Facts<'_>, change: &Change, pod: &Pod) -> bool {
    let owner = facts.index.owner(&pod.metadata);
    let revision = owner.and_then(|owner| revision_of(&facts.index.replica_set(&owner)?.metadata));
    if let (Some(revision), Some(changed)) = (revision, change.revision) {
        return revision == changed;
    }
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    created.is_none_or(|created| change.at.duration_since(created) <= TOLERANCE)
}

/// Pods of the workload from before the rollout that are Ready: they show that the revision before still works.
pub(super) fn healthy_before(facts: &Facts<'_>, change: &Change) -> usize {
    let pods = facts.index.pods_of(&change.object).iter();
    pods.filter(|pod| {
        !belongs_to(facts, change, pod) && is_ready(pod) && facts.about_none(&object_ref(**pod))
    })
    .count()
}
