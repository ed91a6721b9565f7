//! `propose_plan`: a Plan of catalog Actions, tried against the live cluster as a dry-run and kept for the run.
//!
//! Every field is typed and no other is taken: there is no place for a command. Nothing is applied here; what is kept
//! goes the way of every Plan.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::proposals::MOST_PROPOSALS;
use super::schema::schema_of;
use super::{Proposed, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::{Action, Check, Incident, ObjectRef, PlannedAction, ResourceAmounts};
use crate::remediate::{ClusterError, PreviewError, Proposal, propose};

/// Most Actions of one Plan.
const MOST_ACTIONS: usize = 5;

/// Most replicas that are proposed; more are for people.
const MOST_REPLICAS: i32 = 500;

/// Longest code, statement and rationale, characters.
const LONGEST_CODE: usize = 80;
const LONGEST_TEXT: usize = 1000;

/// Longest name, characters: a DNS subdomain.
const LONGEST_NAME: usize = 253;

/// Drafts a Plan.
pub(super) struct ProposePlan;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The cause that the Plan acts on.
    hypothesis: Cause,
    /// What to do, in order, 1 to 5 Actions of the catalog (see list_actions), each on another object.
    actions: Vec<ProposedAction>,
    /// Why this should help, one or two sentences.
    rationale: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cause {
    /// Code of the cause: that of a Hypothesis of the incident, or a new one in the same manner, as in memory.exhausted.
    code: String,
    /// The object at fault.
    object: Named,
    /// What happened, in one or two sentences.
    statement: String,
}

/// An object of the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
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
struct Amounts {
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
enum ProposedAction {
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

impl Tool for ProposePlan {
    fn name(&self) -> &'static str {
        "propose_plan"
    }

    fn description(&self) -> &'static str {
        "Drafts a Plan: the cause, and one to five Actions of the catalog (see list_actions) with typed arguments. It is \
         checked against the live cluster (objects, containers, revisions, quantities) and tried as a dry-run; what is wrong \
         comes back so that you can correct it. Nothing is applied: policy and people decide about it afterwards. The \
         Checks that will prove success are chosen by kubewright."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { draft(arguments(given)?, context).await })
    }
}

async fn draft(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let Arguments { hypothesis: Cause { code, object, statement }, actions, rationale } = given;
    check_code(&code)?;
    check_text("hypothesis.statement", &statement)?;
    check_text("rationale", &rationale)?;
    let object = named("hypothesis.object", object)?;
    permit(&object, context)?;
    let actions = catalog_actions(actions, context)?;
    let incident = context.incident.as_deref();
    let proposal = Proposal { hypothesis: code, rationale, actions };
    let signals = incident.map(|incident| incident.signals.as_slice()).unwrap_or_default();
    let excluded = incident.map(Incident::excluded_actions).unwrap_or_default();
    let (draft, plan) = propose(&context.observer.client(), proposal, signals, &excluded)
        .await
        .map_err(|error| feedback(&error))?;
    let text = told(&plan.actions, &plan.checks);
    let kept = context.proposals.keep(Proposed { object, statement, draft, plan });
    let Some(number) = kept else {
        return Err(ToolError::Denied(format!(
            "{MOST_PROPOSALS} Plans were drafted already; decide for one of them"
        )));
    };
    Ok(ToolOutput::bounded(
        format!("Plan {number} is drafted; nothing is applied.\n{text}"),
        "propose fewer Actions",
    ))
}

/// As Actions of the catalog, each on another object that may be seen. The pod's UID follows from the live pod.
fn catalog_actions(proposed: Vec<ProposedAction>, context: &ToolContext) -> Result<Vec<Action>, ToolError> {
    if proposed.is_empty() || proposed.len() > MOST_ACTIONS {
        return Err(ToolError::Arguments(format!(
            "actions: give 1 to {MOST_ACTIONS}; where no Action helps, write a recommendation for people instead"
        )));
    }
    let mut actions: Vec<Action> = Vec::new();
    for (index, one) in proposed.into_iter().enumerate() {
        let action = catalog_action(&format!("actions[{index}]"), one)?;
        permit(action.target(), context)?;
        if let Some(earlier) = actions.iter().find(|earlier| earlier.target() == action.target()) {
            return Err(ToolError::Arguments(format!(
                "actions[{index}]: {} is changed already by \"{earlier}\"; a Plan changes an object once",
                action.target()
            )));
        }
        actions.push(action);
    }
    Ok(actions)
}

