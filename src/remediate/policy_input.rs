//! What policy is told about a Plan: facts only, gathered from the incident, the settings and the Snapshot.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::blast_radius::{Blast, blast_radius, is_delicate};
use super::playbooks;
use crate::incident::{
    Action, Hypothesis, Incident, Investigation, ObjectRef, Plan, PlannedAction, Proposer,
};
use crate::observe::Snapshot;
use crate::settings::{AutomationSettings, ClusterSettings};

/// The cause that a Plan acts on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HypothesisInput {
    /// Its code.
    pub code: String,
    /// How sure the proposer is, 0 to 1; 0 where the Hypothesis is not known.
    pub confidence: f64,
    /// `rule` or `agent`; `agent` where the Hypothesis is not known, or an agent drafted the Plan.
    pub proposer: &'static str,
}

/// One Action of a Plan with what policy has to know of its target.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionInput {
    /// The Action.
    pub action: Action,
    /// Pods that it touches.
    pub pods_affected: u32,
    /// Whether the node (the target, or the one that the pod is on) is Ready; `None` where there is none or it is not known.
    pub node_ready: Option<bool>,
}

/// What policy is told. `Policy` adds the automation settings, and asks once per Action.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyInput {
    /// Name of the cluster.
    pub cluster: String,
    /// Its environment.
    pub environment: String,
    /// The cause.
    pub hypothesis: HypothesisInput,
    /// Which repair attempt of the incident it is, from 1.
    pub attempt: u32,
    /// The time to judge freeze windows by.
    pub now: Timestamp,
    /// Whether text that agents read tried to instruct them. Playbooks never act on text.
    pub tainted: bool,
    /// Whether the Plan was drafted in chat.
    pub from_chat: bool,
    /// Pods that the touched workloads have, together; 0 where unknown.
    pub total_pods: u32,
    /// Ready nodes of the cluster; `None` where not known.
    pub ready_nodes: Option<u32>,
    /// The Actions, in the Plan's order.
    pub actions: Vec<ActionInput>,
}

impl PolicyInput {
    /// Gathers the facts about `plan`. Without a Snapshot totals are unknown, which policy judges more strictly.
    #[must_use]
    pub fn gather(
        plan: &Plan,
        incident: &Incident,
        cluster: &ClusterSettings,
        snapshot: Option<&Snapshot>,
        now: Timestamp,
    ) -> Self {
        // Several causes may share a code; the least sure of them, and an agent among them, decides.
        let causes: Vec<&Hypothesis> =
            incident.hypotheses.iter().filter(|hypothesis| hypothesis.code == plan.hypothesis).collect();
        let least = causes.iter().map(|cause| cause.confidence.value()).reduce(f64::min);
        let confidence = least.unwrap_or(0.0);
        let by_rule = |cause: &&Hypothesis| matches!(cause.proposer, Proposer::Rule(_));
        let ruled = !causes.is_empty() && causes.iter().all(by_rule);
        let proposer = if ruled && plan.agent.is_none() { "rule" } else { "agent" };
        let nodes =
            snapshot.map(|snapshot| snapshot.objects.nodes.as_slice()).filter(|nodes| !nodes.is_empty());
        let ready = |nodes: &[Node]| nodes.iter().filter(|node| is_ready(node) == Some(true)).count();
        Self {
            cluster: cluster.name.clone(),
            environment: cluster.environment.clone(),
            hypothesis: HypothesisInput { code: plan.hypothesis.clone(), confidence, proposer },
            attempt: incident.attempt,
            now,
            tainted: incident.investigation.as_ref().is_some_and(Investigation::is_tainted),
            from_chat: plan.from_chat,
            total_pods: snapshot.map_or(0, |snapshot| total_pods(plan, snapshot)),
            ready_nodes: nodes.and_then(|nodes| u32::try_from(ready(nodes)).ok()),
            actions: plan.actions.iter().map(|planned| action_input(planned, snapshot)).collect(),
        }
    }

