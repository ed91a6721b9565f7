//! Pods as the workload controllers see them: made from a template, counted, deleted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::kinds::PODS;
use crate::sim::objects::{ApiError, Deletion, meta};
use crate::sim::world::{Report, World, fields};

/// The alphabet of generated names and hashes, without vowels, as in apimachinery's `rand.SafeEncodeString`.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How many of a set of pods are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) total: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
}

/// Whether a pod still counts: neither finished nor being deleted.
pub(super) fn is_active(pod: &Value) -> bool {
    !meta::is_terminating(pod) && !is_finished(pod)
}

/// Whether a pod has come to its end.
pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(fields::text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    fields::is_true(pod, "Ready")
}

/// Whether a pod has been ready for long enough.
pub(super) fn is_available(world: &World, pod: &Value, min_ready_seconds: i64) -> bool {
    let Some(ready) = fields::condition(pod, "Ready").filter(|_| is_ready(pod)) else { return false };
    let wait = Duration::from_secs(u64::try_from(min_ready_seconds).unwrap_or(0));
    wait.is_zero()
        || fields::time(ready, "/lastTransitionTime").is_some_and(|since| world.clock.is_over(since, wait))
}

/// Counts active pods.
pub(super) fn tally(world: &World, pods: &[Arc<Value>], min_ready_seconds: i64) -> Tally {
    let active = || pods.iter().filter(|pod| is_active(pod));
    Tally {
        total: count(active()),
        ready: count(active().filter(|pod| is_ready(pod))),
        available: count(active().filter(|pod| is_available(world, pod, min_ready_seconds))),
    }
}

/// The length of an iterator as the API counts.
pub(super) fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

/// A pod as an owner's template describes it, with a generated name.
pub(super) fn from_template(owner: &Value, extra_labels: &[(&str, &str)]) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    let mut pod = json!({
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec").cloned().unwrap_or_else(|| json!({})),
    });
    meta::unset(&mut pod, "creationTimestamp");
    meta::set(&mut pod, "namespace", meta::namespace(owner));
    meta::set(&mut pod, "generateName", format!("{}-", meta::name(owner)));
    meta::set(&mut pod, "ownerReferences", fields::controller_reference(owner));
    for (key, value) in extra_labels {
        fields::set(&mut pod, &format!("/metadata/labels/{}", key.replace('/', "~1")), (*value).into());
    }
    tolerate_short_outages(&mut pod);
    fields::set(&mut pod, "/status", json!({"phase": "Pending"}));
    pod
}

/// What the DefaultTolerationSeconds admission plugin adds: five minutes on a node that is lost.
fn tolerate_short_outages(pod: &mut Value) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let known = fields::list(pod, "/spec/tolerations").iter().any(|toleration| {
            let this = fields::text(toleration, "/key");
            (this == key || this.is_empty())
                && matches!(fields::text(toleration, "/effect"), "" | "NoExecute")
        });
        if !known {
            let toleration =
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
            let mut all = fields::list(pod, "/spec/tolerations").to_vec();
            all.push(toleration);
            fields::set(pod, "/spec/tolerations", all.into());
        }
    }
}

/// Creates a pod for an owner and tells of it.
pub(super) fn create(world: &World, owner: &Value, pod: Value, component: &str) -> Result<Value, ApiError> {
    let created = world.store.create(&PODS, pod);
    match &created {
        Ok(pod) => {
            let message = format!("Created pod: {}", meta::name(pod));
            world.report(owner, Report::normal(component, "SuccessfulCreate", &message));
        }
        Err(error) => {
            world.report(
                owner,
                Report::warning(component, "FailedCreate", &format!("Error creating: {error}")),
            );
        }
    }
    created
}

/// Deletes a pod of an owner and tells of it.
pub(super) fn delete(world: &World, owner: &Value, pod: &Value, component: &str) {
    if world.store.delete(&PODS, meta::namespace(pod), meta::name(pod), &Deletion::default()).is_ok() {
        let message = format!("Deleted pod: {}", meta::name(pod));
        world.report(owner, Report::normal(component, "SuccessfulDelete", &message));
    }
}

/// A short hash of a template as the real controllers make it: FNV-1a of 32 bits, its decimal digits written in the
/// alphabet that names use.
pub(super) fn template_hash(template: &Value, collisions: i64) -> String {
    let text = format!("{template}{collisions}");
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let letter = |digit: u8| SAFE.get(usize::from(digit) % SAFE.len()).map(|byte| char::from(*byte));
    hash.to_string().bytes().filter_map(letter).collect()
}
