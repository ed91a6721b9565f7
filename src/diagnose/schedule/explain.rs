//! One pod against all nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec, Taint, Toleration};

use super::asked::Asked;
use super::blocker::{Blocker, Kind};
use super::closed::{self, Closed};
use super::demand;
use super::nodes::{Nodes, Seat};
use crate::diagnose::index::Index;
use crate::diagnose::labels::fits;
use crate::incident::Quantity;

/// Taints that Kubernetes itself sets for conditions of a node.
const NOT_READY: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const CORDON: &str = "node.kubernetes.io/unschedulable";

const PRESSURE: [&str; 3] = [
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/pid-pressure",
];

/// Why a pod has no node.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::diagnose) struct Explanation {
    /// What is to blame: without it the pod would fit.
    pub(in crate::diagnose) blamed: Blocker,
    /// How many nodes it excludes of those that the pod is meant for.
    pub(in crate::diagnose) excluded: usize,
    /// How many nodes the pod is meant for; all, where it is meant for none.
    pub(in crate::diagnose) meant: usize,
    /// Every node with what excludes it.
    pub(in crate::diagnose) nodes: BTreeMap<String, Vec<Blocker>>,
}

/// One pod compared with every node.
pub(in crate::diagnose) struct Compared<'n, 'a> {
    rows: Vec<(&'n Seat<'a>, Vec<Blocker>)>,
}

impl<'n, 'a> Compared<'n, 'a> {
    /// Compares; `None` for a pod without a spec.
    pub(in crate::diagnose) fn new(index: &Index<'a>, nodes: &'n Nodes<'a>, pod: &'a Pod) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        let asked = Asked::new(index, nodes, pod, spec);
        Some(Self { rows: nodes.all.iter().map(|seat| (seat, blockers(&asked, seat))).collect() })
    }

    /// Explains; `None` where no node was read, or where nothing that can be seen excludes the pod from a node.
    pub(in crate::diagnose) fn explain(&self) -> Option<Explanation> {
        let rows = &self.rows;
        if rows.iter().any(|(_, blockers)| blockers.is_empty()) {
            return None;
        }
        let open: Vec<_> = rows.iter().filter(|(seat, _)| !seat.is_reserved()).collect();
        let open = if open.is_empty() { rows.iter().collect() } else { open };
        let meant: Vec<_> = open.iter().filter(|(_, blockers)| !blockers.iter().any(is_choice)).collect();
        let considered: Vec<&[Blocker]> = if meant.is_empty() {
            open.iter().map(|(_, blockers)| blockers.as_slice()).collect()
        } else {
            meant.iter().map(|(_, blockers)| blockers.as_slice()).collect()
        };
        let (blamed, excluded) = blame(&considered, meant.is_empty())?;
        let nodes = rows.iter().map(|(seat, blockers)| (seat.name.to_owned(), blockers.clone())).collect();
        Some(Explanation { blamed, excluded, meant: considered.len(), nodes })
    }

    /// Nodes that only a cordon or a taint of late keeps the pod from, where it could use others too and these have no room:
    /// a pod that is meant for closed nodes alone was told where to go.
    pub(in crate::diagnose) fn closed_lately(&self, index: &Index<'_>) -> Vec<Closed> {
        let meant = || {
            let open = self.rows.iter().filter(|(seat, _)| !seat.is_reserved());
            open.filter(|(_, blockers)| !blockers.iter().any(is_choice))
        };
        let is_closed = |blockers: &[Blocker]| blockers.iter().any(closed::closes);
        if meant().all(|(_, blockers)| is_closed(blockers)) {
            return Vec::new();
        }
        let alone =
            meant().filter(|(_, blockers)| is_closed(blockers) && blockers.iter().all(closed::closes));
        alone.filter_map(|(seat, blockers)| closed::lately(index, seat, blockers)).collect()
    }
}

/// By what the pod says about nodes itself.
fn is_choice(blocker: &Blocker) -> bool {
    blocker.kind <= Kind::Affinity
}

/// The predicate that alone excludes most nodes, else the one that excludes most.
fn blame(rows: &[&[Blocker]], by_choice: bool) -> Option<(Blocker, usize)> {
    let mut counts: BTreeMap<(Kind, &str), (usize, usize, &Blocker)> = BTreeMap::new();
    for row in rows {
        let row: Vec<_> = row.iter().filter(|blocker| !by_choice || blocker.kind <= Kind::Affinity).collect();
        let alone = row.len() == 1;
        for blocker in row {
            let resource = blocker.resource().unwrap_or_default();
            let count = counts.entry((blocker.kind, resource)).or_insert((0, 0, blocker));
            count.0 += usize::from(alone);
            count.1 += 1;
        }
    }
    let best = counts
        .into_iter()
        .max_by(|((left, _), a), ((right, _), b)| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| right.cmp(left)));
    best.map(|(_, (_, all, blocker))| (blocker.clone(), all))
}

