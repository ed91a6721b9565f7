//! Telling the cluster what was done: a Kubernetes Event on the target. Best effort; a failure is logged, never fatal.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use kube::api::{Api, PostParams};

use super::FIELD_MANAGER;
use crate::incident::{Execution, ExecutionState, PlannedAction};

const DEADLINE: Duration = Duration::from_secs(5);

/// Writes an Event about an Execution that was applied or rolled back; other states are not told. The Event's name
/// follows from the Execution, so that repeating it adds no second one.
pub async fn record(client: &kube::Client, execution: &Execution, planned: &PlannedAction, now: Timestamp) {
    let (reason, suffix, words) = match execution.state {
        ExecutionState::Applied => ("KubewrightRepaired", "applied", "kubewright did"),
        ExecutionState::RolledBack => ("KubewrightRolledBack", "undone", "kubewright undid"),
        _ => return,
    };
    let event = event(execution, planned, now, reason, suffix, words);
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match tokio::time::timeout(DEADLINE, api.create(&params, &event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, execution = execution.id, "could not record a Kubernetes Event");
        }
        Err(_) => tracing::warn!(execution = execution.id, "recording a Kubernetes Event took too long"),
    }
}

fn event(
    execution: &Execution,
    planned: &PlannedAction,
    now: Timestamp,
    reason: &str,
    suffix: &str,
    words: &str,
) -> Event {
    let target = execution.action.target();
    // Events about cluster-wide objects live in `default`.
    let namespace = if target.namespace.is_empty() { "default" } else { &target.namespace };
    let api_version = match target.kind.as_str() {
        "Pod" | "Node" => "v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        _ => "apps/v1",
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("kubewright.{}.{suffix}", execution.id)),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(api_version.to_owned()),
            kind: Some(target.kind.clone()),
            name: Some(target.name.clone()),
            namespace: (!target.namespace.is_empty()).then(|| target.namespace.clone()),
            uid: Some(planned.target_uid.clone()),
            ..ObjectReference::default()
        },
        reason: Some(reason.to_owned()),
        message: Some(format!("{words}: {} ({})", execution.action, execution.id)),
        type_: Some("Normal".to_owned()),
        action: Some(execution.action.kind().as_str().to_owned()),
        reporting_component: Some("kubewright".to_owned()),
        reporting_instance: Some("kubewright".to_owned()),
        source: Some(EventSource { component: Some("kubewright".to_owned()), host: None }),
        event_time: Some(MicroTime(now)),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        ..Event::default()
    }
}
