//! Pods that one kubelet after the other time turns away: the scheduler, or a fixed node name, sends them to a node that does not
//! take them, their controller makes new ones, and all that is left are failed pods with a reason.
//!
//! One such pod is a race between the scheduler and the node; what counts is that it goes on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// So many pods turned away are no race.
const AGAIN: usize = 3;

/// Failed pods stay; what was turned away longer ago is over.
const LATELY: SignedDuration = SignedDuration::from_mins(15);

/// Why kubelets turn away pods that they were sent (`status.reason`), beside what they are out of.
const REASONS: [&str; 6] = [
    "UnexpectedAdmissionError",
    "NodeAffinity",
    "TopologyAffinityError",
    "VolumeAttachmentLimitExceeded",
    "NodeShutdown",
    "Admission",
];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut groups: BTreeMap<(ObjectRef, &str), Vec<(Timestamp, &Pod)>> = BTreeMap::new();
    for pod in &index.snapshot.objects.pods {
        if let Some((reason, at)) = turned_away(pod)
            && is_wanted(index, pod)
        {
            groups.entry((index.workload(pod), reason)).or_default().push((at, pod));
        }
    }
    groups
        .into_iter()
        .filter_map(|((workload, reason), pods)| finding(index, workload, reason, &pods))
        .collect()
}

fn turned_away(pod: &Pod) -> Option<(&str, Timestamp)> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))?;
    let reason = status.reason.as_deref()?;
    let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let at = made.or_else(|| status.start_time.as_ref().map(|time| time.0))?;
    (REASONS.contains(&reason) || reason.starts_with("OutOf")).then_some((reason, at))
}

fn finding(
    index: &Index<'_>,
    workload: ObjectRef,
    reason: &str,
    pods: &[(Timestamp, &Pod)],
) -> Option<Finding> {
    let taken_at = index.snapshot.taken_at;
    let since = pods.iter().map(|(at, _)| *at).min()?;
    let (last, newest) = pods.iter().max_by_key(|(at, pod)| (*at, object_ref(*pod)))?;
    if pods.len() < AGAIN || taken_at.duration_since(*last) > LATELY {
        return None;
    }
    let message = newest.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default();
    let mut nodes: Vec<_> =
        pods.iter().filter_map(|(_, pod)| pod.spec.as_ref()?.node_name.as_deref()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let statement = format!(
        "{} pods of {workload} were turned away by the kubelet of their node ({reason}): {message}",
        pods.len()
    );
    let only = nodes.first().filter(|_| nodes.len() == 1);
    let finding = Finding::new(codes::NOT_ADMITTED, workload, statement).at(Some(since));
    Some(finding.field("reason", reason).field("pods", pods.len()).field_if("node", only))
}

/// Whether whoever made the pod still wants more pods than it has: a revision that was rolled back leaves its failed pods behind.
pub(super) fn is_wanted(index: &Index<'_>, pod: &Pod) -> bool {
    let set = index.owner(&pod.metadata).and_then(|owner| index.replica_set(&owner));
    set.is_none_or(|set| {
        let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0) < wanted
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    /// A Deployment of whose pods so many were turned away, the last so many minutes ago, and whose ReplicaSet wants so many.
    fn at_fault(reason: &str, pods: i64, minutes: i64, wanted: i32) -> Vec<String> {
        let mut world = World::new().node("node-1", "True").deployment("web", 0);
        world.snapshot.objects.replica_sets[0].spec.as_mut().unwrap().replicas = Some(wanted);
        for number in 0..pods {
            let status = json!({"phase": "Failed", "reason": reason, "message": "Pod was rejected", "conditions": null, "containerStatuses": null});
            world = world.pod("web", 1, &format!("web-1-{number}"), status);
            let made = json!({"t": ago(minutes + number).to_string()});
            let pod = world.snapshot.objects.pods.last_mut().unwrap();
            pod.metadata.creation_timestamp = Some(object(made["t"].clone()));
        }
        world.causes().into_iter().map(|(_, object, _)| object).collect()
    }

    #[test]
    fn pods_that_are_turned_away_again_and_again_are_told_of_their_workload_or_node() {
        assert_eq!(at_fault("OutOfcpu", 5, 1, 1), ["Deployment shop/web"]);
        assert_eq!(at_fault("NodeAffinity", 5, 1, 1), ["Deployment shop/web"]);
        assert_eq!(at_fault("UnexpectedAdmissionError", 5, 1, 1), ["Node node-1"]);
    }

    #[test]
    fn a_race_or_what_is_over_or_no_longer_wanted_is_left_alone() {
        let nothing: [&str; 0] = [];
        assert_eq!(at_fault("OutOfcpu", 2, 1, 1), nothing);
        assert_eq!(at_fault("OutOfcpu", 5, 40, 1), nothing);
        assert_eq!(at_fault("OutOfcpu", 5, 1, 0), nothing, "it was rolled back");
        assert_eq!(at_fault("Terminated", 5, 1, 1), nothing);
    }
}
