//! Pods that fit no node, and volume claims that keep them from being placed.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::agent::{self, Agent};
use super::awaited;
use super::candidate::Candidate;
use super::rollout::Rollout;
use super::takers::{self, Takers};
use crate::diagnose::analyzers::SCHEDULING;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};

/// What says why a claim is not bound.
const WHY_UNBOUND: [codes::Code; 8] = [
    codes::PROVISIONER_UNKNOWN,
    codes::VOLUME_TAKEN,
    codes::CLAIM_SELECTOR,
    codes::CLAIM_CLASS,
    codes::CLAIM_ACCESS_MODE,
    codes::CLAIM_CAPACITY,
    codes::PROVISIONING_FAILED,
    codes::NO_VOLUME,
];

/// `scheduling.unschedulable` about the workload; `storage.claim_pending` about the claim that its pods wait for.
pub(super) fn unschedulable(facts: &Facts<'_>) -> Vec<Candidate> {
    let claims = facts.with(&[codes::CLAIM_PENDING, codes::CLAIM_LOST]).map(|piece| claim(facts, piece));
    let takers = OnceCell::new();
    let waiting = facts.by_workload(&[codes::UNSCHEDULABLE]).into_iter();
    let waiting = waiting.flat_map(|(workload, evidence)| {
        let closed = closed_nodes(facts, &workload, &evidence);
        let own = || no_node(facts, &takers, &workload, &evidence).into_iter().collect();
        if closed.is_empty() { own() } else { closed }
    });
    claims.chain(waiting).collect()
}

fn claim(facts: &Facts<'_>, piece: &Evidence) -> Candidate {
    let users = facts.graph.sources(&piece.object, EdgeKind::Mounts);
    let why = facts.with(&WHY_UNBOUND).find(|why| why.object == piece.object);
    let sure = if why.is_some() || piece.strength.value() > 0.5 { 1.0 } else { 0.6 };
    let statement = match why {
        Some(why) => format!("{}; {}", piece.statement, why.statement),
        None => piece.statement.clone(),
    };
    let class = why.and_then(|why| why.fields.get("storage_class"));
    let class = class.map(|name| ObjectRef::cluster_wide("StorageClass", name));
    Candidate::new(confidence::CLAIM_PENDING, class.unwrap_or_else(|| piece.object.clone()), statement)
        .explaining([piece.object.clone()])
        .times(sure)
        .because([piece])
        .because(why)
        .because(users.iter().flat_map(|user| facts.about(user, &[codes::UNSCHEDULABLE])))
        .explaining(users.clone())
}

/// A pod that waits for its claim is explained by the claim. A node that is down takes its capacity away: then the node is
/// nearer the cause than what the pods ask for.
fn no_node(
    facts: &Facts<'_>,
    takers: &OnceCell<Takers>,
    workload: &ObjectRef,
    evidence: &[&Evidence],
) -> Option<Candidate> {
    let first = evidence.first()?;
    let predicates =
        first.fields.iter().filter(|(name, _)| name.starts_with("predicate_")).map(|(_, text)| text.as_str());
    let predicates: Vec<_> = predicates.collect();
    let of_claims =
        ["unbound immediate PersistentVolumeClaims", "persistentvolumeclaim \"", "persistentvolume \""];
    if predicates.iter().any(|text| of_claims.iter().any(|words| text.contains(words)))
        && claims_wait(facts, workload)
    {
        return None;
    }
    if let Some((absent, piece)) = missing_neighbour(facts, workload) {
        let statement = format!("{absent} wants 0 replicas, and pods of {workload} must run beside its pods");
        let candidate = Candidate::new(confidence::SCALED_TO_ZERO, absent, statement).times(1.05);
        let shown = evidence.iter().copied().chain([piece]);
        return Some(candidate.because(shown).explaining([workload.clone()]));
    }
    if let Some((agent, shown)) = without_devices(facts, workload) {
        let statement = format!(
            "{agent} does not run on a node that would fit pods of {workload}, and its devices are not offered there"
        );
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, agent, statement).because(shown);
        return Some(candidate.because(evidence.iter().copied()).explaining([workload.clone()]));
    }
    if let Some(node) = holds_the_volume(facts, workload) {
        let statement = format!("Node {} is cordoned, and only it has the volume of {workload}", node.name);
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, node, statement);
        let shown = evidence.iter().copied().chain(facts.about(workload, &SCHEDULING));
        return Some(candidate.because(shown).explaining([workload.clone()]));
    }
    let rollout = Rollout::behind(facts, workload, evidence);
    let asks_otherwise = |rollout: &Rollout<'_>| PLACEMENT.iter().any(|part| rollout.touches(part));
    if !rollout.as_ref().is_some_and(asks_otherwise)
        && let Some(other) = takers
            .get_or_init(|| Takers::of(facts))
            .of_room_for(facts, workload, evidence, &predicates)
            .or_else(|| takers::keeps_the_bound(facts, workload, evidence))
    {
        return Some(other);
    }
    let brought = rollout.as_ref().map(|rollout| {
        let what = rollout.what(|field| PLACEMENT.iter().any(|part| field.path.contains(part)));
        format!(" {} brought it: {what}.", rollout.name())
    });
    let explained = facts.about(workload, &SCHEDULING);
    let why = match explained.first() {
        Some(explained) => explained.statement.split_once("; ").map_or("", |(_, why)| why).to_owned(),
        None if predicates.is_empty() => first.statement.clone(),
        None => predicates.join("; "),
    };
    let statement = format!("Pods of {workload} fit no node: {why}.{}", brought.unwrap_or_default());
    Some(
        Candidate::new(confidence::UNSCHEDULABLE, workload.clone(), statement)
            .because(evidence.iter().copied())
            .because(explained)
            .because_of(rollout.and_then(|rollout| rollout.shown))
            .despite(facts.with(&[codes::NODE_NOT_READY]), 0.6),
    )
}

