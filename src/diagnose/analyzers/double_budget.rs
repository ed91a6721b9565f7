//! Pods that two PodDisruptionBudgets cover. The API evicts no such pod, however many may go by either of them, so a drain
//! waits for ever (<https://kubernetes.io/docs/tasks/run-application/configure-pdb/>).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::disruption::{allows_nothing, covers, drained};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// What the API answers to whoever wants to evict such a pod.
const SAID: &str = "more than one PodDisruptionBudget";

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    if index.snapshot.objects.disruption_budgets.len() < 2 {
        return Vec::new();
    }
    let asked = index.snapshot.objects.events.iter().filter_map(|event| {
        let said = event.message.as_deref().filter(|message| message.contains(SAID))?;
        let about = &event.involved_object;
        let pod = ObjectRef::new("Pod", about.namespace.as_deref()?, about.name.as_deref()?);
        finding(index.pod(&pod)?, &twice(index, index.pod(&pod)?), said)
    });
    let mut told = BTreeSet::new();
    let found = asked.chain(logged(index)).chain(waiting(index));
    found.filter(|finding| told.insert(finding.object.clone())).collect()
}

/// What somebody who drains nodes, and tries again and again, writes of pods that he names.
fn logged(index: &Index<'_>) -> Vec<Finding> {
    let lines = index.snapshot.logs.iter().filter(|log| !log.previous).flat_map(|log| {
        let last = log.text.lines().rev().take(LAST);
        last.filter(|line| line.contains(SAID)).take(AGAIN).collect::<Vec<_>>()
    });
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let pods = index.snapshot.objects.pods.iter();
    let found = pods.filter_map(|pod| {
        let name = pod.metadata.name.as_deref().filter(|name| !name.is_empty())?;
        let mut said = lines.iter().filter(|line| line.contains(name));
        finding(pod, &twice(index, pod), said.next().filter(|_| said.next().is_some())?)
    });
    found.collect()
}

/// So far from the end of a log it says what is now.
const LAST: usize = 60;

/// Most lines of a log that are compared with the names of pods.
const AGAIN: usize = 20;

/// Nodes that are drained, on which nothing is left but pods that cannot be evicted, some of them for this reason.
fn waiting(index: &Index<'_>) -> Vec<Finding> {
    let all = &index.snapshot.objects.disruption_budgets;
    let kept = |pod: &&Pod| {
        twice(index, pod).len() > 1 || all.iter().any(|budget| allows_nothing(budget) && covers(budget, pod))
    };
    let stuck = drained(index).into_iter().filter(|(_, pods)| pods.iter().all(kept));
    let found = stuck.flat_map(|(node, pods)| {
        let said = format!("{} is drained and waits for it", object_ref(node));
        let found = pods.into_iter().filter_map(|pod| finding(pod, &twice(index, pod), &said));
        found.collect::<Vec<_>>()
    });
    found.collect()
}

/// The budgets that cover a pod.
fn twice<'a>(index: &Index<'a>, pod: &Pod) -> Vec<&'a PodDisruptionBudget> {
    index.snapshot.objects.disruption_budgets.iter().filter(|budget| covers(budget, pod)).collect()
}

/// About the budget that was written last: the others were there before.
fn finding(pod: &Pod, budgets: &[&PodDisruptionBudget], said: &str) -> Option<Finding> {
    if budgets.len() < 2 {
        return None;
    }
    let written = |budget: &PodDisruptionBudget| {
        let at = budget.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (at, object_ref(budget))
    };
    let last = budgets.iter().max_by_key(|budget| written(budget))?;
    let others = budgets.iter().map(|budget| object_ref(*budget)).filter(|name| *name != object_ref(*last));
    let others: Vec<_> = others.map(|name| name.to_string()).collect();
    let (name, pod) = (object_ref(*last), object_ref(pod));
    let statement = format!(
        "{name} covers {pod} beside {}, and what two budgets cover is never evicted: {said}",
        others.join(", ")
    );
    let finding = Finding::new(codes::BUDGET_BLOCKS, name, statement).strength(0.7);
    Some(finding.field("pod", &pod.name).field("others", others.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    /// One pod on a node that was cordoned so many minutes ago, and budgets for programs of these names, oldest first.
    fn world(cordoned: Option<i64>, budgets: &[(&str, &str)]) -> World {
        let mut world = World::new().node("node-1", "True").deployment("web", 1);
        for (number, (name, app)) in (1_i64..).zip(budgets) {
            world.snapshot.objects.disruption_budgets.push(object(json!({
                "metadata": {"namespace": "shop", "name": name, "creationTimestamp": ago(900 - number).to_string()},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": app}}},
                "status": {"disruptionsAllowed": 1, "expectedPods": 1, "currentHealthy": 1, "desiredHealthy": 0}})));
        }
        if let Some(minutes) = cordoned {
            world.snapshot.objects.nodes[0].spec = Some(object(json!({"unschedulable": true, "taints": [
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": ago(minutes).to_string()}]})));
        }
        world
    }

    fn objects(world: &World) -> Vec<String> {
        let causes = world.causes().into_iter().filter(|(code, ..)| code == "disruption.blocked");
        causes.map(|(_, object, _)| object).collect()
    }

    const TWICE: [(&str, &str); 2] = [("web", "web"), ("more", "web")];

    #[test]
    fn the_later_of_two_budgets_for_one_pod_stops_a_drain() {
        assert_eq!(objects(&world(Some(40), &TWICE)), ["PodDisruptionBudget shop/more"]);
        let said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let told = world(None, &TWICE).event("web-1-0", "FailedEviction", said, 5);
        assert_eq!(objects(&told), ["PodDisruptionBudget shop/more"]);
        let line = format!("eviction failed, retry in 5s pod=shop/web-1-0 error=\"{said}\"\n");
        let world = world(None, &TWICE).deployment("drainer", 1);
        assert_eq!(
            objects(&world.clone().log("drainer-1-0", &line.repeat(3))),
            ["PodDisruptionBudget shop/more"]
        );
        let past = line.repeat(3) + &"node is drained\n".repeat(80);
        assert_eq!(objects(&world.log("drainer-1-0", &past)), Vec::<String>::new());
    }

    #[test]
    fn two_budgets_that_stop_nobody_and_budgets_for_different_pods_do_not() {
        let nobody = Vec::<String>::new();
        assert_eq!(objects(&world(None, &TWICE)), nobody);
        assert_eq!(objects(&world(Some(60 * 24), &TWICE)), nobody);
        assert_eq!(objects(&world(Some(40), &[("web", "web"), ("cart", "cart")])), nobody);
        // The drain has not come to an end yet.
        assert_eq!(objects(&world(Some(40), &TWICE).deployment("cart", 1)), nobody);
    }
}
