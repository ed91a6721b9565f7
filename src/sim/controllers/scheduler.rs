//! The scheduler: places pods on nodes by resources, taints, selectors and the cordon, and says why it can't.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{NODES, PODS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{Report, World, fields, quantity};

const COMPONENT: &str = "default-scheduler";

/// Resources that pods ask for or nodes have.
#[derive(Debug, Clone, Copy, Default)]
struct Resources {
    cpu: f64,
    memory: f64,
    pods: f64,
}

pub(super) fn reconcile(world: &World) {
    for pod in world.all(&PODS) {
        let waits = fields::text(&pod, "/spec/nodeName").is_empty();
        if waits && pods::is_active(&pod) {
            place(world, &pod);
        }
    }
}

fn place(world: &World, pod: &Value) {
    let all = world.all(&PODS);
    let nodes = world.all(&NODES);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut fitting = Vec::new();
    for node in &nodes {
        let here: Vec<&Arc<Value>> = all.iter().filter(|p| is_on(p, node)).collect();
        match refusal(pod, node, &here) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => fitting.push((siblings(pod, &here), load(node, &here), node)),
        }
    }
    fitting.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    match fitting.first() {
        Some((_, _, node)) => bind(world, pod, meta::name(node)),
        None => tell_failure(world, pod, nodes.len(), &reasons),
    }
}

fn is_on(pod: &Value, node: &Value) -> bool {
    fields::text(pod, "/spec/nodeName") == meta::name(node) && !pods::is_finished(pod)
}

/// Pods of the same owner on a node: they are spread.
fn siblings(pod: &Value, here: &[&Arc<Value>]) -> usize {
    let owner = fields::controller_uid(pod);
    here.iter().filter(|other| !owner.is_empty() && fields::controller_uid(other) == owner).count()
}

/// Share of a node that is spoken for.
fn load(node: &Value, here: &[&Arc<Value>]) -> f64 {
    let (have, used) = (allocatable(node), used(here));
    used.cpu / have.cpu.max(0.001) + used.memory / have.memory.max(1.0)
}

fn allocatable(node: &Value) -> Resources {
    let of = |name: &str| quantity::of(node.pointer(&format!("/status/allocatable/{name}")));
    Resources {
        cpu: of("cpu").unwrap_or(f64::INFINITY),
        memory: of("memory").unwrap_or(f64::INFINITY),
        pods: of("pods").unwrap_or(110.0),
    }
}

fn requests(pod: &Value) -> Resources {
    let sum = |name: &str| {
        let one = |c: &Value| quantity::of(c.pointer(&format!("/resources/requests/{name}"))).unwrap_or(0.0);
        fields::list(pod, "/spec/containers").iter().map(one).sum()
    };
    Resources { cpu: sum("cpu"), memory: sum("memory"), pods: 1.0 }
}

fn used(here: &[&Arc<Value>]) -> Resources {
    here.iter().map(|pod| requests(pod)).fold(Resources::default(), |a, b| Resources {
        cpu: a.cpu + b.cpu,
        memory: a.memory + b.memory,
        pods: a.pods + b.pods,
    })
}

/// Why a pod can't go to a node, in the scheduler's words.
fn refusal(pod: &Value, node: &Value, here: &[&Arc<Value>]) -> Option<String> {
    if fields::flag(node, "/spec/unschedulable")
        && !tolerates(pod, &json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}))
    {
        return Some("node(s) were unschedulable".to_owned());
    }
    let taints = fields::list(node, "/spec/taints").iter();
    let mut hard = taints.filter(|taint| fields::text(taint, "/effect") != "PreferNoSchedule");
    if hard.any(|taint| !tolerates(pod, taint)) {
        return Some("node(s) had untolerated taint(s)".to_owned());
    }
    if !matches_selectors(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    let (have, used, asked) = (allocatable(node), used(here), requests(pod));
    if used.pods + asked.pods > have.pods {
        return Some("Too many pods".to_owned());
    }
    if used.cpu + asked.cpu > have.cpu + 1e-9 {
        return Some("Insufficient cpu".to_owned());
    }
    (used.memory + asked.memory > have.memory).then(|| "Insufficient memory".to_owned())
}

/// Whether a pod belongs on this kind of node at all, whatever its load: what a DaemonSet asks.
pub(super) fn fits_kind_of_node(pod: &Value, node: &Value) -> bool {
    let mut taints = fields::list(node, "/spec/taints").iter();
    matches_selectors(pod, node)
        && taints.all(|taint| fields::text(taint, "/effect") == "PreferNoSchedule" || tolerates(pod, taint))
}

/// Whether one of a pod's tolerations covers a taint.
pub(super) fn tolerates(pod: &Value, taint: &Value) -> bool {
    toleration(pod, taint).is_some()
}

/// The toleration that covers a taint.
pub(super) fn toleration<'a>(pod: &'a Value, taint: &Value) -> Option<&'a Value> {
    fields::list(pod, "/spec/tolerations").iter().find(|toleration| {
        let key = fields::text(toleration, "/key");
        let effect = fields::text(toleration, "/effect");
        let exists = fields::text(toleration, "/operator") == "Exists";
        (effect.is_empty() || effect == fields::text(taint, "/effect"))
            && (if key.is_empty() { exists } else { key == fields::text(taint, "/key") })
            && (exists || fields::text(toleration, "/value") == fields::text(taint, "/value"))
    })
}

