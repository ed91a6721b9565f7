//! Deployments: too few replicas, stuck rollouts.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};

use super::{placeholder, refusal};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let deployments = index.snapshot.objects.deployments.iter();
    deployments
        .flat_map(|deployment| {
            let refused = [refused(index, deployment), no_replica_set(index, deployment)];
            let short = !placeholder::is_short_on_purpose(index, &object_ref(deployment));
            let missing = [unavailable(deployment), stuck(deployment)];
            missing.into_iter().filter(move |_| short).chain(refused)
        })
        .flatten()
        .collect()
}

fn condition<'a>(deployment: &'a Deployment, kind: &str, status: &str) -> Option<&'a DeploymentCondition> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind && condition.status == status)
}

fn since(condition: &DeploymentCondition) -> Option<jiff::Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}

fn unavailable(deployment: &Deployment) -> Option<Finding> {
    let wanted = deployment.spec.as_ref()?.replicas.unwrap_or(1);
    let condition = condition(deployment, "Available", "False").filter(|_| wanted > 0)?;
    let available = deployment.status.as_ref()?.available_replicas.unwrap_or(0);
    let name = object_ref(deployment);
    let statement = format!("{name} has {available} of {wanted} replicas available");
    let finding = Finding::new(codes::DEPLOYMENT_UNAVAILABLE, name, statement).at(since(condition));
    Some(finding.field("status.availableReplicas", available).field("spec.replicas", wanted))
}

fn stuck(deployment: &Deployment) -> Option<Finding> {
    let condition = condition(deployment, "Progressing", "False")
        .filter(|condition| condition.reason.as_deref() == Some("ProgressDeadlineExceeded"))?;
    let name = object_ref(deployment);
    let statement = format!("The rollout of {name} makes no progress");
    let finding = Finding::new(codes::DEPLOYMENT_STUCK, name, statement).at(since(condition));
    Some(finding.field("reason", "ProgressDeadlineExceeded").field_if("message", condition.message.as_ref()))
}

fn refused(index: &Index<'_>, deployment: &Deployment) -> Option<Finding> {
    let condition = condition(deployment, "ReplicaFailure", "True")?;
    let name = object_ref(deployment);
    let stated = condition.message.as_deref().filter(|message| !message.is_empty());
    let message = stated.or_else(|| newest_refusal(index, &name)).unwrap_or_default();
    Some(refusal::finding(index, &name, message, since(condition)))
}

/// A new revision whose very ReplicaSet is refused.
fn no_replica_set(index: &Index<'_>, deployment: &Deployment) -> Option<Finding> {
    let condition = condition(deployment, "Progressing", "False")
        .filter(|condition| condition.reason.as_deref() == Some("ReplicaSetCreateError"))?;
    let message = condition.message.as_deref().unwrap_or_default();
    Some(refusal::finding(index, &object_ref(deployment), message, since(condition)))
}

/// What the API server told the Deployment's ReplicaSets last when they tried to create a pod.
fn newest_refusal<'a>(index: &Index<'a>, deployment: &ObjectRef) -> Option<&'a str> {
    let own = index.replica_sets_of(deployment).iter().map(|set| object_ref(*set));
    let refusals = own.flat_map(|set| index.events(&set).collect::<Vec<_>>());
    let refusals = refusals.filter(|event| event.reason.as_deref() == Some("FailedCreate"));
    let newest = refusals.max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))?;
    newest.message.as_deref()
}
