//! NetworkPolicies between a caller and what it cannot reach.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer};

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::{namespace_of, object_ref};
use crate::diagnose::labels::{matches, or_none};
use crate::incident::{Evidence, ObjectRef};

/// A policy that isolates what is behind the dependency, where none of those that do lets the caller in. Only silence
/// points at a policy: packets that it drops are never answered, so other complaints are not about it.
pub(super) fn denied(
    facts: &Facts<'_>,
    callers: &BTreeSet<ObjectRef>,
    behind: &BTreeSet<ObjectRef>,
    complaints: &[&Evidence],
) -> Option<Candidate> {
    if !complaints.iter().any(|piece| piece.code == codes::LOG_TIMEOUT.name) {
        return None;
    }
    let callers: Vec<_> =
        callers.iter().filter_map(|caller| facts.index.pods_of(caller).first().copied()).collect();
    let target = behind.iter().find_map(|workload| facts.index.pods_of(workload).first().copied())?;
    let policies = facts.index.snapshot.objects.network_policies.iter();
    let isolating: Vec<_> = policies.filter(|policy| selects(policy, target)).collect();
    let admits = |policy: &&NetworkPolicy| callers.iter().any(|caller| admits(policy, caller, target));
    if callers.is_empty() || isolating.is_empty() || isolating.iter().any(admits) {
        return None;
    }
    let newest = isolating.into_iter().max_by_key(|policy| {
        (policy.metadata.creation_timestamp.as_ref().map(|time| time.0), object_ref(*policy))
    })?;
    let name = object_ref(newest);
    let from = callers.first().map(|caller| facts.index.workload(caller).to_string()).unwrap_or_default();
    let statement = format!(
        "{name} does not let {from} reach {}, and its connections time out.",
        facts.index.workload(target)
    );
    Some(Candidate::new(confidence::NETWORK_DENIED, name, statement))
}

fn is_ingress(policy: &NetworkPolicy) -> bool {
    let types = policy.spec.as_ref().and_then(|spec| spec.policy_types.as_ref());
    types.is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == "Ingress"))
}

fn selects(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref());
    let same = namespace_of(&policy.metadata) == namespace_of(&pod.metadata);
    same && is_ingress(policy)
        && selector.is_none_or(|selector| matches(selector, or_none(pod.metadata.labels.as_ref())))
}

/// Whether any ingress rule may let the caller in. Ports are not compared, and labels of namespaces are not in a Snapshot:
/// of these only the name, which every namespace carries as a label, can be judged. What cannot be judged counts as let in
/// only where the selector asks for nothing but the name.
fn admits(policy: &NetworkPolicy, caller: &Pod, target: &Pod) -> bool {
    let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
    let lets_in = |peers: &Vec<NetworkPolicyPeer>| {
        peers.is_empty() || peers.iter().any(|peer| is_peer(peer, caller, target))
    };
    rules.into_iter().any(|rule| rule.from.as_ref().is_none_or(lets_in))
}

fn is_peer(peer: &NetworkPolicyPeer, caller: &Pod, target: &Pod) -> bool {
    if peer.ip_block.is_some() {
        return true;
    }
    let (from, to) = (namespace_of(&caller.metadata), namespace_of(&target.metadata));
    let namespace = match &peer.namespace_selector {
        None => from == to,
        Some(selector) => {
            matches(selector, &BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), from.to_owned())]))
        }
    };
    namespace
        && peer
            .pod_selector
            .as_ref()
            .is_none_or(|selector| matches(selector, or_none(caller.metadata.labels.as_ref())))
}
