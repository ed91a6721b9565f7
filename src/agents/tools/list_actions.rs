//! `list_actions`: the closed catalog of changes, told to a model.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::schema::schema_of;
use super::{Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::ActionKind;

/// All kinds, in the order in which they are told.
const KINDS: [ActionKind; 8] = [
    ActionKind::RollBack,
    ActionKind::RestartWorkload,
    ActionKind::Scale,
    ActionKind::SetResources,
    ActionKind::RaiseHpaMaximum,
    ActionKind::DeletePod,
    ActionKind::Cordon,
    ActionKind::Uncordon,
];

/// Tells the catalog.
pub(super) struct ListActions;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {}

/// What a model has to know of one Action.
struct Entry {
    arguments: &'static str,
    does: &'static str,
    needs: &'static str,
    undo: &'static str,
}

impl Tool for ListActions {
    fn name(&self) -> &'static str {
        "list_actions"
    }

    fn description(&self) -> &'static str {
        "Lists the changes that kubewright can make: the name of each Action, its arguments with their types, what it needs \
         and how it is undone. There are no others. Read it before you propose a plan; where none of them helps, write a \
         recommendation for people instead."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        _context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let Arguments {} = arguments(given)?;
            Ok(ToolOutput { text: catalog(), ..ToolOutput::default() })
        })
    }
}

fn catalog() -> String {
    let entries: String = KINDS.into_iter().map(tell).collect();
    format!(
        "The Actions that a Plan is made of. An object is {{\"kind\", \"namespace\", \"name\"}}; a Node has no namespace.\n\n\
         {entries}Policy decides for each Plan whether it is allowed, needs a person's approval or is denied: by the \
         namespace, the number of pods, the environment and freeze windows. Nothing is applied by proposing it.\n"
    )
}

fn tell(kind: ActionKind) -> String {
    let Entry { arguments, does, needs, undo } = entry(kind);
    format!(
        "{}\n  does: {does}\n  arguments: {arguments}\n  needs: {needs}\n  undo: {undo}\n\n",
        kind.as_str()
    )
}

fn entry(kind: ActionKind) -> Entry {
    match kind {
        ActionKind::RestartWorkload => Entry {
            arguments: "workload (object)",
            does: "replaces all pods of the workload by a rolling restart",
            needs: "a Deployment, StatefulSet or DaemonSet that is not paused and does not update OnDelete",
            undo: "nothing to undo: the template is as before",
        },
        ActionKind::RollBack => Entry {
            arguments: "workload (object), to_revision (whole number)",
            does: "puts the pod template back to an earlier revision",
            needs: "a Deployment that is not paused and still has that revision (see rollout_history)",
            undo: "puts the present template back",
        },
        ActionKind::Scale => Entry {
            arguments: "workload (object), replicas (whole number, 1 to 500)",
            does: "sets the number of replicas",
            needs: "a Deployment or StatefulSet that no autoscaler scales, or a ReplicaSet without owner",
            undo: "sets the former number",
        },
        ActionKind::SetResources => Entry {
            arguments: "workload (object), container (name), requests and limits (each {\"cpu\", \"memory\"} as Kubernetes \
                        quantities such as 500m and 256Mi; what is absent stays)",
            does: "sets requests and limits of one container; its pods are replaced",
            needs: "a Deployment, StatefulSet or DaemonSet with that container; requests within limits",
            undo: "puts the former resources back",
        },
        ActionKind::RaiseHpaMaximum => Entry {
            arguments: "hpa (object), max_replicas (whole number, 1 to 500)",
            does: "raises maxReplicas of an autoscaler",
            needs: "a HorizontalPodAutoscaler whose maximum is lower; nodes and quota with room",
            undo: "sets the former maximum",
        },
        ActionKind::DeletePod => Entry {
            arguments: "pod (object); its UID is looked up",
            does: "evicts one pod so that its controller makes a new one",
            needs: "a Pod with a controller, and a disruption budget that allows it",
            undo: "nothing to undo: the controller makes a new pod",
        },
        ActionKind::Cordon => Entry {
            arguments: "node (object)",
            does: "marks a node unschedulable",
            needs: "a schedulable Node; something else in the Plan, or an alert, that can prove that it helped",
            undo: "marks it schedulable again",
        },
        ActionKind::Uncordon => Entry {
            arguments: "node (object)",
            does: "marks a node schedulable again",
            needs: "an unschedulable Node; something else in the Plan, or an alert, that can prove that it helped",
            undo: "marks it unschedulable again",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, catalog};

    #[test]
    fn every_action_is_told_once_with_its_arguments() {
        let text = catalog();
        for kind in KINDS {
            let heading = format!("\n{}\n  does: ", kind.as_str());
            assert_eq!(text.matches(&heading).count(), 1, "{}", kind.as_str());
        }
        assert!(text.len() < super::super::MOST_BYTES);
    }
}
