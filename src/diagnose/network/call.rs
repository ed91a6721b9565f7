//! One call from a pod, and which policy keeps it from getting through.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::peer::{Direction, Rule, isolating, namespace_labels, rules};
use crate::diagnose::index::{Index, SYSTEM, namespace_of, object_ref};
use crate::diagnose::labels::or_none;
use crate::incident::ObjectRef;

/// A port of the called pod, not of the Service in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diagnose) struct Port {
    /// Its number.
    pub(in crate::diagnose) number: i32,
    /// `TCP`, `UDP` or `SCTP`.
    pub(in crate::diagnose) protocol: &'static str,
}

/// One end of a call.
#[derive(Debug, Clone, Copy)]
pub(in crate::diagnose) enum End<'a> {
    /// A pod.
    Pod(&'a Pod),
    /// Something outside the cluster, with its address where that is known.
    Outside(Option<IpAddr>),
    /// Anything.
    Unknown,
}

/// A call that does not get through.
#[derive(Debug, Clone, Copy)]
pub(in crate::diagnose) struct Call<'a> {
    /// Who calls.
    pub(in crate::diagnose) from: End<'a>,
    /// Who is called.
    pub(in crate::diagnose) to: End<'a>,
    /// On which port, where that is known.
    pub(in crate::diagnose) port: Option<Port>,
}

/// The policy that keeps a call from getting through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::diagnose) struct Block {
    /// The policy.
    pub(in crate::diagnose) policy: ObjectRef,
    /// Which way it blocks.
    pub(in crate::diagnose) direction: Direction,
    /// How many policies isolate that end.
    pub(in crate::diagnose) isolating: usize,
}

/// The policy that keeps a call from getting out of the caller or into the called; `None` where all may let it through.
pub(in crate::diagnose) fn blocked(index: &Index<'_>, call: &Call<'_>) -> Option<Block> {
    let out = match call.from {
        End::Pod(pod) => of_direction(index, pod, Direction::Egress, &call.to, call),
        _ => None,
    };
    out.or_else(|| match call.to {
        End::Pod(pod) => of_direction(index, pod, Direction::Ingress, &call.from, call),
        _ => None,
    })
}

fn of_direction(
    index: &Index<'_>,
    pod: &Pod,
    direction: Direction,
    other: &End<'_>,
    call: &Call<'_>,
) -> Option<Block> {
    let policies = isolating(index, pod, direction);
    let served_by = if let End::Pod(pod) = call.to { Some(pod) } else { None };
    let lets_through = |policy: &&NetworkPolicy| {
        let namespace = namespace_of(&policy.metadata);
        let allows = |rule: &Rule<'_>| rule.names(index, namespace, other) && rule.has(call.port, served_by);
        rules(policy, direction).iter().any(allows)
    };
    if policies.is_empty() || policies.iter().any(lets_through) {
        return None;
    }
    let isolating = policies.len();
    let nearness = |policy: &NetworkPolicy| nearness(index, policy, direction, other, call, served_by);
    let blamed = policies.into_iter().max_by_key(|policy| {
        let written = policy.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (nearness(policy), written, object_ref(*policy))
    })?;
    Some(Block { policy: object_ref(blamed), direction, isolating })
}

/// How near a policy comes to letting a call through. One that lets nobody through is there to be completed by others: of
/// several policies the one that nearly allows the call is at fault, then one that allows something, then the newest.
fn nearness(
    index: &Index<'_>,
    policy: &NetworkPolicy,
    direction: Direction,
    other: &End<'_>,
    call: &Call<'_>,
    served_by: Option<&Pod>,
) -> u8 {
    let namespace = namespace_of(&policy.metadata);
    let of_rule = |rule: &Rule<'_>| {
        let (peer, port) = (rule.names(index, namespace, other), rule.has(call.port, served_by));
        match (peer, port) {
            (true, _) => 3,
            (false, true) if nearly_names(index, rule, other) => 2,
            _ => 1,
        }
    };
    rules(policy, direction).iter().map(of_rule).max().unwrap_or(0)
}

/// Whether a selector of the rule asks for labels that the other end has with other values.
fn nearly_names(index: &Index<'_>, rule: &Rule<'_>, other: &End<'_>) -> bool {
    let End::Pod(pod) = other else { return false };
    let labels = or_none(pod.metadata.labels.as_ref());
    let of_namespace = namespace_labels(index, namespace_of(&pod.metadata));
    let asks = |selector: Option<&LabelSelector>, labels: &crate::diagnose::labels::Labels| {
        let wanted = selector.iter().flat_map(|selector| selector.match_labels.iter().flatten());
        wanted.into_iter().any(|(key, _)| labels.contains_key(key))
    };
    rule.peers.iter().any(|peer| {
        asks(peer.pod_selector.as_ref(), labels) || asks(peer.namespace_selector.as_ref(), &of_namespace)
    })
}

/// The policy that keeps a pod from asking the cluster's DNS servers.
pub(in crate::diagnose) fn names_blocked(index: &Index<'_>, pod: &Pod) -> Option<Block> {
    let servers = index.snapshot.objects.pods.iter().filter(|pod| {
        namespace_of(&pod.metadata) == SYSTEM
            && pod.metadata.labels.as_ref().and_then(|labels| labels.get("k8s-app")).map(String::as_str)
                == Some("kube-dns")
    });
    let ports = ["UDP", "TCP"].map(|protocol| Port { number: 53, protocol });
    let known: Vec<_> = servers.take(1).map(End::Pod).collect();
    let to = known.first().copied();
    let calls =
        ports.map(|port| Call { from: End::Pod(pod), to: to.unwrap_or(End::Unknown), port: Some(port) });
    let blocks = calls.map(|call| match to {
        Some(to) => of_direction(index, pod, Direction::Egress, &to, &call),
        None => unless_for_names(index, pod, &call),
    });
    let [first, second] = blocks;
    first.filter(|_| second.is_some())
}

/// Without knowing the servers: a rule for port 53 is for them whomever it names, one without ports where it names their
/// namespace or everybody.
fn unless_for_names(index: &Index<'_>, pod: &Pod, call: &Call<'_>) -> Option<Block> {
    let system = Pod {
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            namespace: Some(SYSTEM.to_owned()),
            labels: Some([("k8s-app".to_owned(), "kube-dns".to_owned())].into()),
            ..Default::default()
        },
        ..Pod::default()
    };
    let explicit = isolating(index, pod, Direction::Egress).into_iter().any(|policy| {
        let rules = rules(policy, Direction::Egress);
        rules.iter().any(|rule| !rule.ports.is_empty() && rule.has(call.port, None))
    });
    if explicit {
        return None;
    }
    of_direction(index, pod, Direction::Egress, &End::Pod(&system), call)
}

/// The number of a pod's port by its name.
pub(super) fn named_port(pod: &Pod, name: &str) -> Option<i32> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port)
}
