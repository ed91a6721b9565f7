//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and autoscalers.

use serde_json::Value;

use super::Sink;
use crate::sim::kinds::{
    DAEMON_SETS, DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, JOBS, Kind, REPLICA_SETS, STATEFUL_SETS,
};
use crate::sim::objects::meta;
use crate::sim::world::{World, fields};

/// A kind, the label that names its objects, and which field becomes which metric.
type Family = (&'static Kind, &'static str, &'static [(&'static str, &'static str)]);

const FAMILIES: &[Family] = &[
    (
        &DEPLOYMENTS,
        "deployment",
        &[
            ("kube_deployment_spec_replicas", "/spec/replicas"),
            ("kube_deployment_status_replicas", "/status/replicas"),
            ("kube_deployment_status_replicas_available", "/status/availableReplicas"),
            ("kube_deployment_status_replicas_unavailable", "/status/unavailableReplicas"),
            ("kube_deployment_status_replicas_updated", "/status/updatedReplicas"),
            ("kube_deployment_status_replicas_ready", "/status/readyReplicas"),
            ("kube_deployment_status_observed_generation", "/status/observedGeneration"),
            ("kube_deployment_metadata_generation", "/metadata/generation"),
        ],
    ),
    (
        &REPLICA_SETS,
        "replicaset",
        &[
            ("kube_replicaset_spec_replicas", "/spec/replicas"),
            ("kube_replicaset_status_replicas", "/status/replicas"),
            ("kube_replicaset_status_ready_replicas", "/status/readyReplicas"),
        ],
    ),
    (
        &STATEFUL_SETS,
        "statefulset",
        &[
            ("kube_statefulset_replicas", "/spec/replicas"),
            ("kube_statefulset_status_replicas", "/status/replicas"),
            ("kube_statefulset_status_replicas_ready", "/status/readyReplicas"),
            ("kube_statefulset_status_replicas_available", "/status/availableReplicas"),
            ("kube_statefulset_status_replicas_updated", "/status/updatedReplicas"),
            ("kube_statefulset_status_observed_generation", "/status/observedGeneration"),
            ("kube_statefulset_metadata_generation", "/metadata/generation"),
        ],
    ),
    (
        &DAEMON_SETS,
        "daemonset",
        &[
            ("kube_daemonset_status_desired_number_scheduled", "/status/desiredNumberScheduled"),
            ("kube_daemonset_status_current_number_scheduled", "/status/currentNumberScheduled"),
            ("kube_daemonset_status_number_ready", "/status/numberReady"),
            ("kube_daemonset_status_number_available", "/status/numberAvailable"),
            ("kube_daemonset_status_number_unavailable", "/status/numberUnavailable"),
        ],
    ),
    (
        &JOBS,
        "job_name",
        &[
            ("kube_job_status_active", "/status/active"),
            ("kube_job_status_failed", "/status/failed"),
            ("kube_job_status_succeeded", "/status/succeeded"),
        ],
    ),
    (
        &HORIZONTAL_POD_AUTOSCALERS,
        "horizontalpodautoscaler",
        &[
            ("kube_horizontalpodautoscaler_spec_max_replicas", "/spec/maxReplicas"),
            ("kube_horizontalpodautoscaler_spec_min_replicas", "/spec/minReplicas"),
            ("kube_horizontalpodautoscaler_status_current_replicas", "/status/currentReplicas"),
            ("kube_horizontalpodautoscaler_status_desired_replicas", "/status/desiredReplicas"),
        ],
    ),
];

pub(super) fn collect(world: &World, sink: &mut Sink) {
    for (kind, label, metrics) in FAMILIES {
        for object in world.all(kind) {
            let own = [("namespace", meta::namespace(&object)), (*label, meta::name(&object))];
            for (metric, field) in *metrics {
                sink.add_int(metric, &own, fields::int(&object, field));
            }
            if *kind == &REPLICA_SETS {
                owner(&object, sink);
            } else if *kind == &DEPLOYMENTS || *kind == &HORIZONTAL_POD_AUTOSCALERS {
                conditions(kind, &object, &own, sink);
            }
            if *kind == &HORIZONTAL_POD_AUTOSCALERS {
                target(&object, sink);
            }
        }
    }
}

fn owner(set: &Value, sink: &mut Sink) {
    let Some(owner) = fields::controller(set) else { return };
    let labels = [
        ("namespace", meta::namespace(set)),
        ("replicaset", meta::name(set)),
        ("owner_kind", fields::text(owner, "/kind")),
        ("owner_name", fields::text(owner, "/name")),
        ("owner_is_controller", "true"),
    ];
    sink.add("kube_replicaset_owner", &labels, 1.0);
}

fn conditions(kind: &Kind, object: &Value, own: &[(&str, &str); 2], sink: &mut Sink) {
    let metric = format!("kube_{}_status_condition", kind.singular);
    for condition in fields::list(object, "/status/conditions") {
        for status in ["true", "false", "unknown"] {
            let [namespace, name] = *own;
            let labels =
                [namespace, name, ("condition", fields::text(condition, "/type")), ("status", status)];
            let holds = fields::text(condition, "/status").eq_ignore_ascii_case(status);
            sink.add_truth(&metric, &labels, holds);
        }
    }
}

fn target(hpa: &Value, sink: &mut Sink) {
    let own = [("namespace", meta::namespace(hpa)), ("horizontalpodautoscaler", meta::name(hpa))];
    let [namespace, name] = own;
    let labels = |target_type: &'static str| {
        [namespace, name, ("metric_name", "cpu"), ("metric_target_type", target_type)]
    };
    if let Some(percent) = fields::int(hpa, "/status/currentMetrics/0/resource/current/averageUtilization") {
        sink.add("kube_horizontalpodautoscaler_status_target_metric", &labels("utilization"), percent as f64);
    }
    if let Some(percent) = fields::int(hpa, "/spec/metrics/0/resource/target/averageUtilization") {
        sink.add("kube_horizontalpodautoscaler_spec_target_metric", &labels("utilization"), percent as f64);
    }
    let reference = [
        namespace,
        name,
        ("scaletargetref_kind", fields::text(hpa, "/spec/scaleTargetRef/kind")),
        ("scaletargetref_name", fields::text(hpa, "/spec/scaleTargetRef/name")),
    ];
    sink.add("kube_horizontalpodautoscaler_info", &reference, 1.0);
}
