//! The PromQL of each kind of reading. Pure.
//!
//! Metric names are those of kube-state-metrics, cAdvisor and the common HTTP instrumentations. Names that come from
//! outside are escaped.

use kube::ResourceExt as _;

use super::cluster::pods_of;
use super::loki::quoted;
use super::{Objects, ReadingKind};
use crate::incident::ObjectRef;

/// Pods named one by one in a query, where their workload's kind does not tell how it names them.
const MAX_NAMED_PODS: usize = 30;

/// What is asked for, in this order.
pub(super) const KINDS: [ReadingKind; 6] = [
    ReadingKind::Restarts,
    ReadingKind::MemoryOfLimit,
    ReadingKind::CpuThrottling,
    ReadingKind::ErrorRate,
    ReadingKind::LatencyP99,
    ReadingKind::HpaUtilisation,
];

/// The series that are about the focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) namespace: String,
    /// A regular expression for the names of the focus's pods.
    pods: Option<String>,
}

impl Subject {
    /// The pods of `focus` in `namespace`; all of the namespace where there is no focus.
    pub(super) fn new(objects: &Objects, namespace: &str, focus: Option<&ObjectRef>) -> Self {
        let pods = focus.and_then(|focus| pod_names(objects, focus));
        Self { namespace: namespace.to_owned(), pods }
    }

    /// Matchers for metrics about pods.
    fn pods(&self) -> String {
        let pods = self.pods.as_ref().map(|pods| format!(",pod=~{}", quoted(pods))).unwrap_or_default();
        format!("{}{pods}", self.namespace())
    }

    /// Matchers for metrics about anything in the namespace.
    fn namespace(&self) -> String {
        format!("namespace={}", quoted(&self.namespace))
    }
}

/// A regular expression for the names of a workload's pods, those that are gone included.
pub(super) fn pod_names(objects: &Objects, focus: &ObjectRef) -> Option<String> {
    let name = regex::escape(&focus.name);
    match focus.kind.as_str() {
        "Deployment" => Some(format!("{name}-[a-z0-9]+-[a-z0-9]{{5}}")),
        "StatefulSet" => Some(format!("{name}-[0-9]+")),
        "DaemonSet" | "ReplicaSet" | "Job" => Some(format!("{name}-[a-z0-9]{{5}}")),
        "CronJob" => Some(format!("{name}-[0-9]+-[a-z0-9]{{5}}")),
        "Pod" => Some(name),
        _ => {
            let pods = pods_of(objects, focus);
            let names: Vec<String> =
                pods.iter().take(MAX_NAMED_PODS).map(|pod| regex::escape(&pod.name_any())).collect();
            (!names.is_empty()).then(|| names.join("|"))
        }
    }
}

/// The expressions for one kind of reading, most common metric names first: the next is asked where one gives nothing.
pub(super) fn expressions(kind: ReadingKind, subject: &Subject) -> Vec<String> {
    let (pods, namespace) = (subject.pods(), subject.namespace());
    let by = "by (namespace, pod, container)";
    match kind {
        ReadingKind::Restarts => {
            vec![format!("sum {by} (increase(kube_pod_container_status_restarts_total{{{pods}}}[15m]))")]
        }
        ReadingKind::MemoryOfLimit => {
            let used = format!(
                "max {by} (max_over_time(container_memory_working_set_bytes{{{pods},container!=\"\",container!=\"POD\"}}[15m]))"
            );
            vec![
                format!(
                    "{used} / max {by} (kube_pod_container_resource_limits{{{pods},resource=\"memory\"}})"
                ),
                format!("{used} / max {by} (container_spec_memory_limit_bytes{{{pods}}} > 0)"),
            ]
        }
        ReadingKind::CpuThrottling => vec![format!(
            "sum {by} (rate(container_cpu_cfs_throttled_periods_total{{{pods},container!=\"\"}}[5m])) \
             / sum {by} (rate(container_cpu_cfs_periods_total{{{pods},container!=\"\"}}[5m]))"
        )],
        ReadingKind::ErrorRate => [
            ("http_requests_total", "code"),
            ("http_requests_total", "status"),
            ("http_requests_total", "status_code"),
            ("http_server_requests_seconds_count", "status"),
            ("http_server_request_duration_seconds_count", "http_response_status_code"),
        ]
        .map(|(metric, code)| error_rate(metric, code, &namespace))
        .to_vec(),
        ReadingKind::LatencyP99 => [
            "http_request_duration_seconds_bucket",
            "http_server_requests_seconds_bucket",
            "http_server_request_duration_seconds_bucket",
        ]
        .map(|metric| {
            format!("histogram_quantile(0.99, sum by (le, service, job) (rate({metric}{{{namespace}}}[5m])))")
        })
        .to_vec(),
        ReadingKind::HpaUtilisation => {
            let by = "by (namespace, horizontalpodautoscaler)";
            vec![format!(
                "max {by} (kube_horizontalpodautoscaler_status_current_replicas{{{namespace}}}) \
                 / max {by} (kube_horizontalpodautoscaler_spec_max_replicas{{{namespace}}})"
            )]
        }
    }
}

fn error_rate(metric: &str, code: &str, namespace: &str) -> String {
    format!(
        "sum by (service, job) (rate({metric}{{{namespace},{code}=~\"5..\"}}[5m])) \
         / sum by (service, job) (rate({metric}{{{namespace}}}[5m]))"
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Objects, ReadingKind};
    use super::{KINDS, Subject, expressions};
    use crate::incident::ObjectRef;

    fn subject(namespace: &str, kind: &str, name: &str) -> Subject {
        Subject::new(&Objects::default(), namespace, Some(&ObjectRef::new(kind, namespace, name)))
    }

    #[test]
    fn every_expression_is_promql_even_with_hostile_names() {
        let subjects = [
            subject("shop", "Deployment", "checkout"),
            subject("a\"} or vector(1) #\n", "Pod", "x\\\"}[5m]) or (up"),
            subject("shop", "Node", "gone"),
        ];
        for subject in subjects {
            for query in KINDS.iter().flat_map(|kind| expressions(*kind, &subject)) {
                let parsed = promql_parser::parser::parse(&query);
                assert!(parsed.is_ok(), "{query}: {parsed:?}");
                let ours = ["namespace=\"shop\"", "namespace=\"a\\\"} or vector(1) #\\n\""];
                assert!(ours.iter().any(|matcher| query.contains(matcher)), "{query}");
            }
        }
    }

    #[test]
    fn pods_are_matched_by_how_their_workload_names_them() {
        let restarts = |subject: &Subject| expressions(ReadingKind::Restarts, subject).remove(0);
        assert_eq!(
            restarts(&subject("shop", "Deployment", "checkout.v2")),
            "sum by (namespace, pod, container) (increase(kube_pod_container_status_restarts_total\
             {namespace=\"shop\",pod=~\"checkout\\\\.v2-[a-z0-9]+-[a-z0-9]{5}\"}[15m]))"
        );
        assert!(restarts(&subject("shop", "StatefulSet", "db")).contains("pod=~\"db-[0-9]+\""));
        assert!(!restarts(&subject("shop", "Rollout", "gone")).contains("pod=~"));
    }
}