    /// The input document for one Action; its shape is described at the head of the built-in policy.
    pub(super) fn document(&self, asked: &ActionInput, settings: &AutomationSettings) -> Value {
        let windows: Vec<Value> = settings
            .freeze_windows
            .iter()
            .map(|window| json!({ "reason": window.reason, "from": window.from, "until": window.until }))
            .collect();
        let pods: u32 = self.pods_affected();
        let target = asked.action.target();
        json!({
            "automation": {
                "level": settings.level,
                "protected_namespaces": settings.protected_namespaces,
                "freeze_windows": windows,
            },
            "cluster": self.cluster,
            "environment": self.environment,
            "namespace": target.namespace,
            "action": {
                "kind": asked.action.kind(),
                "target": { "kind": target.kind, "namespace": target.namespace, "name": target.name },
                "arguments": arguments(&asked.action),
            },
            "pods_affected": asked.pods_affected,
            "total_pods": self.total_pods,
            "node_ready": asked.node_ready,
            "ready_nodes": self.ready_nodes,
            "plan": { "actions": self.actions.len(), "pods_affected": pods },
            "blast_radius": self.blast_radius(),
            "hypothesis": self.hypothesis,
            "attempt": self.attempt,
            "now": self.now,
            "tainted": self.tainted,
            "from_chat": self.from_chat,
        })
    }

    /// The blast radius of the whole Plan.
    #[must_use]
    pub fn blast_radius(&self) -> f64 {
        let mut namespaces = self.actions.iter().map(|asked| asked.action.target().namespace.as_str());
        let namespace = namespaces.find(|namespace| is_delicate(namespace)).unwrap_or_default();
        blast_radius(Blast {
            pods_affected: self.pods_affected(),
            total_pods: self.total_pods,
            environment: &self.environment,
            namespace,
        })
    }

    fn pods_affected(&self) -> u32 {
        self.actions.iter().fold(0, |sum, asked| sum.saturating_add(asked.pods_affected))
    }
}

/// The Action's fields besides its name and target.
fn arguments(action: &Action) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(action) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    for known in ["action", "workload", "pod", "hpa", "node"] {
        fields.remove(known);
    }
    fields
}

fn action_input(planned: &PlannedAction, snapshot: Option<&Snapshot>) -> ActionInput {
    let node = match &planned.action {
        Action::Cordon { node } | Action::Uncordon { node } => Some(node.name.clone()),
        Action::DeletePod { pod, .. } => snapshot.and_then(|snapshot| node_of(pod, snapshot)),
        _ => None,
    };
    let live = snapshot.zip(node).and_then(|(snapshot, name)| {
        snapshot.objects.nodes.iter().find(|node| node.metadata.name.as_ref() == Some(&name))
    });
    ActionInput {
        action: planned.action.clone(),
        pods_affected: planned.pods_affected,
        node_ready: live.and_then(is_ready),
    }
}

fn node_of(pod: &ObjectRef, snapshot: &Snapshot) -> Option<String> {
    let live = snapshot.objects.pods.iter().find(|live| {
        live.metadata.name.as_ref() == Some(&pod.name)
            && live.metadata.namespace.as_ref() == Some(&pod.namespace)
    })?;
    live.spec.as_ref()?.node_name.clone()
}

fn is_ready(node: &Node) -> Option<bool> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    Some(conditions.iter().find(|condition| condition.type_ == "Ready")?.status == "True")
}

fn total_pods(plan: &Plan, snapshot: &Snapshot) -> u32 {
    let mut workloads: Vec<ObjectRef> = plan
        .actions
        .iter()
        .filter_map(|planned| playbooks::controller_of(planned.action.target(), snapshot))
        .collect();
    workloads.sort();
    workloads.dedup();
    let pods = workloads.iter().map(|workload| playbooks::pods(workload, snapshot).count()).sum::<usize>();
    u32::try_from(pods).unwrap_or(u32::MAX)
}
