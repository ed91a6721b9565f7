//! Actions of the catalog as a model proposes them: typed, and nothing but names and amounts in them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ToolError;
use crate::incident::{Action, ObjectRef, ResourceAmounts};

/// Most replicas that are proposed; more are for people.
const MOST_REPLICAS: i32 = 500;

/// Longest name, characters: a DNS subdomain.
const LONGEST_NAME: usize = 253;

/// An object of the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// The kind as the API spells it, as in Deployment.
    kind: String,
    /// The namespace; left out for a Node.
    #[serde(default)]
    namespace: String,
    /// The name.
    name: String,
}

/// Amounts as Kubernetes quantities; what is left out stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Amounts {
    /// CPU, as in 500m.
    #[serde(default)]
    cpu: Option<String>,
    /// Memory, as in 256Mi.
    #[serde(default)]
    memory: Option<String>,
}

/// One Action of the catalog.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ProposedAction {
    /// Replaces all pods by a rolling restart.
    RestartWorkload {
        /// A Deployment, StatefulSet or DaemonSet.
        workload: Named,
    },
    /// Puts the pod template back to an earlier revision.
    RollBack {
        /// A Deployment.
        workload: Named,
        /// A revision that it still has.
        to_revision: i64,
    },
    /// Sets the number of replicas.
    Scale {
        /// A Deployment or StatefulSet.
        workload: Named,
        /// 1 to 500.
        replicas: i32,
    },
    /// Sets requests and limits of one container.
    SetResources {
        /// A Deployment, StatefulSet or DaemonSet.
        workload: Named,
        /// The container's name.
        container: String,
        /// New requests.
        #[serde(default)]
        requests: Amounts,
        /// New limits.
        #[serde(default)]
        limits: Amounts,
    },
    /// Evicts one pod so that its controller makes a new one.
    DeletePod {
        /// The Pod.
        pod: Named,
    },
    /// Raises the maximum of an autoscaler.
    RaiseHpaMaximum {
        /// The HorizontalPodAutoscaler.
        hpa: Named,
        /// The new maximum, at most 500.
        max_replicas: i32,
    },
    /// Marks a node unschedulable.
    Cordon {
        /// The Node.
        node: Named,
    },
    /// Marks a node schedulable again.
    Uncordon {
        /// The Node.
        node: Named,
    },
}

/// As an Action of the catalog; a pod's UID is left empty. `place` is where it stands, for messages.
pub(super) fn catalog_action(place: &str, proposed: ProposedAction) -> Result<Action, ToolError> {
    let at = |field: &str| format!("{place}.{field}");
    Ok(match proposed {
        ProposedAction::RestartWorkload { workload } => {
            Action::RestartWorkload { workload: named(&at("workload"), workload)? }
        }
        ProposedAction::RollBack { workload, to_revision } => {
            Action::RollBack { workload: named(&at("workload"), workload)?, to_revision }
        }
        ProposedAction::Scale { workload, replicas } => Action::Scale {
            workload: named(&at("workload"), workload)?,
            replicas: replicas_within(&at("replicas"), replicas)?,
        },
        ProposedAction::SetResources { workload, container, requests, limits } => Action::SetResources {
            workload: named(&at("workload"), workload)?,
            container: name(&at("container"), container)?,
            requests: amounts(&at("requests"), requests)?,
            limits: amounts(&at("limits"), limits)?,
        },
        ProposedAction::DeletePod { pod } => {
            Action::DeletePod { pod: of_kind(&at("pod"), pod, "Pod")?, uid: String::new() }
        }
        ProposedAction::RaiseHpaMaximum { hpa, max_replicas } => Action::RaiseHpaMaximum {
            hpa: of_kind(&at("hpa"), hpa, "HorizontalPodAutoscaler")?,
            max_replicas: replicas_within(&at("max_replicas"), max_replicas)?,
        },
        ProposedAction::Cordon { node } => Action::Cordon { node: of_kind(&at("node"), node, "Node")? },
        ProposedAction::Uncordon { node } => Action::Uncordon { node: of_kind(&at("node"), node, "Node")? },
    })
}

