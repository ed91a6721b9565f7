//! A [`Draft`] that somebody else than a playbook thought of: made complete from live objects, given its Checks, and
//! tried as a dry-run.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::error::ClusterError;
use super::fields;
use super::pace::Pace;
use super::playbooks::{self, Draft};
use super::preview::{PreviewError, preview};
use super::target::{self, Target};
use crate::incident::{Action, ObjectRef, Plan, Signal};

/// Owners above a pod that are followed: ReplicaSet, Deployment.
const MOST_OWNERS: usize = 3;

/// Most autoscalers of a namespace that are looked at.
const MOST_AUTOSCALERS: u32 = 500;

/// What is proposed. The UID of a pod to be deleted is not taken from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Code of the Hypothesis that it acts on.
    pub hypothesis: String,
    /// Why this should help, for people.
    pub rationale: String,
    /// What to do, in order, each on another object.
    pub actions: Vec<Action>,
}

/// Completes and tries a proposal. Changes nothing. `excluded` are Actions that people denied or that did not help.
///
/// # Errors
/// [`PreviewError`] for the first Action that would not work, and where nothing would prove that the Plan has helped.
pub async fn propose(
    client: &kube::Client,
    proposal: Proposal,
    signals: &[Signal],
    excluded: &[&Action],
) -> Result<(Draft, Plan), PreviewError> {
    let pace = Pace::default();
    let mut touched = Touched::default();
    let mut actions = Vec::with_capacity(proposal.actions.len());
    for action in proposal.actions {
        if excluded.iter().any(|one| playbooks::is_same_change(one, &action)) {
            return Err(impossible(&action, "people have denied it, or it was tried and did not help"));
        }
        let live = Target::new(client, action.target(), pace)?.read().await?;
        if let Action::Scale { workload, .. } = &action
            && let Some(hpa) = autoscaler_of(client, workload, pace).await?
        {
            let reason = format!("{hpa} scales it and would undo that; see whether its maximum is too low");
            return Err(impossible(&action, &reason));
        }
        touched.add(client, &action, &live, pace).await?;
        actions.push(completed(action, &live));
    }
    let Touched { workloads, autoscaler, given_up_node } = touched;
    let checks = playbooks::checks_after(workloads, autoscaler, given_up_node, signals);
    if let (true, Some(first)) = (checks.is_empty(), actions.first()) {
        return Err(impossible(
            first,
            "nothing would prove that it has helped; it takes an Action on a workload as well",
        ));
    }
    let draft = Draft { hypothesis: proposal.hypothesis, rationale: proposal.rationale, actions, checks };
    let plan = preview(client, draft.clone()).await?;
    Ok((draft, plan))
}

fn impossible(action: &Action, reason: &str) -> PreviewError {
    PreviewError::Impossible { action: action.to_string(), reason: reason.to_owned() }
}

fn completed(action: Action, live: &Value) -> Action {
    match action {
        Action::DeletePod { pod, .. } => Action::DeletePod { pod, uid: target::uid(live).to_owned() },
        other => other,
    }
}

/// What the Actions touch, and Checks are made from.
#[derive(Default)]
struct Touched {
    workloads: Vec<ObjectRef>,
    autoscaler: Option<ObjectRef>,
    given_up_node: Option<String>,
}

impl Touched {
    async fn add(
        &mut self,
        client: &kube::Client,
        action: &Action,
        live: &Value,
        pace: Pace,
    ) -> Result<(), ClusterError> {
        let object = action.target();
        let workload = match action {
            Action::RestartWorkload { .. }
            | Action::RollBack { .. }
            | Action::Scale { .. }
            | Action::SetResources { .. }
            | Action::DeletePod { .. } => controller(client, object, live, pace).await?,
            Action::RaiseHpaMaximum { hpa, .. } => {
                self.autoscaler = Some(hpa.clone());
                scaled(hpa, live)
            }
            Action::Cordon { node } => {
                self.given_up_node = Some(node.name.clone());
                None
            }
            Action::Uncordon { .. } => None,
        };
        let new = workload.filter(|workload| !self.workloads.contains(workload));
        self.workloads.extend(new);
        Ok(())
    }
}

/// The Deployment, StatefulSet or DaemonSet that a live object is or belongs to.
async fn controller(
    client: &kube::Client,
    object: &ObjectRef,
    live: &Value,
    pace: Pace,
) -> Result<Option<ObjectRef>, ClusterError> {
    let (mut object, mut live) = (object.clone(), live.clone());
    for _ in 0..MOST_OWNERS {
        if is_watched(&object) {
            return Ok(Some(object));
        }
        let Some(owner) = owner(&object, &live) else { return Ok(None) };
        if is_watched(&owner) {
            return Ok(Some(owner));
        }
        live = match Target::new(client, &owner, pace) {
            Ok(target) => target.read().await?,
            // A Job or something of an operator: no rollout to be watched.
            Err(_) => return Ok(None),
        };
        object = owner;
    }
    Ok(None)
}

fn is_watched(object: &ObjectRef) -> bool {
    matches!(object.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn owner(object: &ObjectRef, live: &Value) -> Option<ObjectRef> {
    let owners = fields::list(live, "/metadata/ownerReferences");
    let controller =
        owners.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    let text = |path: &str| fields::text(controller, path);
    Some(ObjectRef::new(text("/kind")?, &object.namespace, text("/name")?))
}

/// What an autoscaler scales.
fn scaled(hpa: &ObjectRef, live: &Value) -> Option<ObjectRef> {
    let text = |path: &str| fields::text(live, path);
    let scaled = ObjectRef::new(
        text("/spec/scaleTargetRef/kind")?,
        &hpa.namespace,
        text("/spec/scaleTargetRef/name")?,
    );
    is_watched(&scaled).then_some(scaled)
}

/// The autoscaler that scales a workload. Whether there is one is not known where autoscalers may not be listed; then the
/// dry-run and policy still follow.
async fn autoscaler_of(
    client: &kube::Client,
    workload: &ObjectRef,
    pace: Pace,
) -> Result<Option<ObjectRef>, ClusterError> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), &workload.namespace);
    let what = ObjectRef::new("HorizontalPodAutoscaler", &workload.namespace, "*");
    let params = ListParams::default().limit(MOST_AUTOSCALERS);
    let listed = match tokio::time::timeout(pace.call, api.list(&params)).await {
        Ok(answer) => answer.map_err(|error| ClusterError::new("list", &what, error)),
        Err(_) => Err(ClusterError::late("list", &what, pace.call)),
    };
    let listed = match listed {
        Err(ClusterError::Forbidden { .. }) => return Ok(None),
        listed => listed?,
    };
    let scales = |hpa: &&HorizontalPodAutoscaler| {
        let target = &hpa.spec.scale_target_ref;
        target.kind == workload.kind && target.name == workload.name
    };
    let found = listed.items.iter().find(scales);
    Ok(found.map(|hpa| ObjectRef::new("HorizontalPodAutoscaler", &workload.namespace, hpa.name_any())))
}
