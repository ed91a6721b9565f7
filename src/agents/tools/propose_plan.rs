//! `propose_plan`: a Plan of catalog Actions, tried against the live cluster as a dry-run and kept for the run.
//!
//! Every field is typed and no other is taken: there is no place for a command. Nothing is applied here; what is kept
//! goes the way of every Plan.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::proposals::MOST_PROPOSALS;
use super::proposed_action::{Named, ProposedAction, catalog_action, named};
use super::schema::schema_of;
use super::{Proposed, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::{Action, Check, Incident, ObjectRef, PlannedAction};
use crate::remediate::{ClusterError, PreviewError, Proposal, propose};

/// Most Actions of one Plan.
const MOST_ACTIONS: usize = 5;

/// Longest code, statement and rationale, characters.
const LONGEST_CODE: usize = 80;
const LONGEST_TEXT: usize = 1000;

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

    use super::Arguments;
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
}
