//! Nodes on which programs end that run elsewhere: their limits, kernel, disk or clock are at fault, not what was rolled out.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Candidate;
use super::crash::CRASHES;
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::index::{is_ready, object_ref};
use crate::incident::{Evidence, ObjectRef};

/// So many workloads that fail on one node only are no coincidence.
const ALIKE: usize = 2;

/// What is said of each of the workloads by itself.
const OF_EACH: [Cause; 2] = [confidence::BAD_ROLLOUT, confidence::CRASH_LOOP];

/// A node with the workloads that fail there and nowhere else.
struct Lonely<'a> {
    workloads: BTreeSet<ObjectRef>,
    told: Vec<&'a Evidence>,
}

/// `node.fails_its_pods` in the place of what was said of each workload.
pub(super) fn settle(facts: &Facts<'_>, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let nodes = lonely(facts);
    let of_each = |candidate: &Candidate| OF_EACH.iter().any(|cause| cause.code == candidate.code());
    let explained = |object: &ObjectRef| nodes.values().any(|node| node.workloads.contains(object));
    let mut kept = candidates;
    kept.retain(|candidate| !(of_each(candidate) && explained(&candidate.object)));
    kept.extend(nodes.into_iter().map(|(node, found)| candidate(node, found)));
    kept
}

fn candidate(node: &str, found: Lonely<'_>) -> Candidate {
    let names: Vec<_> = found.workloads.iter().take(3).map(ToString::to_string).collect();
    let said = found.told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!(
        "Pods of {} keep ending on node {node} and nowhere else; the same revision runs on other nodes: {said}",
        names.join(", ")
    );
    let node = ObjectRef::cluster_wide("Node", node);
    let candidate = Candidate::new(confidence::NODE_FAILS_PODS, node, statement);
    candidate.because(found.told).explaining(found.workloads)
}

/// The nodes on which all failing pods of several workloads are that run elsewhere in the same revision.
fn lonely<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, Lonely<'a>> {
    let mut by_node: BTreeMap<&str, Lonely<'a>> = BTreeMap::new();
    for (workload, told) in facts.by_workload(CRASHES) {
        let told: Vec<_> = told.into_iter().filter(|piece| is_trouble(piece)).collect();
        let pods: BTreeSet<_> = told.iter().map(|piece| &piece.object).collect();
        let nodes: BTreeSet<_> = pods.iter().filter_map(|pod| node_of(facts, pod)).collect();
        let (Some(node), 1) = (nodes.first(), nodes.len()) else { continue };
        if !runs_elsewhere(facts, &workload, &pods, node) {
            continue;
        }
        let new = || Lonely { workloads: BTreeSet::new(), told: Vec::new() };
        let found = by_node.entry(*node).or_insert_with(new);
        found.workloads.insert(workload);
        found.told.extend(told);
    }
    let several = facts.index.snapshot.objects.nodes.len() > 1;
    by_node.retain(|_, found| several && found.workloads.len() >= ALIKE);
    by_node
}

fn node_of<'a>(facts: &Facts<'a>, pod: &ObjectRef) -> Option<&'a str> {
    facts.index.pod(pod)?.spec.as_ref()?.node_name.as_deref()
}

/// Whether a Ready pod of the owner of a failing one is on another node.
fn runs_elsewhere(
    facts: &Facts<'_>,
    workload: &ObjectRef,
    failing: &BTreeSet<&ObjectRef>,
    node: &str,
) -> bool {
    let owner = |pod: &ObjectRef| facts.index.owner(&facts.index.pod(pod)?.metadata);
    let owners: BTreeSet<_> = failing.iter().filter_map(|pod| owner(pod)).collect();
    facts.index.pods_of(workload).iter().any(|pod| {
        let name = object_ref(*pod);
        is_ready(pod)
            && node_of(facts, &name).is_some_and(|other| other != node)
            && owner(&name).is_some_and(|owner| owners.contains(&owner))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, crash};

    /// Two Deployments, each with a pod that keeps ending on the first node and one more on the node.
    fn world(node: &str, runs: bool) -> World {
        let other = if runs { json!({}) } else { crash(1, "Error", 5) };
        let mut world = World::new()
            .node("node-1", "True")
            .node("node-2", "True")
            .deployment("web", 0)
            .deployment("cart", 0)
            .pod("web", 2, "web-2-x", crash(1, "Error", 5))
            .pod("cart", 2, "cart-2-x", crash(1, "Error", 5))
            .pod("web", 2, "web-2-y", other.clone())
            .pod("cart", 2, "cart-2-y", other)
            .rollout("web", &[("containers[app].image", "web:1", "web:2")]);
        for pod in &mut world.snapshot.objects.pods[2..] {
            pod.spec.as_mut().unwrap().node_name = Some(node.to_owned());
        }
        world
    }

    fn first(world: &World) -> String {
        world.causes().into_iter().next().map(|(_, object, _)| object).unwrap_or_default()
    }

    #[test]
    fn a_node_on_which_alone_several_programs_end_is_at_fault() {
        assert_eq!(first(&world("node-2", true)), "Node node-1");
    }

    #[test]
    fn a_program_that_runs_nowhere_keeps_its_own_cause() {
        let world = world("node-2", true)
            .deployment("bulk", 0)
            .pod("bulk", 2, "bulk-2-x", crash(1, "Error", 5))
            .rollout("bulk", &[("containers[app].image", "bulk:1", "bulk:2")]);
        let causes = world.causes();
        assert!(
            causes
                .iter()
                .any(|(code, object, _)| code == "deploy.bad_rollout" && object == "Deployment shop/bulk")
        );
    }

    #[test]
    fn revisions_that_run_nowhere_or_on_the_same_node_are_at_fault_themselves() {
        assert!(first(&world("node-2", false)).starts_with("Deployment shop/"));
        assert!(first(&world("node-1", true)).starts_with("Deployment shop/"));
    }
}