fn catalog_action(place: &str, proposed: ProposedAction) -> Result<Action, ToolError> {
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

/// A namespace that may be read; of cluster-wide objects only where everything may be.
fn permit(object: &ObjectRef, context: &ToolContext) -> Result<(), ToolError> {
    if !object.namespace.is_empty() {
        return context.access.check(&object.namespace);
    }
    match context.access.namespaces() {
        None => Ok(()),
        Some(_) => Err(ToolError::Denied(format!(
            "{object} belongs to no namespace and may not be changed in this conversation; say so to people instead"
        ))),
    }
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

fn named(place: &str, object: Named) -> Result<ObjectRef, ToolError> {
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

fn check_code(code: &str) -> Result<(), ToolError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_');
    if !code.is_empty() && code.len() <= LONGEST_CODE && code.chars().all(plain) {
        return Ok(());
    }
    Err(ToolError::Arguments(format!(
        "hypothesis.code: lower-case letters, digits, dots and underscores, at most {LONGEST_CODE}, as in memory.exhausted"
    )))
}

fn check_text(place: &str, text: &str) -> Result<(), ToolError> {
    if !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT {
        return Ok(());
    }
    Err(ToolError::Arguments(format!(
        "{place}: give one or two sentences, at most {LONGEST_TEXT} characters"
    )))
}

fn feedback(error: &PreviewError) -> ToolError {
    match error {
        PreviewError::Impossible { .. } => {
            ToolError::Arguments(format!("{error}; change or leave out that Action"))
        }
        PreviewError::Cluster(ClusterError::Gone { target }) => {
            ToolError::NotFound(format!("there is no {target}; look for what there is with kubernetes_list"))
        }
        PreviewError::Cluster(ClusterError::Unsupported { target }) => ToolError::Arguments(format!(
            "kubewright does not change objects like {target}; see list_actions"
        )),
        PreviewError::Cluster(ClusterError::Refused { .. }) => ToolError::Arguments(error.to_string()),
        PreviewError::Cluster(ClusterError::Forbidden { .. }) => ToolError::Denied(error.to_string()),
        PreviewError::Cluster(other) => ToolError::Unavailable(other.to_string()),
    }
}

fn told(actions: &[PlannedAction], checks: &[Check]) -> String {
    let action = |(index, planned): (usize, &PlannedAction)| {
        format!(
            "\n{}. {} ({} pods; undo: {})\n{}\n",
            index + 1,
            planned.action,
            planned.pods_affected,
            planned.undo,
            planned.diff.trim_end()
        )
    };
    let actions: String = actions.iter().enumerate().map(action).collect();
    let checks: String = checks.iter().map(|check| format!("- {check}\n")).collect();
    format!("{actions}\nIt counts as successful when:\n{checks}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Arguments, ProposedAction, catalog_action};
    use crate::agents::tools::arguments;

    fn plan(action: &Value) -> Value {
        json!({
            "hypothesis": {
                "code": "memory.exhausted",
                "object": {"kind": "Deployment", "namespace": "shop", "name": "checkout"},
                "statement": "It needs more memory.",
            },
            "actions": [action],
            "rationale": "More memory lets it live.",
        })
    }

    #[test]
    fn nothing_but_typed_actions_of_the_catalog_is_taken() {
        let workload = json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"});
        let good = plan(&json!({"action": "restart_workload", "workload": workload}));
        assert!(arguments::<Arguments>(good.clone()).is_ok());
        let mut extra = good.clone();
        extra["command"] = json!("kubectl delete ns shop");
        let mut in_hypothesis = good;
        in_hypothesis["hypothesis"]["shell"] = json!("rm -rf /");
        for (given, named) in [
            (extra, "command"),
            (in_hypothesis, "shell"),
            (plan(&json!({"action": "kubectl", "command": "delete ns shop"})), "kubectl"),
            (plan(&json!({"action": "restart_workload", "workload": workload, "command": "sh"})), "command"),
            (plan(&json!({"action": "delete_pod", "pod": workload, "uid": "x"})), "uid"),
            (
                plan(
                    &json!({"action": "set_resources", "workload": workload, "container": "app", "limits": {"gpu": "1"}}),
                ),
                "gpu",
            ),
            (plan(&json!({"action": "scale", "workload": workload, "replicas": "many"})), "many"),
            (plan(&json!({"action": "scale", "workload": workload})), "replicas"),
            (plan(&json!("restart everything")), "restart"),
            (plan(&json!({"workload": workload})), "action"),
        ] {
            let refusal = arguments::<Arguments>(given).unwrap_err().to_string();
            assert!(refusal.contains(named), "{named}: {refusal}");
        }
    }

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