fn blockers(asked: &Asked<'_>, seat: &Seat<'_>) -> Vec<Blocker> {
    let mut found = chosen(seat, asked.spec);
    found.extend(closing(seat.node, asked.spec));
    found.extend(resources(seat, asked));
    found.extend(asked.port_taken(seat));
    found.extend(asked.peers.blockers(seat));
    found.extend(asked.volumes_elsewhere(seat));
    found
}

/// By what the pod says about nodes: name, selector, affinity.
fn chosen(seat: &Seat<'_>, spec: &PodSpec) -> Vec<Blocker> {
    let mut found = Vec::new();
    if let Some(name) = spec.node_name.as_deref().filter(|name| !name.is_empty() && *name != seat.name) {
        found.push(Blocker::new(Kind::Name, name));
    }
    let mut missing =
        spec.node_selector.iter().flatten().filter(|(key, value)| seat.labels.get(*key) != Some(*value));
    if let Some((key, value)) = missing.next() {
        found.push(Blocker::new(Kind::Selector, format!("{key}={value}")));
    }
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    if let Some(required) = required
        && !required.node_selector_terms.iter().any(|term| fits(term, seat.name, seat.labels))
    {
        let keys =
            required.node_selector_terms.iter().flat_map(|term| term.match_expressions.iter().flatten());
        let asked = keys.map(|asked| {
            let values = asked.values.as_deref().unwrap_or_default().join(", ");
            format!("{} {} {values}", asked.key, asked.operator).trim_end().to_owned()
        });
        found.push(Blocker::new(Kind::Affinity, asked.collect::<Vec<_>>().join("; ")));
    }
    found
}

/// Taints and cordons of the node that the pod does not tolerate.
pub(super) fn closing(node: &Node, spec: &PodSpec) -> Vec<Blocker> {
    let Some(node) = node.spec.as_ref() else { return Vec::new() };
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let taints = node.taints.iter().flatten();
    let repels = taints.filter(|taint| {
        ["NoSchedule", "NoExecute"].contains(&taint.effect.as_str())
            && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    });
    let mut found: Vec<_> = repels.map(of_taint).collect();
    let tolerates_cordon = tolerations.iter().any(|toleration| {
        toleration.key.as_deref() == Some(CORDON)
            || (toleration.key.is_none() && toleration.operator.as_deref() == Some("Exists"))
    });
    if node.unschedulable == Some(true) && !tolerates_cordon {
        found.push(Blocker::new(Kind::Cordoned, ""));
    }
    found.sort_by_key(|blocker| blocker.kind);
    found.dedup();
    found
}

/// Taints of people that pods of the spec do not tolerate, as in `taint dedicated=gpu:NoSchedule`. DaemonSets tolerate what
/// Kubernetes itself sets.
pub(in crate::diagnose) fn taints_against(node: &Node, spec: &PodSpec) -> Vec<String> {
    let taints = closing(node, spec).into_iter().filter(|blocker| blocker.kind == Kind::Taint);
    taints.map(|blocker| blocker.closure()).collect()
}

fn of_taint(taint: &Taint) -> Blocker {
    let key = taint.key.as_str();
    if key == CORDON {
        return Blocker::new(Kind::Cordoned, "");
    }
    if NOT_READY.contains(&key) {
        return Blocker::new(Kind::NotReady, "");
    }
    if PRESSURE.contains(&key) {
        let what = key.trim_start_matches("node.kubernetes.io/").trim_end_matches("-pressure");
        return Blocker::new(Kind::Pressure, what);
    }
    let value = taint.value.as_deref().filter(|value| !value.is_empty());
    let value = value.map(|value| format!("={value}")).unwrap_or_default();
    Blocker::new(Kind::Taint, format!("{key}{value}:{}", taint.effect))
}

/// <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().filter(|effect| !effect.is_empty());
    let same_effect = effect.is_none_or(|effect| effect == taint.effect);
    let key = toleration.key.as_deref().filter(|key| !key.is_empty());
    let exists = toleration.operator.as_deref() == Some("Exists");
    let same_key = key.map_or(exists, |key| key == taint.key);
    let same_value = exists
        || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    same_effect && same_key && same_value
}

fn resources(seat: &Seat<'_>, asked: &Asked<'_>) -> Vec<Blocker> {
    let short = asked
        .amounts
        .iter()
        .filter(|(resource, asked)| **asked > seat.free(resource) && **asked > Quantity::whole(0));
    let mut found: Vec<_> = short
        .map(|(resource, asked)| {
            let free = seat.free(resource).max(Quantity::whole(0));
            let (asked, free) = (demand::shown(resource, *asked), demand::shown(resource, free));
            Blocker::new(Kind::Resource, format!("{resource}: asks {asked}, {free} free"))
        })
        .collect();
    if let Some(most) = seat.most_pods().filter(|most| seat.pods.len() >= *most) {
        found.push(Blocker::new(Kind::Pods, most.to_string()));
    }
    found
}
