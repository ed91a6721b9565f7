//! Programs that are slow: because they get no CPU, because what they call is slow, or because the network between is.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// Most steps along calls.
const DEPTH: usize = 16;

/// Who calls whom, between workloads.
struct Calls(BTreeMap<ObjectRef, BTreeSet<ObjectRef>>);

/// `cpu.saturated` about workloads that get too little CPU; where nobody is, `network.degraded` about the workload that all
/// slow ones lead to, or the node that most of the deepest ones run on.
pub(super) fn slow(facts: &Facts<'_>) -> Vec<Candidate> {
    let calls = Calls::of(facts);
    let slow = by_program(facts, &[codes::ALERT_LATENCY, codes::METRIC_LATENCY]);
    let saturated = saturated(facts, &slow, &calls);
    if !saturated.is_empty() {
        return saturated;
    }
    degraded(facts, &slow, &calls)
}

/// Evidence by workload; what is about a Service is about the one workload behind it.
fn by_program<'a>(facts: &Facts<'a>, codes: &[codes::Code]) -> Slow<'a> {
    let mut found = Slow::new();
    for (object, evidence) in facts.by_workload(codes) {
        let behind = facts.index.behind(&object);
        let program = if behind.len() == 1 { behind.into_iter().next() } else { None };
        found.entry(program.unwrap_or(object)).or_default().extend(evidence);
    }
    found
}

type Slow<'a> = BTreeMap<ObjectRef, Vec<&'a Evidence>>;

fn saturated(facts: &Facts<'_>, slow: &Slow<'_>, calls: &Calls) -> Vec<Candidate> {
    let busy = by_program(facts, &[codes::ALERT_CPU, codes::METRIC_THROTTLING]);
    let candidates = busy.into_iter().filter_map(|(workload, evidence)| {
        let callers =
            slow.keys().filter(|caller| **caller == workload || calls.reach(caller).contains(&workload));
        let callers: BTreeSet<_> = callers.cloned().collect();
        let alerted = evidence.iter().any(|piece| piece.code == codes::ALERT_CPU.name);
        // An autoscaler that may add no more replicas leaves each too little.
        if (callers.is_empty() && !alerted) || is_held_back(facts, &workload) {
            return None;
        }
        let shown = callers.iter().filter_map(|caller| slow.get(caller)).flatten().copied();
        let shown: Vec<_> = shown.collect();
        let statement = format!("{workload} gets less CPU than it needs: {}", evidence.first()?.statement);
        let sure = if callers.is_empty() { 0.75 } else { 1.0 };
        let candidate = Candidate::new(confidence::CPU_SATURATED, workload, statement).times(sure);
        Some(candidate.because(evidence).because(shown).explaining(callers))
    });
    candidates.collect()
}

fn is_held_back(facts: &Facts<'_>, workload: &ObjectRef) -> bool {
    let scaled_by = facts.graph.sources(workload, EdgeKind::Scales);
    facts.with(&[codes::HPA_AT_MAXIMUM]).any(|piece| scaled_by.contains(&piece.object))
}

fn degraded(facts: &Facts<'_>, slow: &Slow<'_>, calls: &Calls) -> Vec<Candidate> {
    let all: Vec<&Evidence> = slow.values().flatten().copied().collect();
    let workloads: BTreeSet<_> = slow.keys().cloned().collect();
    let of_nodes = [codes::ALERT_NODE_PACKET_LOSS, codes::NODE_CUT_OFF, codes::ALERT_NODE_NETWORK];
    let of_programs = [codes::ALERT_PACKET_LOSS, codes::ALERT_NETWORK];
    let on_nodes = facts.with(&of_nodes).next().is_some();
    let told = if on_nodes { facts.with(&of_nodes) } else { facts.with(&of_programs) };
    let told = told.map(|piece| {
        let lost = [codes::ALERT_NODE_PACKET_LOSS.name, codes::ALERT_PACKET_LOSS.name]
            .contains(&piece.code.as_str());
        let what = if lost { "loses packets" } else { "is bad" };
        let statement = format!("The network of {} {what}: {}", piece.object, piece.statement);
        let candidate =
            Candidate::new(confidence::NETWORK_DEGRADED, piece.object.clone(), statement).times(1.3);
        candidate.because([piece]).because(all.clone()).explaining(workloads.clone())
    });
    let told: Vec<_> = told.collect();
    if !told.is_empty() || slow.is_empty() {
        return told;
    }
    let deepest: Vec<_> = slow
        .keys()
        .filter(|workload| {
            !calls.reach(workload).iter().any(|called| called != *workload && slow.contains_key(called))
        })
        .collect();
    // A program in trouble of its own is slow for that reason.
    if deepest.iter().any(|workload| facts.in_trouble_beyond_load(workload)) {
        return Vec::new();
    }
    by_node(facts, &deepest, &workloads, &all)
        .or_else(|| by_workload(&deepest, slow, &workloads, &all))
        .into_iter()
        .collect()
}