/// Parts of a pod template that say where its pods may go.
const PLACEMENT: [&str; 5] =
    ["resources.requests", "nodeSelector", "toleration", "affinity", "topologySpread"];

/// Nodes that were closed lately and would take the pods otherwise: what closed them has changed, not the workload, unless
/// its last rollout changed where its pods may go.
fn closed_nodes(facts: &Facts<'_>, workload: &ObjectRef, evidence: &[&Evidence]) -> Vec<Candidate> {
    let rollout = Rollout::behind(facts, workload, evidence);
    if rollout.is_some_and(|rollout| PLACEMENT.iter().any(|part| rollout.touches(part))) {
        return Vec::new();
    }
    let mut nodes: BTreeMap<&String, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.about(workload, &[codes::NODE_CLOSED_LATELY]) {
        if let Some(node) = piece.fields.get("node") {
            nodes.entry(node).or_default().push(piece);
        }
    }
    let candidate = |(node, told): (&String, Vec<&Evidence>)| {
        let by = told.iter().find_map(|piece| piece.fields.get("closed_by")).map_or("", String::as_str);
        let agent = agent::waited_for(facts, node, by);
        let awaits = agent.as_ref().map(|(agent, _)| format!(", which waits for {agent} there"));
        let statement = format!(
            "Node {node} was closed by {by}{}; it would have room for pods of {workload}.",
            awaits.unwrap_or_default()
        );
        let (object, shown) = agent.unwrap_or_else(|| (ObjectRef::cluster_wide("Node", node), Vec::new()));
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, object, statement).because(told);
        candidate.because(shown).because(evidence.iter().copied()).explaining([workload.clone()])
    };
    nodes.into_iter().map(candidate).collect()
}

/// The one node that is closed only because it was cordoned, where a volume keeps the pods from all others.
fn holds_the_volume(facts: &Facts<'_>, workload: &ObjectRef) -> Option<ObjectRef> {
    let explained = facts.about(workload, &SCHEDULING);
    let fields = &explained.first()?.fields;
    let nodes: Vec<_> =
        fields.iter().filter_map(|(name, why)| Some((name.strip_prefix("node ")?, why.as_str()))).collect();
    let is_cordoned = |why: &str| why.split("; ").all(|why| why == "cordoned");
    let mut cordoned = nodes.iter().filter(|(_, why)| is_cordoned(why));
    let (node, _) = cordoned.next().filter(|_| cordoned.next().is_none())?;
    let elsewhere = nodes.iter().filter(|(other, _)| other != node);
    let mut elsewhere = elsewhere.peekable();
    elsewhere.peek()?;
    elsewhere.all(|(_, why)| why.contains("is elsewhere")).then(|| ObjectRef::cluster_wide("Node", *node))
}

/// The workload whose pods these must be near, where that is what keeps them from all nodes and it wants none.
fn missing_neighbour<'a>(facts: &Facts<'a>, workload: &ObjectRef) -> Option<(ObjectRef, &'a Evidence)> {
    let piece = facts.about(workload, &[codes::POD_AFFINITY]).into_iter().next()?;
    let near = awaited::neighbours(facts, workload).into_iter();
    let mut absent =
        near.filter(|near| facts.index.template(near).is_some_and(|template| template.replicas == 0));
    Some((absent.next()?, piece))
}

/// The agent that should offer the devices which are all that is missing, on a node that has them.
fn without_devices<'a>(facts: &Facts<'a>, workload: &ObjectRef) -> Option<(ObjectRef, Vec<&'a Evidence>)> {
    let piece = facts.about(workload, &[codes::RESOURCE_SHORT]).into_iter().next()?;
    let nodes = piece.fields.iter().filter_map(|(name, why)| Some((name.strip_prefix("node ")?, why)));
    let mut devices = nodes.filter(|(_, why)| {
        let short = why.strip_prefix("not enough ").and_then(|rest| rest.split_once(": "));
        short.is_some_and(|(resource, rest)| {
            resource.contains('/') && rest.ends_with("0 free") && !rest.contains("; ")
        })
    });
    let (agent, mut shown) = devices.find_map(|(node, _)| agent::down_on(facts, node, Agent::Devices))?;
    shown.push(piece);
    Some((agent, shown))
}

fn claims_wait(facts: &Facts<'_>, workload: &ObjectRef) -> bool {
    let mut claims = facts.graph.targets(workload, EdgeKind::Mounts);
    // The claims of a StatefulSet stand in its pods, not in its template.
    for pod in facts.index.pods_of(workload) {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let own = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
        claims.extend(own.map(|claim| {
            ObjectRef::new("PersistentVolumeClaim", workload.namespace.as_str(), claim.claim_name.as_str())
        }));
    }
    claims.iter().any(|claim| !facts.about(claim, &[codes::CLAIM_PENDING, codes::CLAIM_LOST]).is_empty())
}
