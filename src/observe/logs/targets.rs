//! Which containers' logs are worth reading. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt as _;

use super::super::Objects;
use super::super::cluster::{pods_of, top_owner};
use crate::incident::ObjectRef;

/// Containers of the same name and workload that are read: replicas fail alike.
const MAX_ALIKE: usize = 2;

/// Pods of the focus that are read when none of them fails: their logs may tell why requests do.
const MAX_READY: usize = 2;

/// Reasons to wait that come before a container's first line.
const NEVER_RAN: [&str; 4] =
    ["ContainerCreating", "PodInitializing", "CreateContainerConfigError", "ErrImageNeverPull"];

/// A container whose log is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Target {
    pub(in super::super) namespace: String,
    pub(in super::super) pod: String,
    pub(in super::super) container: String,
    /// Whether the run before the current one is to be read too.
    pub(in super::super) previous: bool,
    /// Who logs: the pod's workload.
    pub(in super::super) source: ObjectRef,
}

/// At most `limit` containers: failing ones of the focus first, then its ready ones if none fails, then failing ones of
/// others. `focus` of `None` has no pods of its own.
pub(in super::super) fn targets(objects: &Objects, focus: Option<&ObjectRef>, limit: usize) -> Vec<Target> {
    let own: Vec<&Pod> = focus.map(|focus| pods_of(objects, focus)).unwrap_or_default();
    let is_own = |pod: &&Pod| own.iter().any(|own| std::ptr::eq(*own, *pod));
    let mut chosen = failing(objects, own.iter().copied());
    if chosen.is_empty() {
        chosen = own
            .iter()
            .copied()
            .filter(|pod| is_running(pod))
            .take(MAX_READY)
            .flat_map(|pod| all(objects, pod))
            .collect();
    }
    chosen.extend(failing(objects, objects.pods.iter().filter(|pod| !is_own(pod))));
    let mut alike: BTreeMap<(ObjectRef, String), usize> = BTreeMap::new();
    chosen.retain(|target| {
        let seen = alike.entry((target.source.clone(), target.container.clone())).or_default();
        *seen += 1;
        *seen <= MAX_ALIKE
    });
    chosen.truncate(limit);
    chosen
}

/// Failing containers, those that failed last first.
fn failing<'a>(objects: &Objects, pods: impl Iterator<Item = &'a Pod>) -> Vec<Target> {
    let mut found: Vec<(Option<Timestamp>, Target)> = pods
        .flat_map(|pod| statuses(pod).map(move |status| (pod, status)))
        .filter(|(_, status)| is_failing(status))
        .map(|(pod, status)| (failed_at(status), target(objects, pod, status)))
        .collect();
    found.sort_by_key(|(failed_at, _)| std::cmp::Reverse(*failed_at));
    found.into_iter().map(|(_, target)| target).collect()
}

fn all(objects: &Objects, pod: &Pod) -> Vec<Target> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| target(objects, pod, status)).collect()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let statuses = pod.status.iter();
    statuses.flat_map(|status| {
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
    })
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

fn target(objects: &Objects, pod: &Pod, status: &ContainerStatus) -> Target {
    Target {
        namespace: pod.namespace().unwrap_or_default(),
        pod: pod.name_any(),
        container: status.name.clone(),
        previous: has_run_before(status),
        source: top_owner(objects, pod),
    }
}

fn has_run_before(status: &ContainerStatus) -> bool {
    status.restart_count > 0 || status.last_state.as_ref().is_some_and(|state| state.terminated.is_some())
}

/// Whether it has run and does not do what it should: waits to run again, ended with an error, is not ready, or ended
/// with an error before.
fn is_failing(status: &ContainerStatus) -> bool {
    let state = status.state.clone().unwrap_or_default();
    if let Some(waiting) = state.waiting {
        let reason = waiting.reason.unwrap_or_default();
        return has_run_before(status) && !NEVER_RAN.contains(&reason.as_str());
    }
    if let Some(terminated) = state.terminated {
        return terminated.exit_code != 0;
    }
    let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let failed_before = last.is_some_and(|terminated| terminated.exit_code != 0);
    state.running.is_some() && (!status.ready || failed_before)
}

fn failed_at(status: &ContainerStatus) -> Option<Timestamp> {
    let states = [status.state.as_ref(), status.last_state.as_ref()];
    let ended =
        states.into_iter().flatten().filter_map(|state| state.terminated.as_ref()?.finished_at.as_ref());
    ended.map(|time| time.0).max()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::Objects;
    use super::targets;
    use crate::incident::ObjectRef;

    fn pod(workload: &str, name: &str, status: &Value) -> Value {
        let mut status = status.clone();
        status["name"] = json!("app");
        status["image"] = json!("i");
        status["imageID"] = json!("i");
        json!({"metadata": {"namespace": "shop", "name": name, "ownerReferences": [{"apiVersion": "apps/v1",
                "kind": "StatefulSet", "name": workload, "uid": "u", "controller": true}]},
            "spec": {"containers": []}, "status": {"phase": "Running", "containerStatuses": [status]}})
    }

    fn crashing(restarts: i32, finished: &str) -> Value {
        json!({"ready": false, "restartCount": restarts, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": format!("2026-01-01T{finished}Z")}}})
    }

    fn ready() -> Value {
        json!({"ready": true, "restartCount": 0, "state": {"running": {}}})
    }

    fn chosen(pods: &Value, limit: usize) -> Vec<(String, bool)> {
        let objects: Objects = serde_json::from_value(json!({"pods": pods})).unwrap();
        let focus = ObjectRef::new("StatefulSet", "shop", "checkout");
        let chosen = targets(&objects, Some(&focus), limit);
        chosen.into_iter().map(|target| (target.pod, target.previous)).collect()
    }

    fn expected(names: &[(&str, bool)]) -> Vec<(String, bool)> {
        names.iter().map(|(name, previous)| ((*name).to_owned(), *previous)).collect()
    }

    #[test]
    fn failing_containers_of_the_focus_come_first_newest_failure_first_and_few_alike() {
        let pods = json!([
            pod("other", "other-0", &crashing(3, "10:09:00")),
            pod("checkout", "checkout-0", &crashing(3, "10:00:00")),
            pod("checkout", "checkout-1", &crashing(3, "10:02:00")),
            pod("checkout", "checkout-2", &crashing(3, "10:01:00")),
            pod("checkout", "checkout-3", &ready()),
        ]);
        let all = [("checkout-1", true), ("checkout-2", true), ("other-0", true)];
        assert_eq!(chosen(&pods, 10), expected(&all));
        assert_eq!(chosen(&pods, 1), expected(&all[..1]));
    }

    #[test]
    fn ready_pods_of_the_focus_are_read_when_none_of_them_fails() {
        let pods = json!([
            pod("other", "other-0", &json!({"ready": false, "restartCount": 0, "state": {"running": {}}})),
            pod("checkout", "checkout-0", &ready()),
            pod("other", "other-1", &ready()),
        ]);
        assert_eq!(chosen(&pods, 10), expected(&[("checkout-0", false), ("other-0", false)]));
    }

    #[test]
    fn a_container_that_never_ran_has_no_log() {
        let waiting = |reason: &str| json!({"ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason}}});
        let pods = json!([
            pod("checkout", "checkout-0", &waiting("ImagePullBackOff")),
            pod("checkout", "checkout-1", &waiting("CreateContainerConfigError")),
        ]);
        let objects: Objects = serde_json::from_value(json!({"pods": pods})).unwrap();
        assert_eq!(targets(&objects, None, 10), []);
    }
}
