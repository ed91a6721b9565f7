//! Everything a rule may look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::codes::Code;
use super::graph::EvidenceGraph;
use super::index::Index;
use super::onset;
use crate::incident::{Evidence, EvidenceId, ObjectRef};
use crate::observe::{Change, ChangeKind};

/// At this strength a piece of Evidence by itself says that something is wrong.
pub(super) const ABNORMAL: f64 = 0.5;

/// The Snapshot, its Evidence and its graph, with the questions that rules ask of them.
pub struct Facts<'a> {
    /// Look-ups over the Snapshot.
    pub index: &'a Index<'a>,
    /// Numbered Evidence.
    pub evidence: &'a [Evidence],
    /// How the objects hang together.
    pub graph: &'a EvidenceGraph,
    by_code: BTreeMap<&'a str, Vec<&'a Evidence>>,
    by_workload: BTreeMap<ObjectRef, Vec<&'a Evidence>>,
    changes_of: HashMap<&'a ObjectRef, Vec<&'a Change>>,
}

impl<'a> Facts<'a> {
    /// Sorts the Evidence by what rules ask for.
    #[must_use]
    pub fn new(index: &'a Index<'a>, evidence: &'a [Evidence], graph: &'a EvidenceGraph) -> Self {
        let mut by_code: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut by_workload: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for piece in evidence {
            by_code.entry(piece.code.as_str()).or_default().push(piece);
            by_workload.entry(index.workload_of(&piece.object)).or_default().push(piece);
        }
        let mut changes_of: HashMap<_, Vec<_>> = HashMap::new();
        for change in &index.snapshot.changes {
            changes_of.entry(&change.object).or_default().push(change);
        }
        Self { index, evidence, graph, by_code, by_workload, changes_of }
    }

