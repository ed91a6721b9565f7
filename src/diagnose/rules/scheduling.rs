//! Pods that fit no node, and volume claims that keep them from being placed.

use super::candidate::Candidate;
use super::rollout::Rollout;
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
    let waiting = facts.by_workload(&[codes::UNSCHEDULABLE]).into_iter();
    let waiting = waiting.filter_map(|(workload, evidence)| no_node(facts, &workload, &evidence));
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
fn no_node(facts: &Facts<'_>, workload: &ObjectRef, evidence: &[&Evidence]) -> Option<Candidate> {
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
    if let Some(node) = holds_the_volume(facts, workload) {
        let statement = format!("Node {} is cordoned, and only it has the volume of {workload}", node.name);
        let candidate = Candidate::new(confidence::UNSCHEDULABLE, node, statement);
        let shown = evidence.iter().copied().chain(facts.about(workload, &SCHEDULING));
        return Some(candidate.because(shown).explaining([workload.clone()]));
    }
    let rollout = Rollout::behind(facts, workload, evidence);
    let brought = rollout.as_ref().map(|rollout| {
        let placement = ["resources.requests", "nodeSelector", "toleration", "affinity", "topologySpread"];
        let what = rollout.what(|field| placement.iter().any(|part| field.path.contains(part)));
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