/// Several that do not call each other are slow at once, and most of them share a node.
fn by_node(
    facts: &Facts<'_>,
    deepest: &[&ObjectRef],
    workloads: &BTreeSet<ObjectRef>,
    all: &[&Evidence],
) -> Option<Candidate> {
    let mut nodes: BTreeMap<ObjectRef, usize> = BTreeMap::new();
    for workload in deepest {
        let pods = facts.index.pods_of(workload).iter();
        let on: BTreeSet<_> = pods.filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref()).collect();
        // Replicas on several nodes: no single node makes all of them slow.
        if let (1, Some(node)) = (on.len(), on.first()) {
            *nodes.entry(ObjectRef::cluster_wide("Node", *node)).or_default() += 1;
        }
    }
    let (node, count) = nodes.into_iter().max_by_key(|(_, count)| *count)?;
    if count < 2 || count * 2 <= deepest.len() {
        return None;
    }
    let statement = format!(
        "{count} of {} programs that are slow by themselves run on {node}: its network delays or loses",
        deepest.len()
    );
    Some(
        Candidate::new(confidence::NETWORK_DEGRADED, node, statement)
            .because(all.iter().copied())
            .explaining(workloads.clone()),
    )
}

/// All that are slow lead to one; of several, the one that has become slowest.
fn by_workload(
    deepest: &[&ObjectRef],
    slow: &Slow<'_>,
    workloads: &BTreeSet<ObjectRef>,
    all: &[&Evidence],
) -> Option<Candidate> {
    let gained = |workload: &ObjectRef| {
        let values = slow
            .get(workload)
            .into_iter()
            .flatten()
            .filter_map(|piece| piece.fields.get("gained")?.parse::<f64>().ok());
        values.fold(0.0_f64, f64::max)
    };
    let first = deepest.iter().max_by(|left, right| gained(left).total_cmp(&gained(right)))?;
    let statement = format!(
        "{first} has become slow, and nothing that it calls has, nor does it lack CPU: traffic to or from it is delayed"
    );
    let sure = if deepest.len() == 1 { 1.0 } else { 0.8 };
    let candidate = Candidate::new(confidence::NETWORK_DEGRADED, (*first).clone(), statement).times(sure);
    Some(candidate.because(all.iter().copied()).explaining(workloads.clone()))
}

impl Calls {
    /// Calls by configuration and, where it was noted, by design.
    fn of(facts: &Facts<'_>) -> Self {
        let mut calls: BTreeMap<ObjectRef, BTreeSet<ObjectRef>> = BTreeMap::new();
        for (workload, _) in facts.index.specs() {
            let services = facts.graph.targets(&workload, EdgeKind::Calls);
            let behind = services.iter().flat_map(|service| facts.index.behind(service));
            calls.entry(workload).or_default().extend(behind);
        }
        let names: BTreeMap<String, ObjectRef> =
            calls.keys().map(|workload| (workload.name.clone(), workload.clone())).collect();
        for (app, dependency) in &facts.index.snapshot.recorded.dependencies {
            if let Some(workload) = names.get(app) {
                let called = dependency.calls.iter().filter_map(|name| names.get(name)).cloned();
                calls.entry(workload.clone()).or_default().extend(called);
            }
        }
        Self(calls)
    }

    /// Everything that a workload calls, directly or through others; itself only where the calls run in a circle.
    fn reach(&self, from: &ObjectRef) -> BTreeSet<ObjectRef> {
        let mut reached = BTreeSet::new();
        let mut edge = vec![from.clone()];
        for _ in 0..DEPTH {
            let next: BTreeSet<_> =
                edge.iter().filter_map(|workload| self.0.get(workload)).flatten().cloned().collect();
            edge = next.into_iter().filter(|workload| reached.insert(workload.clone())).collect();
            if edge.is_empty() {
                break;
            }
        }
        reached
    }
}
