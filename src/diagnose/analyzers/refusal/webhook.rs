//! Admission webhooks that cannot be called, and such that say no.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::PodSpec;
use regex::Regex;

use super::Refusal;
use super::before::Aspect;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::diagnose::network::{Direction, isolating};
use crate::incident::ObjectRef;

static FAILED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"failed calling webhook "([^"]{1,253})""#).ok());
static HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"https?://([a-z0-9.-]{1,253})\.svc(?:[.:/]|$)"#).ok());
static DENIED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"admission webhook "([^"]{1,253})" denied the request"#).ok());

/// About what keeps the webhook from being called: the configuration that leads nowhere or trusts nobody, the policy in
/// between, the Secret whose certificate has expired, else the Service.
pub(super) fn failed(refusal: &Refusal<'_>) -> Option<Finding> {
    let webhook = FAILED.as_ref()?.captures(refusal.message)?.get(1)?.as_str();
    let object =
        at_fault(refusal.index, webhook, refusal.message).unwrap_or_else(|| refusal.controller.clone());
    let statement = format!(
        "Pods of {} are refused because webhook {webhook} cannot be called: {}",
        refusal.controller, refusal.message
    );
    Some(Finding::new(codes::WEBHOOK_FAILED, object, statement).field("webhook", webhook))
}

/// The object that keeps a webhook from being called, by the message of the API server.
pub(in crate::diagnose::analyzers) fn at_fault(
    index: &Index<'_>,
    webhook: &str,
    message: &str,
) -> Option<ObjectRef> {
    let host = HOST.as_ref()?.captures(message).and_then(|found| found.get(1));
    let service = host.and_then(|host| host.as_str().split_once('.'));
    let named = service.map(|(name, namespace)| ObjectRef::new("Service", namespace, name));
    let configured = configuration(index, webhook);
    let Some(service) = named.clone().filter(|service| index.service(service).is_some()) else {
        // A Service that does not exist, or an address outside the cluster: what names it is wrong.
        return configured.or(named);
    };
    // Every address of a webhook ends in its timeout.
    let lower = message.to_ascii_lowercase().replace("timeout=", "");
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["certificate has expired", "not yet valid"]) {
        return certificate(index, &service).or(configured).or(Some(service));
    }
    if says(&["x509:", "certificate is valid for", "no service port", "does not have port", "404"]) {
        return configured.or(Some(service));
    }
    if says(&["deadline exceeded", "timeout", "timed out"]) {
        return policy_between(index, &service).or(Some(service));
    }
    if refuses_its_own(index, webhook, &service) {
        return configured.or(Some(service));
    }
    Some(service)
}

/// Whether the pods behind the webhook's own Service are among those that are refused for it: nobody but the configuration
/// lets them in again.
fn refuses_its_own(index: &Index<'_>, webhook: &str, service: &ObjectRef) -> bool {
    let words = format!("failed calling webhook \"{webhook}\"");
    index.behind(service).iter().any(|workload| {
        let sets = index.replica_sets_of(workload);
        let conditions = sets
            .iter()
            .filter_map(|set| set.status.as_ref()?.conditions.as_ref())
            .flatten()
            .filter(|found| found.type_ == "ReplicaFailure" && found.status == "True");
        let mut said = conditions.filter_map(|found| found.message.as_deref());
        let own = sets.iter().map(|set| object_ref(*set)).chain([workload.clone()]);
        let mut told = own.flat_map(|own| index.events(&own).collect::<Vec<_>>());
        let is_refusal = |message: &str| message.contains(&words);
        said.any(is_refusal) || told.any(|event| event.message.as_deref().is_some_and(is_refusal))
    })
}

/// The one Secret with a certificate that what is behind a Service mounts.
fn certificate(index: &Index<'_>, service: &ObjectRef) -> Option<ObjectRef> {
    let behind = index.behind(service);
    let specs = behind.iter().filter_map(|workload| index.spec_of(workload));
    let mounted = specs
        .flat_map(mounted_secrets)
        .map(|name| ObjectRef::new("Secret", service.namespace.as_str(), name));
    let mut holding = mounted
        .filter(|secret| index.keys(secret).is_some_and(|keys| keys.iter().any(|key| key == "tls.crt")));
    let first = holding.next()?;
    holding.all(|other| other == first).then_some(first)
}

fn mounted_secrets(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = spec.volumes.iter().flatten();
    volumes.filter_map(|volume| volume.secret.as_ref()?.secret_name.as_deref())
}

/// A policy that lets nobody from outside the cluster's pods, such as the API server, reach what is behind a Service.
fn policy_between(index: &Index<'_>, service: &ObjectRef) -> Option<ObjectRef> {
    let behind = index.behind(service);
    let pod = behind.iter().find_map(|workload| index.pods_of(workload).first().copied())?;
    let policies = isolating(index, pod, Direction::Ingress);
    let open = policies.iter().any(|policy| {
        let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
        rules.into_iter().any(|rule| {
            rule.from
                .as_ref()
                .is_none_or(|from| from.is_empty() || from.iter().any(|peer| peer.ip_block.is_some()))
        })
    });
    let newest = policies
        .into_iter()
        .max_by_key(|policy| policy.metadata.creation_timestamp.as_ref().map(|time| time.0));
    newest.filter(|_| !open).map(object_ref)
}

/// About the workload that does what is not allowed, or the configuration where the same was allowed before.
pub(super) fn denied(refusal: &Refusal<'_>) -> Option<Finding> {
    let webhook = DENIED.as_ref()?.captures(refusal.message)?.get(1)?.as_str();
    let configured = configuration(refusal.index, webhook);
    let object = configured.filter(|_| refusal.was_admitted_before(Aspect::All));
    let object = object.unwrap_or_else(|| refusal.workload.clone());
    let statement = format!("Webhook {webhook} denies the pods of {}: {}", refusal.workload, refusal.message);
    Some(Finding::new(codes::POLICY_DENIED, object, statement).field("webhook", webhook))
}

/// The configuration that has the webhook.
pub(in crate::diagnose::analyzers) fn configuration(index: &Index<'_>, webhook: &str) -> Option<ObjectRef> {
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
