//! A node that does not work: keep new pods away from it, and let controllers make its pods anew elsewhere.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::workload::{controller, controller_of, owner, reference};
use super::{Case, Pass, Repair};
use crate::incident::{Action, Hypothesis, ObjectRef};

/// Most pods deleted in one repair; the rest follows by Kubernetes' own taint eviction, or in the next incident.
const MOST_PODS: usize = 10;

/// Add-ons of the cluster itself are left to people.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

impl Case<'_> {
    /// Cordon the node and delete its pods that a ReplicaSet makes again.
    pub(super) fn leave_node(&self, hypothesis: &Hypothesis) -> Result<Vec<Repair>, Pass> {
        let Some((node, cordoned)) = self.node(hypothesis) else {
            return Err(self.not_here(hypothesis, "the node behind this was not found"));
        };
        let here =
            |pod: &&Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&node.name);
        let on_node: Vec<&Pod> = self.snapshot.objects.pods.iter().filter(here).collect();
        let (movable, kept): (Vec<&Pod>, Vec<&Pod>) = on_node.into_iter().partition(|pod| is_movable(pod));
        let chosen: Vec<&Pod> =
            movable.iter().copied().filter(|pod| !self.is_excluded(&delete(pod))).take(MOST_PODS).collect();
        if chosen.is_empty() {
            return Err(self.not_here(hypothesis, "no pod on it can be moved safely"));
        }
        let cordon = Action::Cordon { node: node.clone() };
        let cordon = (!cordoned && !self.is_excluded(&cordon)).then_some(cordon);
        let workloads: BTreeSet<ObjectRef> =
            chosen.iter().filter_map(|pod| controller_of(&owner(&pod.metadata)?, self.snapshot)).collect();
        Ok(vec![Repair {
            rationale: rationale(&node, chosen.len(), movable.len() - chosen.len(), &stateful(&kept)),
            actions: cordon.into_iter().chain(chosen.into_iter().map(delete)).collect(),
            workloads: workloads.into_iter().collect(),
            autoscaler: None,
            given_up_node: Some(node.name),
        }])
    }

    /// The node at fault and whether it is cordoned already.
    fn node(&self, hypothesis: &Hypothesis) -> Option<(ObjectRef, bool)> {
        let cited = self.evidence.iter().filter(|seen| hypothesis.evidence_for.contains(&seen.id));
        let mut named = std::iter::once(&hypothesis.object).chain(cited.map(|seen| &seen.object));
        let node = named.find(|object| object.kind == "Node")?;
        let live = self
            .snapshot
            .objects
            .nodes
            .iter()
            .find(|live| live.metadata.name.as_deref() == Some(&node.name))?;
        let cordoned = live.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
        Some((node.clone(), cordoned))
    }
}

/// A ReplicaSet makes a new pod at once and cares for no identity. A StatefulSet's pod must not run twice, which only
/// somebody who knows that the node is really off can rule out; DaemonSet pods belong to the node.
fn is_movable(pod: &Pod) -> bool {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    controller(&pod.metadata).is_some_and(|owner| owner.kind == "ReplicaSet")
        && !SYSTEM_NAMESPACES.contains(&namespace)
        && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn stateful(kept: &[&Pod]) -> Vec<String> {
    kept.iter()
        .filter(|pod| controller(&pod.metadata).is_some_and(|owner| owner.kind == "StatefulSet"))
        .map(|pod| reference("Pod", &pod.metadata).to_string())
        .collect()
}

fn delete(pod: &Pod) -> Action {
    Action::DeletePod {
        pod: reference("Pod", &pod.metadata),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
    }
}

fn rationale(node: &ObjectRef, moved: usize, left_over: usize, stateful: &[String]) -> String {
    let mut text = format!(
        "{node} does not work; cordoned, it gets no new pods, and the ReplicaSets of the {moved} deleted pods make them anew on \
         other nodes."
    );
    if left_over > 0 {
        text.push_str(&format!(" {left_over} more wait for Kubernetes' own eviction."));
    }
    if !stateful.is_empty() {
        text.push_str(&format!(
            " Left alone, because a StatefulSet's pod must never run twice: {}; once it is certain that the node is off, delete \
             them with kubectl delete pod --force.",
            stateful.join(", ")
        ));
    }
    text
}
