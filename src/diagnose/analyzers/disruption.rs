//! PodDisruptionBudgets that hold up a drain although all their pods are well.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::diagnose::labels::{matches, or_none};
use crate::incident::ObjectRef;

/// A node that was cordoned this long ago is not being drained any more.
const DRAIN: SignedDuration = SignedDuration::from_hours(6);

/// What autoscalers, upgraders and drains write when a budget stops them.
const SAID: [&str; 4] = ["disruption budget", "PodDisruptionBudget", "Pdb ", "pdb "];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let budgets = index.snapshot.objects.disruption_budgets.iter().filter(|budget| allows_nothing(budget));
    let budgets: Vec<_> = budgets.collect();
    if budgets.is_empty() {
        return Vec::new();
    }
    let draining = drained(index);
    budgets
        .into_iter()
        .filter_map(|budget| said(index, budget).or_else(|| drain(index, budget, &draining)))
        .collect()
}

/// Whether a budget allows nothing although all its pods are well: where some are not, these are the trouble.
pub(super) fn allows_nothing(budget: &PodDisruptionBudget) -> bool {
    budget.status.as_ref().is_some_and(|status| {
        status.disruptions_allowed == Some(0)
            && status.expected_pods > Some(0)
            && status.current_healthy >= status.expected_pods
            && status.disrupted_pods.as_ref().is_none_or(BTreeMap::is_empty)
    })
}

/// An event that says so, about a pod or node, and names the budget or a pod that it covers.
fn said(index: &Index<'_>, budget: &PodDisruptionBudget) -> Option<Finding> {
    let name = object_ref(budget);
    let events = index.snapshot.objects.events.iter();
    let event =
        events.filter(|event| SAID.iter().any(|word| message(event).contains(word))).find(|event| {
            let about = &event.involved_object;
            let pod = ObjectRef::new(
                "Pod",
                about.namespace.as_deref().unwrap_or_default(),
                about.name.as_deref().unwrap_or_default(),
            );
            let is_own = about.kind.as_deref() == Some("Pod")
                && index.pod(&pod).is_some_and(|pod| covers(budget, pod));
            is_own || message(event).contains(&name.name)
        })?;
    let statement = format!("{name} allows no eviction although all its pods are well: {}", message(event));
    let since = event.first_timestamp.as_ref().map(|time| time.0);
    Some(finding(budget, statement).at(since).field("said", message(event)))
}

fn message(event: &Event) -> &str {
    event.message.as_deref().unwrap_or_default()
}

/// Whether a budget is for the pod.
pub(super) fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    namespace_of(&budget.metadata) == namespace_of(&pod.metadata)
        && selector.is_some_and(|selector| matches(selector, or_none(pod.metadata.labels.as_ref())))
}

/// Nodes that were cordoned lately, with the pods that a drain would still have to evict.
pub(super) fn drained<'a>(index: &Index<'a>) -> Vec<(&'a Node, Vec<&'a Pod>)> {
    let cordoned = |node: &&Node| {
        let spec = node.spec.as_ref();
        spec.is_some_and(|spec| spec.unschedulable == Some(true)) && is_recent(node, index.snapshot.taken_at)
    };
    let nodes = index.snapshot.objects.nodes.iter().filter(cordoned);
    nodes
        .map(|node| {
            let pods = index.snapshot.objects.pods.iter();
            let here = pods.filter(|pod| {
                pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == node.metadata.name.as_ref()
                    && is_evicted(pod)
            });
            (node, here.collect())
        })
        .collect()
}

fn is_recent(node: &Node, now: Timestamp) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let mut cordons = taints.filter(|taint| taint.key == "node.kubernetes.io/unschedulable");
    let at = cordons.find_map(|taint| taint.time_added.as_ref()).map(|time| time.0);
    at.is_some_and(|at| now.duration_since(at) < DRAIN)
}

/// Whether a drain evicts the pod: not those of DaemonSets, nor the kubelet's own, nor what has ended.
fn is_evicted(pod: &Pod) -> bool {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let stays = owners.iter().any(|owner| owner.kind == "DaemonSet" || owner.kind == "Node");
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !stays && !matches!(phase, Some("Succeeded" | "Failed"))
}

/// A node on which nothing is left but pods whose budgets let none go: the drain waits for these.
fn drain(
    index: &Index<'_>,
    budget: &PodDisruptionBudget,
    draining: &[(&Node, Vec<&Pod>)],
) -> Option<Finding> {
    let all = &index.snapshot.objects.disruption_budgets;
    let kept = |pod: &&Pod| all.iter().any(|budget| allows_nothing(budget) && covers(budget, pod));
    let (node, pods) = draining
        .iter()
        .find(|(_, pods)| pods.iter().any(|pod| covers(budget, pod)) && pods.iter().all(&kept))?;
    let (name, node) = (object_ref(budget), object_ref(*node));
    let statement = format!(
        "{node} is cordoned and nothing is left on it to evict but {} pods whose budgets allow none to go; {name} is one of these",
        pods.len()
    );
    Some(finding(budget, statement).strength(0.7).field("node", &node.name))
}

fn finding(budget: &PodDisruptionBudget, statement: String) -> Finding {
    let finding = Finding::new(codes::BUDGET_BLOCKS, object_ref(budget), statement);
    let shown = |value: &k8s_openapi::apimachinery::pkg::util::intstr::IntOrString| match value {
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(number) => number.to_string(),
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::String(text) => text.clone(),
    };
    let spec = budget.spec.as_ref();
    let status = budget.status.as_ref();
    finding
        .field_if("spec.minAvailable", spec.and_then(|spec| spec.min_available.as_ref()).map(shown))
        .field_if("spec.maxUnavailable", spec.and_then(|spec| spec.max_unavailable.as_ref()).map(shown))
        .field_if("status.currentHealthy", status.and_then(|status| status.current_healthy))
        .field_if("status.disruptionsAllowed", status.and_then(|status| status.disruptions_allowed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn world(healthy: i32, cordoned: Option<i64>) -> World {
        let mut world = World::new().node("node-1", "True").deployment("web", 1);
        world.snapshot.objects.disruption_budgets.push(object(json!({
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptionsAllowed": 0, "expectedPods": 1, "currentHealthy": healthy, "desiredHealthy": 1}})));
        if let Some(minutes) = cordoned {
            let spec: Value = json!({"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable",
                "effect": "NoSchedule", "timeAdded": ago(minutes).to_string()}]});
            world.snapshot.objects.nodes[0].spec = Some(object(spec));
        }
        world
    }

    fn objects(world: &World) -> Vec<String> {
        let causes = world.causes().into_iter().filter(|(code, ..)| code == "disruption.blocked");
        causes.map(|(_, object, _)| object).collect()
    }

    #[test]
    fn a_budget_that_stops_a_drain_is_blamed() {
        assert_eq!(objects(&world(1, Some(20))), ["PodDisruptionBudget shop/web"]);
        let said = world(1, None).event(
            "web-1-0",
            "FailedEviction",
            "Cannot evict pod as it would violate the pod's disruption budget.",
            5,
        );
        assert_eq!(objects(&said), ["PodDisruptionBudget shop/web"]);
    }

    #[test]
    fn budgets_where_nothing_is_drained_or_pods_are_ill_or_others_are_left_are_not() {
        assert_eq!(objects(&world(1, None)), Vec::<String>::new());
        assert_eq!(objects(&world(0, Some(20))), Vec::<String>::new());
        assert_eq!(objects(&world(1, Some(60 * 24))), Vec::<String>::new());
        assert_eq!(objects(&world(1, Some(20)).deployment("cart", 1)), Vec::<String>::new());
    }
}