fn replicas_within(place: &str, replicas: i32) -> Result<i32, ToolError> {
    if (1..=MOST_REPLICAS).contains(&replicas) {
        return Ok(replicas);
    }
    Err(ToolError::Arguments(format!(
        "{place}: {replicas} is not between 1 and {MOST_REPLICAS}; stopping a workload or more than that is for people"
    )))
}

fn of_kind(place: &str, object: Named, kind: &str) -> Result<ObjectRef, ToolError> {
    if object.kind == kind {
        return named(place, object);
    }
    let given: String = object.kind.chars().take(40).collect();
    Err(ToolError::Arguments(format!("{place}.kind: {given:?} must be {kind:?}")))
}

/// The object that is named, if Kubernetes could have it.
pub(super) fn named(place: &str, object: Named) -> Result<ObjectRef, ToolError> {
    let kind_is_plain = !object.kind.is_empty()
        && object.kind.len() <= 60
        && object.kind.chars().all(|c| c.is_ascii_alphanumeric());
    if !kind_is_plain {
        return Err(ToolError::Arguments(format!(
            "{place}.kind: give the kind as the API spells it, as in Deployment"
        )));
    }
    let namespace = match (object.kind.as_str(), object.namespace.as_str()) {
        ("Node", "") => String::new(),
        ("Node", _) => {
            return Err(ToolError::Arguments(format!("{place}.namespace: a Node has none; leave it out")));
        }
        _ => name(&format!("{place}.namespace"), object.namespace)?,
    };
    Ok(ObjectRef::new(object.kind, namespace, name(&format!("{place}.name"), object.name)?))
}

/// A name that Kubernetes allows: it becomes part of a URL.
fn name(place: &str, text: String) -> Result<String, ToolError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let valid = text.len() <= LONGEST_NAME
        && text.chars().all(is_plain)
        && ends(text.chars().next())
        && ends(text.chars().last());
    if valid {
        return Ok(text);
    }
    let shown: String = text.chars().take(60).collect();
    Err(ToolError::Arguments(format!(
        "{place}: {shown:?} is no name that Kubernetes allows; give the name alone"
    )))
}

fn amounts(place: &str, given: Amounts) -> Result<ResourceAmounts, ToolError> {
    for (field, amount) in [("cpu", &given.cpu), ("memory", &given.memory)] {
        let plain = |amount: &String| {
            amount.len() <= 20 && amount.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        };
        if amount.as_ref().is_some_and(|amount| !plain(amount)) {
            return Err(ToolError::Arguments(format!(
                "{place}.{field}: give a quantity such as 500m or 256Mi"
            )));
        }
    }
    Ok(ResourceAmounts { cpu: given.cpu, memory: given.memory })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ProposedAction, catalog_action};

    #[test]
    fn names_and_amounts_are_nothing_else() {
        let workload = |name: &str| json!({"kind": "Deployment", "namespace": "shop", "name": name});
        for action in [
            json!({"action": "restart_workload", "workload": workload("a/b")}),
            json!({"action": "restart_workload", "workload": workload("../nodes/x")}),
            json!({"action": "restart_workload", "workload": workload("a; rm -rf /")}),
            json!({"action": "restart_workload", "workload": workload("")}),
            json!({"action": "restart_workload", "workload": workload("a?dryRun=")}),
            json!({"action": "restart_workload", "workload": workload(&"a".repeat(300))}),
            json!({"action": "restart_workload", "workload": {"kind": "Deployment", "name": "a"}}),
            json!({"action": "restart_workload", "workload": {"kind": "Deploy ment", "namespace": "shop", "name": "a"}}),
            json!({"action": "scale", "workload": workload("a"), "replicas": 0}),
            json!({"action": "scale", "workload": workload("a"), "replicas": 100_000}),
            json!({"action": "cordon", "node": workload("a")}),
            json!({"action": "cordon", "node": {"kind": "Node", "namespace": "shop", "name": "a"}}),
            json!({"action": "set_resources", "workload": workload("a"), "container": "app", "limits": {"memory": "1Gi; x"}}),
            json!({"action": "set_resources", "workload": workload("a"), "container": "$(id)"}),
        ] {
            let proposed: ProposedAction = serde_json::from_value(action.clone()).unwrap();
            let refusal = catalog_action("actions[0]", proposed).unwrap_err().to_string();
            assert!(refusal.contains("actions[0]."), "{action}: {refusal}");
        }
    }
}
