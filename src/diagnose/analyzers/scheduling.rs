//! Why a pod that waits for a node gets none, node by node.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use super::placeholder;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::schedule::{Blocker, Closed, Compared, Explanation, Kind, Nodes};

/// Pods of one workload are alike: so many of each are explained.
const ALIKE: usize = 3;

/// So many pods are explained in all: each is compared with every node, and more would not be shown.
const MOST: usize = 100;

/// Most nodes that a finding tells of one by one.
const MOST_NODES: usize = 12;

/// Most nodes that are told to have been closed lately.
const MOST_CLOSED: usize = 3;

/// Clocks and rounding: a node may seem to have been closed this long after it turned the pod away.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// How the scheduler says that it left a node out because it is closed.
const CLOSED: [&str; 2] = ["were unschedulable", "untolerated taint"];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let waiting: Vec<&Pod> = index.snapshot.objects.pods.iter().filter(|pod| waits(index, pod)).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    let nodes = Nodes::new(index);
    let chosen = first_few(index, waiting).into_iter();
    let compared = chosen.filter_map(|pod| Some((pod, Compared::new(index, &nodes, pod)?)));
    let found = compared.flat_map(|(pod, compared)| {
        let explained = compared.explain().map(|why| finding(pod, &why));
        explained.into_iter().chain(closed(pod, compared.closed_lately(index)))
    });
    found.collect()
}

/// The first pods of each workload, those of the workload that is asked about before others, the first of each before the
/// second of any.
fn first_few<'a>(index: &Index<'_>, waiting: Vec<&'a Pod>) -> Vec<&'a Pod> {
    let focus = index.snapshot.focus.as_ref().map(|focus| index.workload_of(focus));
    let mut alike = BTreeMap::new();
    let mut ranked = Vec::new();
    for pod in waiting {
        let workload = index.workload(pod);
        let elsewhere = focus.as_ref() != Some(&workload);
        let rank = alike.entry(workload).or_insert(0_usize);
        *rank += 1;
        if *rank <= ALIKE {
            ranked.push(((elsewhere, *rank, object_ref(pod)), pod));
        }
    }
    ranked.sort_by(|(left, _), (right, _)| left.cmp(right));
    ranked.into_iter().take(MOST).map(|(_, pod)| pod).collect()
}

/// The scheduler has looked at the pod and found no node, and the pod is not meant to wait.
fn waits(index: &Index<'_>, pod: &Pod) -> bool {
    not_scheduled(pod).is_some()
        && pod.metadata.deletion_timestamp.is_none()
        && !placeholder::waits_on_purpose(index, pod)
}

fn not_scheduled(pod: &Pod) -> Option<&PodCondition> {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })
}

fn finding(pod: &Pod, why: &Explanation) -> Finding {
    let name = object_ref(pod);
    let of = match (why.excluded, why.meant) {
        (1, 1) => "the only node that it could use".to_owned(),
        (excluded, meant) if excluded == meant => format!("all {meant} nodes that it could use"),
        (excluded, meant) => format!("{excluded} of {meant} nodes that it could use"),
    };
    let statement = format!("{name} fits no node; {of}: {}", why.blamed);
    let since = not_scheduled(pod).and_then(|condition| condition.last_transition_time.as_ref());
    let since = since.map(|time| time.0);
    let told = why.nodes.iter().take(MOST_NODES);
    let finding = Finding::new(code(&why.blamed), name.clone(), statement).at(since).field("pod", &name.name);
    told.fold(finding, |finding, (node, blockers)| {
        let blockers: Vec<_> = blockers.iter().map(ToString::to_string).collect();
        finding.field(&format!("node {node}"), blockers.join("; "))
    })
}

/// Nodes that were closed before the pod began to wait, and of which the scheduler says so.
fn closed(pod: &Pod, mut nodes: Vec<Closed>) -> Vec<Finding> {
    nodes.sort_by(|left, right| left.node.cmp(&right.node));
    let name = object_ref(pod);
    let Some(condition) = not_scheduled(pod) else { return Vec::new() };
    let message = condition.message.as_deref().unwrap_or_default();
    let told = message.is_empty() || CLOSED.iter().any(|words| message.contains(words));
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let before = |closed: &Closed| since.is_none_or(|since| since.duration_since(closed.since) >= -SKEW);
    let told = nodes.into_iter().filter(|closed| told && before(closed)).take(MOST_CLOSED);
    let finding = |closed: Closed| {
        let Closed { node, by, since } = closed;
        let statement = format!("{name} would fit node {node}, which has been closed by {by} since {since}");
        let finding = Finding::new(codes::NODE_CLOSED_LATELY, name.clone(), statement).at(Some(since));
        finding.field("pod", &name.name).field("node", node).field("closed_by", by)
    };
    told.map(finding).collect()
}

fn code(blamed: &Blocker) -> Code {
    match blamed.kind {
        Kind::Name => codes::NODE_NAME_UNKNOWN,
        Kind::Selector => codes::SELECTOR_FITS_NO_NODE,
        Kind::Affinity => codes::AFFINITY_FITS_NO_NODE,
        Kind::Resource => match blamed.resource() {
            Some("cpu") => codes::CPU_SHORT,
            Some("memory") => codes::MEMORY_SHORT,
            _ => codes::RESOURCE_SHORT,
        },
        Kind::Pods => codes::PODS_FULL,
        Kind::Port => codes::HOST_PORT_TAKEN,
        Kind::AntiAffinity => codes::ANTI_AFFINITY,
        Kind::PodAffinity => codes::POD_AFFINITY,
        Kind::Volume => codes::VOLUME_ELSEWHERE,
        Kind::Taint => codes::TAINT_NOT_TOLERATED,
        Kind::Pressure | Kind::NotReady => codes::NODES_IN_TROUBLE,
        Kind::Cordoned => codes::NODES_CORDONED,
    }
}

/// Every code that this analyzer reports.
pub(in crate::diagnose) const CODES: [Code; 14] = [
    codes::NODE_NAME_UNKNOWN,
    codes::SELECTOR_FITS_NO_NODE,
    codes::AFFINITY_FITS_NO_NODE,
    codes::CPU_SHORT,
    codes::MEMORY_SHORT,
    codes::RESOURCE_SHORT,
    codes::PODS_FULL,
    codes::HOST_PORT_TAKEN,
    codes::ANTI_AFFINITY,
    codes::POD_AFFINITY,
    codes::VOLUME_ELSEWHERE,
    codes::TAINT_NOT_TOLERATED,
    codes::NODES_IN_TROUBLE,
    codes::NODES_CORDONED,
];