    /// Evidence with any of the codes, strongest first within a code.
    pub fn with(&self, codes: &[Code]) -> impl Iterator<Item = &'a Evidence> + use<'a, '_> {
        let codes: Vec<_> = codes.iter().map(|code| code.name).collect();
        codes.into_iter().filter_map(|code| self.by_code.get(code)).flatten().copied()
    }

    /// Evidence with any of the codes about a workload, its ReplicaSets or its pods.
    pub fn about(&self, workload: &ObjectRef, codes: &[Code]) -> Vec<&'a Evidence> {
        let found = self.by_workload.get(workload).map(Vec::as_slice).unwrap_or_default();
        let wanted = |piece: &&&Evidence| codes.iter().any(|code| code.name == piece.code);
        found.iter().filter(wanted).copied().collect()
    }

    /// Evidence with any of the codes, by the workload that it is about.
    #[must_use]
    pub fn by_workload(&self, codes: &[Code]) -> BTreeMap<ObjectRef, Vec<&'a Evidence>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for piece in self.with(codes) {
            found.entry(self.index.workload_of(&piece.object)).or_default().push(piece);
        }
        found
    }

    /// Whether anything about the workload by itself says that it is in trouble.
    #[must_use]
    pub fn in_trouble(&self, workload: &ObjectRef) -> bool {
        let found = self.by_workload.get(workload).into_iter().flatten();
        found.into_iter().any(|piece| is_trouble(piece) && !piece.code.starts_with("log."))
    }

    /// Whether something other than load, latency and logs says that the workload is in trouble.
    #[must_use]
    pub fn in_trouble_beyond_load(&self, workload: &ObjectRef) -> bool {
        let found = self.by_workload.get(workload).into_iter().flatten();
        let said = |prefix: &str, piece: &Evidence| piece.code.starts_with(prefix);
        found.into_iter().any(|piece| is_trouble(piece) && !said("log.", piece) && !said("metric.", piece))
    }

    /// Whether anything says that something is wrong, other than the alert that asks. Programs that work complain in their
    /// logs now and then; what they say counts where something else is wrong as well.
    #[must_use]
    pub fn anything_abnormal(&self) -> bool {
        self.evidence.iter().any(|piece| is_trouble(piece) && !piece.code.starts_with("log."))
    }

    /// Workloads and other objects with Evidence, in order.
    pub fn workloads(&self) -> impl Iterator<Item = &ObjectRef> {
        self.by_workload.keys()
    }

    /// When the trouble of a workload began: the earliest of the alerts and of its own abnormal Evidence.
    #[must_use]
    pub fn onset(&self, workload: &ObjectRef) -> Timestamp {
        let own = self.by_workload.get(workload).into_iter().flatten();
        let own =
            own.filter(|piece| is_trouble(piece) && !piece.code.starts_with("log.")).map(|piece| piece.at);
        own.chain(onset::alerted(self.index.snapshot)).min().unwrap_or(self.index.snapshot.taken_at)
    }

    /// The change to an object that came shortly before the trouble of a workload, with the Evidence that shows it.
    #[must_use]
    pub fn recent_change(
        &self,
        object: &ObjectRef,
        kind: ChangeKind,
        workload: &ObjectRef,
    ) -> Option<(&'a Change, Option<EvidenceId>)> {
        let onset = self.onset(workload);
        let own = self.changes_of.get(object).into_iter().flatten().copied();
        let fits = |change: &&Change| {
            change.kind == kind && onset::is_recent(change.at, onset) && !is_mere_restart(change)
        };
        let change = own.filter(fits).max_by_key(|change| change.at)?;
        let code = super::analyzers::change_code(kind);
        let shown = self.with(&[code]).find(|piece| piece.object == *object && piece.at == change.at);
        Some((change, shown.map(|piece| piece.id)))
    }

    /// The rollout of a workload that came shortly before its trouble.
    #[must_use]
    pub fn recent_rollout(&self, workload: &ObjectRef) -> Option<(&'a Change, Option<EvidenceId>)> {
        self.recent_change(workload, ChangeKind::Rollout, workload)
    }

    /// The change to an object that came shortly before the trouble of any of the workloads.
    #[must_use]
    pub fn recent_change_of(
        &self,
        object: &ObjectRef,
        kind: ChangeKind,
        workloads: &BTreeSet<ObjectRef>,
    ) -> Option<(&'a Change, Option<EvidenceId>)> {
        workloads.iter().find_map(|workload| self.recent_change(object, kind, workload))
    }

    /// Whether there is no Evidence of trouble about the very object.
    #[must_use]
    pub fn about_none(&self, object: &ObjectRef) -> bool {
        let workload = self.by_workload.get(&self.index.workload_of(object)).into_iter().flatten();
        !workload.into_iter().any(|piece| piece.object == *object && is_trouble(piece))
    }

    /// Whether an alert is about the workload or one of its pods.
    #[must_use]
    pub fn is_asked_about(&self, workload: &ObjectRef) -> bool {
        let snapshot = self.index.snapshot;
        let focus = snapshot.focus.as_ref().filter(|_| onset::alerted(snapshot).is_some());
        focus.is_some_and(|focus| self.index.workload_of(focus) == *workload)
    }

    /// The workloads with the pods named in the Evidence.
    #[must_use]
    pub fn workloads_of(&self, evidence: &[&Evidence]) -> BTreeSet<ObjectRef> {
        evidence.iter().filter_map(|piece| self.workload_named(piece)).collect()
    }

    /// The workload that a piece of Evidence concerns: by its `pod` field where it is about something that a pod needs.
    #[must_use]
    pub fn workload_named(&self, piece: &Evidence) -> Option<ObjectRef> {
        let namespace = piece.fields.get("pod_namespace").unwrap_or(&piece.object.namespace);
        let pod = piece.fields.get("pod").map(|pod| ObjectRef::new("Pod", namespace, pod));
        Some(self.index.workload_of(&pod.unwrap_or_else(|| piece.object.clone())))
    }
}

/// Whether a rollout only started everything anew: what its pods read then has changed, not they.
fn is_mere_restart(change: &Change) -> bool {
    let restarts = |path: &str| path.contains("restartedAt");
    !change.fields.is_empty() && change.fields.iter().all(|field| restarts(&field.path))
}

/// Whether a piece of Evidence by itself says that something is wrong. Alerts ask and changes are no trouble.
pub(super) fn is_trouble(piece: &Evidence) -> bool {
    use crate::incident::EvidenceSource::{Alert, Change, Repair};
    piece.strength.value() >= ABNORMAL && !matches!(piece.source, Alert | Change | Repair)
}
