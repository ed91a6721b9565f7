//! Which policies isolate a pod, and which peers and ports their rules name.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::address;
use super::call::{End, Port};
use crate::diagnose::index::{Index, namespace_of};
use crate::diagnose::labels::{Labels, matches, or_none};

/// Into a pod, or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diagnose) enum Direction {
    /// Into it.
    Ingress,
    /// Out of it.
    Egress,
}

/// One rule of a policy: whom it names, and on which ports.
pub(super) struct Rule<'a> {
    pub(super) peers: &'a [NetworkPolicyPeer],
    pub(super) ports: &'a [NetworkPolicyPort],
}

/// The policies that isolate a pod in a direction.
pub(in crate::diagnose) fn isolating<'a>(
    index: &Index<'a>,
    pod: &Pod,
    direction: Direction,
) -> Vec<&'a NetworkPolicy> {
    // Policies do not hold for pods on the host's network.
    if pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true)) {
        return Vec::new();
    }
    let policies = index.snapshot.objects.network_policies.iter();
    policies.filter(|policy| is_for(policy, direction) && selects(policy, pod)).collect()
}

/// Without types a policy is for what goes in, and for what goes out where it has rules for that.
fn is_for(policy: &NetworkPolicy, direction: Direction) -> bool {
    let Some(spec) = &policy.spec else { return direction == Direction::Ingress };
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let word = if direction == Direction::Ingress { "Ingress" } else { "Egress" };
    if types.is_empty() {
        return direction == Direction::Ingress
            || spec.egress.as_ref().is_some_and(|rules| !rules.is_empty());
    }
    types.iter().any(|kind| kind == word)
}

fn selects(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref());
    namespace_of(&policy.metadata) == namespace_of(&pod.metadata)
        && selector.is_none_or(|selector| matches(selector, or_none(pod.metadata.labels.as_ref())))
}

/// The rules of a policy for a direction.
pub(super) fn rules(policy: &NetworkPolicy, direction: Direction) -> Vec<Rule<'_>> {
    let Some(spec) = &policy.spec else { return Vec::new() };
    if direction == Direction::Ingress {
        let rules = spec.ingress.iter().flatten();
        let rule = |(peers, ports)| Rule { peers, ports };
        rules.map(|found| (slice(found.from.as_ref()), slice(found.ports.as_ref()))).map(rule).collect()
    } else {
        let rules = spec.egress.iter().flatten();
        let rule = |(peers, ports)| Rule { peers, ports };
        rules.map(|found| (slice(found.to.as_ref()), slice(found.ports.as_ref()))).map(rule).collect()
    }
}

fn slice<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map(Vec::as_slice).unwrap_or_default()
}

impl Rule<'_> {
    /// Whether the rule, which is of a policy in `namespace`, names the other end. One without peers names everybody.
    pub(super) fn names(&self, index: &Index<'_>, namespace: &str, other: &End<'_>) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| is_peer(index, namespace, peer, other))
    }

    /// Whether the rule is for the port. A port that is not known may be any.
    pub(super) fn has(&self, port: Option<Port>, served_by: Option<&Pod>) -> bool {
        let Some(port) = port else { return true };
        self.ports.is_empty() || self.ports.iter().any(|found| is_port(found, port, served_by))
    }
}

fn is_peer(index: &Index<'_>, namespace: &str, peer: &NetworkPolicyPeer, other: &End<'_>) -> bool {
    let pod = match other {
        End::Unknown => return true,
        End::Outside(address) => {
            let block = peer.ip_block.as_ref();
            return block.is_some_and(|block| address.is_none_or(|address| address::holds(block, address)));
        }
        End::Pod(pod) => *pod,
    };
    if let Some(block) = &peer.ip_block {
        let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()?.parse::<IpAddr>().ok());
        return address.is_none_or(|address| address::holds(block, address));
    }
    let from = namespace_of(&pod.metadata);
    let in_namespace = match &peer.namespace_selector {
        None => from == namespace,
        Some(selector) => matches(selector, &namespace_labels(index, from)),
    };
    let selector = peer.pod_selector.as_ref();
    in_namespace && selector.is_none_or(|selector| matches(selector, or_none(pod.metadata.labels.as_ref())))
}

/// The labels of a namespace. Of one that was not read only the name is known, which every namespace carries as a label.
pub(super) fn namespace_labels(index: &Index<'_>, name: &str) -> Labels {
    let mut known = index.snapshot.objects.namespaces.iter();
    let found = known.find(|namespace| namespace.metadata.name.as_deref() == Some(name));
    let mut labels = found.and_then(|namespace| namespace.metadata.labels.clone()).unwrap_or_default();
    labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
    labels
}

fn is_port(rule: &NetworkPolicyPort, port: Port, served_by: Option<&Pod>) -> bool {
    let protocol = rule.protocol.as_deref().unwrap_or("TCP");
    protocol == port.protocol
        && match &rule.port {
            None => true,
            Some(IntOrString::Int(first)) => {
                (*first..=rule.end_port.unwrap_or(*first)).contains(&port.number)
            }
            // The name is one of the called pod's; of a pod that is not known it may be any.
            Some(IntOrString::String(name)) => served_by.is_none_or(|pod| {
                super::call::named_port(pod, name).is_none_or(|number| number == port.number)
            }),
        }
}
