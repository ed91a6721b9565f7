//! Pods and their containers' states and resources.

use serde_json::Value;

use super::Sink;
use crate::sim::kinds::PODS;
use crate::sim::objects::meta;
use crate::sim::world::{World, fields, quantity};

pub(super) fn collect(world: &World, sink: &mut Sink) {
    for pod in world.all(&PODS) {
        let (namespace, name) = (meta::namespace(&pod), meta::name(&pod));
        let own = [("namespace", namespace), ("pod", name), ("uid", meta::uid(&pod))];
        info(&pod, &own, sink);
        phase(&pod, &own, sink);
        for container in fields::list(&pod, "/spec/containers") {
            resources(&pod, container, &own, sink);
        }
        for status in fields::list(&pod, "/status/containerStatuses") {
            state(status, &own, sink);
        }
    }
}

type Own<'a> = [(&'a str, &'a str); 3];

fn info(pod: &Value, own: &Own<'_>, sink: &mut Sink) {
    let node = fields::text(pod, "/spec/nodeName");
    let owner = fields::controller(pod);
    let kind = owner.map_or("<none>", |o| fields::text(o, "/kind"));
    let owner = owner.map_or("<none>", |o| fields::text(o, "/name"));
    let more = [
        ("node", node),
        ("pod_ip", fields::text(pod, "/status/podIP")),
        ("created_by_kind", kind),
        ("created_by_name", owner),
    ];
    sink.add("kube_pod_info", &joined(own, &more), 1.0);
    let more = [("owner_kind", kind), ("owner_name", owner), ("owner_is_controller", "true")];
    sink.add("kube_pod_owner", &joined(own, &more), 1.0);
    if let Some(created) = fields::time(pod, "/metadata/creationTimestamp") {
        sink.add("kube_pod_created", own, created.as_second() as f64);
    }
    if meta::is_terminating(pod) {
        let at = fields::time(pod, "/metadata/deletionTimestamp").unwrap_or_default();
        sink.add("kube_pod_deletion_timestamp", own, at.as_second() as f64);
    }
}

fn phase(pod: &Value, own: &Own<'_>, sink: &mut Sink) {
    let now = fields::text(pod, "/status/phase");
    for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
        sink.add_truth("kube_pod_status_phase", &joined(own, &[("phase", phase)]), now == phase);
    }
    for (kind, metric) in [("Ready", "kube_pod_status_ready"), ("PodScheduled", "kube_pod_status_scheduled")]
    {
        let is_true = fields::is_true(pod, kind);
        sink.add_truth(metric, &joined(own, &[("condition", "true")]), is_true);
        sink.add_truth(metric, &joined(own, &[("condition", "false")]), !is_true);
    }
    let unschedulable =
        fields::condition(pod, "PodScheduled").is_some_and(|c| fields::text(c, "/reason") == "Unschedulable");
    if unschedulable {
        sink.add("kube_pod_status_unschedulable", own, 1.0);
    }
}

fn resources(pod: &Value, container: &Value, own: &Own<'_>, sink: &mut Sink) {
    let node = fields::text(pod, "/spec/nodeName");
    let name = fields::text(container, "/name");
    for (side, metric) in [
        ("limits", "kube_pod_container_resource_limits"),
        ("requests", "kube_pod_container_resource_requests"),
    ] {
        for (resource, unit) in [("cpu", "core"), ("memory", "byte")] {
            let Some(value) = quantity::of(container.pointer(&format!("/resources/{side}/{resource}")))
            else {
                continue;
            };
            let more = [("container", name), ("node", node), ("resource", resource), ("unit", unit)];
            sink.add(metric, &joined(own, &more), value);
        }
    }
}

fn state(status: &Value, own: &Own<'_>, sink: &mut Sink) {
    let name = fields::text(status, "/name");
    let labels = joined(own, &[("container", name)]);
    let image = joined(own, &[("container", name), ("image", fields::text(status, "/image"))]);
    sink.add("kube_pod_container_info", &image, 1.0);
    sink.add_int("kube_pod_container_status_restarts_total", &labels, fields::int(status, "/restartCount"));
    sink.add_truth("kube_pod_container_status_ready", &labels, fields::flag(status, "/ready"));
    for (state, metric) in [
        ("running", "kube_pod_container_status_running"),
        ("waiting", "kube_pod_container_status_waiting"),
        ("terminated", "kube_pod_container_status_terminated"),
    ] {
        sink.add_truth(metric, &labels, status.pointer(&format!("/state/{state}")).is_some());
    }
    let reasons = [
        ("/state/waiting/reason", "kube_pod_container_status_waiting_reason"),
        ("/state/terminated/reason", "kube_pod_container_status_terminated_reason"),
        ("/lastState/terminated/reason", "kube_pod_container_status_last_terminated_reason"),
    ];
    for (field, metric) in reasons {
        let reason = fields::text(status, field);
        if !reason.is_empty() {
            sink.add(metric, &joined(own, &[("container", name), ("reason", reason)]), 1.0);
        }
    }
    if let Some(code) = fields::int(status, "/lastState/terminated/exitCode") {
        sink.add("kube_pod_container_status_last_terminated_exitcode", &labels, code as f64);
    }
}

fn joined<'a>(own: &Own<'a>, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    own.iter().chain(more).copied().collect()
}