fn matches_selectors(pod: &Value, node: &Value) -> bool {
    let selector =
        pod.pointer("/spec/nodeSelector").filter(|s| s.as_object().is_some_and(|map| !map.is_empty()));
    if selector.is_some() && !fields::selects_plain(selector, node) {
        return false;
    }
    const TERMS: &str =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = fields::list(pod, TERMS);
    terms.is_empty() || terms.iter().any(|term| matches_term(term, node))
}

fn matches_term(term: &Value, node: &Value) -> bool {
    let fields_match = fields::list(term, "/matchFields")
        .iter()
        .all(|field| fields::list(field, "/values").iter().any(|v| v.as_str() == Some(meta::name(node))));
    let expressions = fields::list(term, "/matchExpressions");
    let selector = json!({"matchExpressions": expressions});
    fields_match && (expressions.is_empty() || fields::selects(Some(&selector), node))
}

fn bind(world: &World, pod: &Value, node: &str) {
    let now = world.now();
    let condition = Condition { kind: "PodScheduled", status: "True", reason: "", message: "" };
    world.modify(&PODS, pod, |pod| {
        fields::set(pod, "/spec/nodeName", node.into());
        fields::set_condition(pod, condition, now, &[("lastProbeTime", Value::Null)]);
    });
    let message = format!("Successfully assigned {}/{} to {node}", meta::namespace(pod), meta::name(pod));
    world.report(pod, Report::normal(COMPONENT, "Scheduled", &message));
}

fn tell_failure(world: &World, pod: &Value, nodes: usize, reasons: &BTreeMap<String, usize>) {
    let message = sentence(nodes, reasons);
    let told = fields::condition(pod, "PodScheduled").is_some_and(|c| fields::text(c, "/message") == message);
    if told {
        return;
    }
    let now = world.now();
    let condition =
        Condition { kind: "PodScheduled", status: "False", reason: "Unschedulable", message: &message };
    world.modify(&PODS, pod, |pod| {
        fields::set_condition(pod, condition, now, &[("lastProbeTime", Value::Null)]);
    });
    world.report(pod, Report::warning(COMPONENT, "FailedScheduling", &message));
}

/// The scheduler's own sentence, such as `0/3 nodes are available: 3 Insufficient cpu. …`.
fn sentence(nodes: usize, reasons: &BTreeMap<String, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let parts: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let lacking = |reason: &&String| reason.starts_with("Insufficient") || *reason == "Too many pods";
    let resource: usize = reasons.iter().filter(|(reason, _)| lacking(reason)).map(|(_, count)| count).sum();
    let mut preemption = Vec::new();
    if resource > 0 {
        preemption.push(format!("{resource} No preemption victims found for incoming pod"));
    }
    if nodes > resource {
        preemption.push(format!("{} Preemption is not helpful for scheduling", nodes - resource));
    }
    format!(
        "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {}.",
        parts.join(", "),
        preemption.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kinds::EVENTS;
    use crate::sim::world::testing::{empty_world, given};

    fn node(world: &World, name: &str, spec: &Value) {
        given(
            world,
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec,
                "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}},
            }),
        );
    }

    fn pod(world: &World, name: &str, cpu: &str, extra: &Value) -> String {
        let mut spec =
            json!({"containers": [{"name": "c", "image": "c:1", "resources": {"requests": {"cpu": cpu}}}]});
        for (key, value) in extra.as_object().unwrap() {
            fields::set(&mut spec, &format!("/{key}"), value.clone());
        }
        given(
            world,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}),
        );
        reconcile(world);
        fields::text(&world.store.get(&PODS, "default", name).unwrap(), "/spec/nodeName").to_owned()
    }

    #[test]
    fn a_pod_goes_where_there_is_room() {
        let world = empty_world();
        node(&world, "a", &json!({}));
        node(&world, "b", &json!({}));
        let first = pod(&world, "one", "1500m", &json!({}));
        let second = pod(&world, "two", "1500m", &json!({}));
        assert_ne!(first, second);
        assert_eq!(pod(&world, "three", "1500m", &json!({})), "");
        let events = world.all(&EVENTS);
        let told = events.iter().find(|e| fields::text(e, "/reason") == "FailedScheduling").unwrap();
        assert_eq!(
            fields::text(told, "/message"),
            "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are \
             available: 2 No preemption victims found for incoming pod."
        );
    }

    #[test]
    fn cordons_taints_and_selectors_are_respected() {
        let world = empty_world();
        node(&world, "cordoned", &json!({"unschedulable": true}));
        node(&world, "tainted", &json!({"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}));
        assert_eq!(pod(&world, "plain", "100m", &json!({})), "");
        let toleration = json!({"tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}]});
        assert_eq!(pod(&world, "tolerant", "100m", &toleration), "tainted");
        let mut picky = toleration;
        fields::set(&mut picky, "/nodeSelector", json!({"disk": "hdd"}));
        assert_eq!(pod(&world, "picky", "100m", &picky), "");
    }
}
