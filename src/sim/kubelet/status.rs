//! What kubelets report about pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container::{ContainerRun, Phase, full_name, go_duration};
use super::{PodRun, World, host_ip};
use crate::sim::kinds::PODS;
use crate::sim::objects::meta;
use crate::sim::world::fields::{self, Condition};

/// All that a pod's status depends on, besides the pod itself.
pub(super) type Fingerprint =
    (bool, Vec<(u32, bool, std::mem::Discriminant<Phase>, bool, Option<Timestamp>)>);

fn fingerprint(run: &PodRun) -> Fingerprint {
    let of = |c: &ContainerRun| {
        let (since, detail) = match &c.phase {
            Phase::PullFailed { since, backing_off, .. } => (Some(*since), *backing_off),
            Phase::Misconfigured { since, .. } | Phase::Running { since, .. } => (Some(*since), false),
            Phase::BackingOff { since, .. } => (Some(*since), false),
            Phase::Creating { .. } | Phase::Ended => (None, false),
        };
        (c.restarts, c.health.ready, std::mem::discriminant(&c.phase), detail, since)
    };
    (run.mounted, run.containers.iter().map(of).collect())
}

/// Writes the pod's status when it differs from what the API server has.
pub(super) fn write(world: &World, pod: &Value, run: &mut PodRun) {
    let state = (meta::resource_version(pod).to_owned(), fingerprint(run));
    if run.reported.as_ref() == Some(&state) {
        return;
    }
    if !write_if_new(world, pod, run) {
        run.reported = Some(state);
    }
}

fn write_if_new(world: &World, pod: &Value, run: &PodRun) -> bool {
    let now = world.now();
    let mut next = pod.get("status").cloned().map_or_else(|| json!({}), |status| json!({"status": status}));
    if next.get("status").is_none() {
        next = json!({"status": {}});
    }
    let statuses: Vec<Value> = run.containers.iter().map(|c| container_status(pod, c)).collect();
    fields::set(&mut next, "/status/containerStatuses", statuses.into());
    fields::set(&mut next, "/status/phase", phase(pod, run).into());
    let host = host_ip(world, fields::text(pod, "/spec/nodeName"));
    fields::set(&mut next, "/status/hostIP", host.as_str().into());
    fields::set(&mut next, "/status/hostIPs", json!([{"ip": host}]));
    fields::set(&mut next, "/status/startTime", meta::seconds(run.started).into());
    fields::set(&mut next, "/status/qosClass", qos(pod).into());
    if run.mounted {
        fields::set(&mut next, "/status/podIP", run.ip.as_str().into());
        fields::set(&mut next, "/status/podIPs", json!([{"ip": run.ip}]));
    }
    write_conditions(&mut next, run, now);
    let Some(status) = next.get("status").filter(|status| pod.get("status") != Some(status)).cloned() else {
        return false;
    };
    world.modify(&PODS, pod, |pod| fields::set(pod, "/status", status));
    true
}

fn write_conditions(next: &mut Value, run: &PodRun, now: Timestamp) {
    let unready: Vec<&str> =
        run.containers.iter().filter(|c| !c.health.ready).map(|c| c.name.as_str()).collect();
    let ended = !run.containers.is_empty() && run.containers.iter().all(|c| matches!(c.phase, Phase::Ended));
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let truth = |holds: bool| if holds { "True" } else { "False" };
    let probe = [("lastProbeTime", Value::Null)];
    for (kind, holds) in [("PodReadyToStartContainers", run.mounted), ("Initialized", true)] {
        let condition = Condition { kind, status: truth(holds), reason: "", message: "" };
        fields::set_condition(next, condition, now, &probe);
    }
    for kind in ["Ready", "ContainersReady"] {
        let condition = if unready.is_empty() {
            Condition { kind, status: "True", reason: "", message: "" }
        } else if ended {
            Condition { kind, status: "False", reason: "PodCompleted", message: "" }
        } else {
            Condition { kind, status: "False", reason: "ContainersNotReady", message: &message }
        };
        fields::set_condition(next, condition, now, &probe);
    }
}

fn phase(pod: &Value, run: &PodRun) -> &'static str {
    let all_ended =
        !run.containers.is_empty() && run.containers.iter().all(|c| matches!(c.phase, Phase::Ended));
    if all_ended {
        let failed = run
            .containers
            .iter()
            .any(|c| c.last.as_ref().and_then(|l| fields::int(l, "/exitCode")) != Some(0));
        return if failed { "Failed" } else { "Succeeded" };
    }
    let has_run = run.containers.iter().any(|c| c.ever_ran);
    let was_running = fields::text(pod, "/status/phase") == "Running";
    if has_run || was_running { "Running" } else { "Pending" }
}

fn container_status(pod: &Value, container: &ContainerRun) -> Value {
    let is_running = matches!(container.phase, Phase::Running { .. });
    let mut status = json!({
        "name": container.name, "image": container.image, "imageID": "",
        "ready": container.health.ready, "started": is_running, "restartCount": container.restarts,
        "state": state(pod, container), "lastState": {},
    });
    if container.ever_ran {
        fields::set(&mut status, "/imageID", container.image_id.as_str().into());
        fields::set(&mut status, "/containerID", format!("containerd://{}", container.id).into());
    }
    if let (Some(last), false) = (&container.last, matches!(container.phase, Phase::Ended)) {
        fields::set(&mut status, "/lastState/terminated", last.clone());
    }
    status
}

fn state(pod: &Value, container: &ContainerRun) -> Value {
    match &container.phase {
        Phase::Creating { .. } => json!({"waiting": {"reason": "ContainerCreating"}}),
        Phase::PullFailed { message, backing_off: false, .. } => {
            json!({"waiting": {"reason": "ErrImagePull", "message": message}})
        }
        Phase::PullFailed { message, .. } => {
            let message = format!("Back-off pulling image \"{}\": ErrImagePull: {message}", container.image);
            json!({"waiting": {"reason": "ImagePullBackOff", "message": message}})
        }
        Phase::Misconfigured { message, .. } => {
            json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}})
        }
        Phase::Running { since, .. } => json!({"running": {"startedAt": meta::seconds(*since)}}),
        Phase::BackingOff { delay, .. } if delay.as_secs() > 1 => {
            let message = format!(
                "back-off {} restarting failed container={} pod={}",
                go_duration(*delay),
                container.name,
                full_name(pod)
            );
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        }
        Phase::BackingOff { .. } | Phase::Ended => json!({"terminated": container.last}),
    }
}

/// The quality-of-service class that a pod's requests and limits make.
fn qos(pod: &Value) -> &'static str {
    let containers = fields::list(pod, "/spec/containers");
    let has = |container: &Value, side: &str, name: &str| {
        container.pointer(&format!("/resources/{side}/{name}")).cloned()
    };
    let any = containers.iter().any(|c| {
        ["requests", "limits"].iter().any(|side| {
            c.pointer(&format!("/resources/{side}")).and_then(Value::as_object).is_some_and(|m| !m.is_empty())
        })
    });
    let guaranteed = containers.iter().all(|c| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = has(c, "limits", name);
            limit.is_some() && has(c, "requests", name).is_none_or(|request| Some(request) == limit)
        })
    });
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
