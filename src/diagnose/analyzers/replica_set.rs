//! Controllers that are refused when they create pods: quotas, admission webhooks, policies.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::Event;
use regex::Regex;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

static QUOTA: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"exceeded quota: ([^\s,]+)(?:, requested: ([^,]+(?:,[^:]+)*?), used|,|$)").ok()
});
static WEBHOOK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"failed calling webhook "([^"]+)""#).ok());
static WEBHOOK_HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"https?://([a-z0-9.-]+)\.svc(?:[.:/]|$)"#).ok());

/// Conditions of ReplicaSets that want pods, and FailedCreate events of StatefulSets, DaemonSets and Jobs, which have no
/// such condition.
pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    let wants_pods = objects
        .replica_sets
        .iter()
        .filter(|set| set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1) > 0);
    let conditions = wants_pods.filter_map(|set| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        let failure =
            conditions.iter().find(|found| found.type_ == "ReplicaFailure" && found.status == "True")?;
        let since = failure.last_transition_time.as_ref().map(|time| time.0);
        Some(refusal(index, &object_ref(set), failure.message.as_deref().unwrap_or_default()).at(since))
    });
    let events = objects.events.iter().filter_map(|event| from_event(index, event));
    conditions.chain(events).collect()
}

fn from_event(index: &Index<'_>, event: &Event) -> Option<Finding> {
    let about = &event.involved_object;
    let kind = about.kind.as_deref().filter(|kind| ["StatefulSet", "DaemonSet", "Job"].contains(kind))?;
    if event.reason.as_deref() != Some("FailedCreate") {
        return None;
    }
    let object = ObjectRef::new(kind, about.namespace.as_deref()?, about.name.as_deref()?);
    let pods = index.pods_of(&object);
    let wanted = index.template(&object)?.replicas;
    let enough = kind != "DaemonSet" && i32::try_from(pods.len()).is_ok_and(|pods| pods >= wanted);
    let since = event.first_timestamp.as_ref().map(|time| time.0);
    (!enough).then(|| refusal(index, &object, event.message.as_deref().unwrap_or_default()).at(since))
}

/// Says why a controller was refused. A quota or a webhook's Service that the message names is what it is about.
pub(super) fn refusal(index: &Index<'_>, controller: &ObjectRef, message: &str) -> Finding {
    let workload = index.workload_of(controller);
    let finding = quota(controller, message).or_else(|| webhook(index, controller, message));
    let other = || {
        Finding::new(
            codes::CREATE_PODS_FAILED,
            workload.clone(),
            format!("{workload} cannot create pods: {message}"),
        )
    };
    finding
        .unwrap_or_else(other)
        .field("workload_kind", &workload.kind)
        .field("workload", &workload.name)
        .field("message", message)
}

fn quota(controller: &ObjectRef, message: &str) -> Option<Finding> {
    let found = QUOTA.as_ref()?.captures(message)?;
    let name = found.get(1)?.as_str();
    let quota = ObjectRef::new("ResourceQuota", controller.namespace.as_str(), name);
    let statement = format!("{quota} refuses pods of {controller}: {message}");
    Some(
        Finding::new(codes::QUOTA_EXCEEDED, quota, statement)
            .field_if("requested", found.get(2).map(|text| text.as_str())),
    )
}

/// A webhook that cannot be called is about the configuration that names a Service which does not exist, else about the
/// Service.
fn webhook(index: &Index<'_>, controller: &ObjectRef, message: &str) -> Option<Finding> {
    let webhook = WEBHOOK.as_ref()?.captures(message)?.get(1)?.as_str();
    let host = WEBHOOK_HOST.as_ref()?.captures(message).and_then(|found| found.get(1));
    let service = host.and_then(|host| host.as_str().split_once('.'));
    let service = service.map(|(name, namespace)| ObjectRef::new("Service", namespace, name));
    let exists = service.as_ref().is_some_and(|service| index.service(service).is_some());
    let object = configuration(index, webhook).filter(|_| !exists).or(service);
    let statement =
        format!("Pods of {controller} are refused because webhook {webhook} cannot be called: {message}");
    let finding =
        Finding::new(codes::WEBHOOK_FAILED, object.unwrap_or_else(|| controller.clone()), statement);
    Some(finding.field("webhook", webhook).field("workload_namespace", &controller.namespace))
}

/// The configuration that has the webhook.
fn configuration(index: &Index<'_>, webhook: &str) -> Option<ObjectRef> {
    let objects = &index.snapshot.objects;
    let validating = objects
        .validating_webhooks
        .iter()
        .filter(|found| found.webhooks.iter().flatten().any(|own| own.name == webhook));
    let mutating = objects
        .mutating_webhooks
        .iter()
        .filter(|found| found.webhooks.iter().flatten().any(|own| own.name == webhook));
    validating.map(object_ref).chain(mutating.map(object_ref)).next()
}
