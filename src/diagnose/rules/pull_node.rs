//! Nodes that cannot pull images which others can: a dead proxy, a wrong time, a broken name server of one machine.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;

use super::candidate::Candidate;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::index::is_ready;
use crate::incident::{Evidence, ObjectRef};

/// What lies between node and registry; what the registry itself answers is the same everywhere.
const ON_THE_WAY: [Code; 3] =
    [codes::IMAGE_REGISTRY_UNREACHABLE, codes::IMAGE_REGISTRY_NAME, codes::IMAGE_REGISTRY_TLS];

/// A node with the workloads that fail on it and nowhere else, and what shows it.
pub(super) struct Cut<'a> {
    node: String,
    pub(super) workloads: BTreeSet<ObjectRef>,
    told: Vec<&'a Evidence>,
}

/// The one node on which pulls fail on the way to the registry, of images that others have pulled meanwhile.
pub(super) fn cut_off<'a>(facts: &Facts<'a>) -> Vec<Cut<'a>> {
    let mut nodes: BTreeMap<ObjectRef, BTreeSet<&str>> = BTreeMap::new();
    let mut cuts: BTreeMap<&str, Cut<'a>> = BTreeMap::new();
    for piece in facts.with(&ON_THE_WAY) {
        let Some(node) = facts.index.pod(&piece.object).and_then(node_of) else { continue };
        let workload = facts.index.workload_of(&piece.object);
        nodes.entry(workload.clone()).or_default().insert(node);
        let new = || Cut { node: node.to_owned(), workloads: BTreeSet::new(), told: Vec::new() };
        let cut = cuts.entry(node).or_insert_with(new);
        cut.workloads.insert(workload);
        cut.told.push(piece);
    }
    let only_here = |workload: &ObjectRef| nodes.get(workload).is_some_and(|nodes| nodes.len() == 1);
    let cuts = cuts.into_values().filter(|cut| cut.workloads.iter().all(only_here));
    let mut cuts = cuts.filter(|cut| cut.told.iter().any(|piece| pulled_elsewhere(facts, cut, piece)));
    // Several nodes that cannot pull have a registry or network in common.
    cuts.next().filter(|_| cuts.next().is_none()).into_iter().collect()
}

impl Cut<'_> {
    /// `node.cannot_pull` about the node.
    pub(super) fn candidate(self) -> Candidate {
        let said = self.told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
        let statement = format!(
            "Node {} alone cannot reach a registry from which another node has pulled the same image: {said}",
            self.node
        );
        let node = ObjectRef::cluster_wide("Node", &self.node);
        let candidate = Candidate::new(confidence::NODE_CANNOT_PULL, node, statement);
        candidate.because(self.told.iter().copied()).explaining(self.workloads)
    }
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Pods of one rollout are not made in the same second.
const TOGETHER: SignedDuration = SignedDuration::from_mins(5);

/// Whether a Ready pod of the workload that is as young has the image on another node.
fn pulled_elsewhere(facts: &Facts<'_>, cut: &Cut<'_>, piece: &Evidence) -> bool {
    let made = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let (Some(image), Some(failing)) =
        (piece.fields.get("image"), facts.index.pod(&piece.object).and_then(made))
    else {
        return false;
    };
    let pods = facts.index.pods_of(&facts.index.workload_of(&piece.object));
    pods.iter().any(|pod| {
        let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        is_ready(pod)
            && node_of(pod).is_some_and(|node| node != cut.node)
            && made(pod).is_some_and(|made| failing.duration_since(made) <= TOGETHER)
            && containers.any(|own| own.image.as_ref() == Some(image))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object, waiting};

    const PROXY: &str = "failed to pull image \"registry.test/web:1\": failed to do request: Head \"https://registry.test/v2/web\": proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused";

    /// A pod on the first node that cannot pull, and one on the other that runs, or cannot either.
    fn world(message: &str, runs: bool) -> World {
        let pulls = || waiting("ImagePullBackOff", message);
        let other = if runs {
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
        } else {
            pulls()
        };
        let mut world = World::new()
            .node("node-1", "True")
            .node("node-2", "True")
            .deployment("web", 0)
            .pod("web", 1, "web-1-x", pulls())
            .pod("web", 1, "web-1-y", other);
        let spec = |node: &str| {
            object(json!({"nodeName": node, "containers": [{"name": "app", "image": "registry.test/app:2"}]}))
        };
        world.snapshot.objects.pods[0].spec = Some(spec("node-1"));
        world.snapshot.objects.pods[1].spec = Some(spec("node-2"));
        world
    }

    fn first(world: &World) -> String {
        world.causes().into_iter().next().map(|(_, object, _)| object).unwrap_or_default()
    }

    #[test]
    fn a_node_that_cannot_pull_what_runs_elsewhere_is_at_fault() {
        assert_eq!(first(&world(PROXY, true)), "Node node-1");
    }

    #[test]
    fn what_was_pulled_long_ago_shows_nothing_of_now() {
        let mut world = world(PROXY, true);
        world.snapshot.objects.pods[1].metadata.creation_timestamp = Some(object(json!(ago(9_000))));
        assert_eq!(first(&world), "Deployment shop/web");
    }

    #[test]
    fn images_that_nobody_can_pull_or_that_the_registry_does_not_have_are_the_workloads_own() {
        assert_eq!(first(&world(PROXY, false)), "Deployment shop/web");
        let gone = "manifest unknown: registry.test/web:1: not found";
        assert_eq!(first(&world(gone, true)), "Deployment shop/web");
    }
}
