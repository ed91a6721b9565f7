//! The metric readings of a Snapshot: which PromQL is asked, and what its answers are about.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use tokio::time::{Instant, timeout_at};

use super::cluster::pods_of;
use super::loki::quoted;
use super::{Objects, Prometheus, PrometheusError, ReadError, Reading, ReadingKind, Sample};
use crate::incident::ObjectRef;

/// Most readings of one kind.
const MAX_READINGS: usize = 20;

/// Pods named one by one in a query; with more, or none, the workload's naming pattern takes their place.
const MAX_NAMED_PODS: usize = 30;

/// How far back the comparison lies.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

const KINDS: [ReadingKind; 6] = [
    ReadingKind::Restarts,
    ReadingKind::MemoryOfLimit,
    ReadingKind::CpuThrottling,
    ReadingKind::ErrorRate,
    ReadingKind::LatencyP99,
    ReadingKind::HpaUtilisation,
];

/// What was read and what was not.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) readings: Vec<Reading>,
    /// Why some are missing, in Prometheus's own words where it has any.
    pub(super) reasons: Vec<String>,
}

/// The series that are about the focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    namespace: String,
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
fn expressions(kind: ReadingKind, subject: &Subject) -> Vec<String> {
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

/// Asks for all kinds in parallel, all before `until`.
pub(super) async fn read(
    prometheus: &Prometheus,
    subject: &Subject,
    objects: &Objects,
    focus: Option<&ObjectRef>,
    deadline: std::time::Duration,
) -> Readings {
    let until = Instant::now() + deadline;
    let reads = KINDS.map(|kind| async move {
        let read = timeout_at(until, read_kind(prometheus, kind, subject, objects, focus)).await;
        read.unwrap_or_else(|_| Err(ReadError::TimedOut { after: deadline }.into()))
    });
    let mut all = Readings::default();
    for result in join_all(reads).await {
        match result {
            Ok(one) => {
                all.readings.extend(one.readings);
                all.reasons.extend(one.reasons);
            }
            Err(error) => all.reasons.push(error.to_string()),
        }
    }
    all
}

async fn read_kind(
    prometheus: &Prometheus,
    kind: ReadingKind,
    subject: &Subject,
    objects: &Objects,
    focus: Option<&ObjectRef>,
) -> Result<Readings, PrometheusError> {
    for query in expressions(kind, subject) {
        let answered = prometheus.ask(&query, None).await?;
        if answered.samples.is_empty() {
            continue;
        }
        // The comparison is a bonus: the reading stands without it.
        let hour_ago = prometheus.query(&query, Some(Timestamp::now() - BEFORE)).await.unwrap_or_default();
        let before = Before::new(&hour_ago);
        let about = |sample: &Sample| about(kind, sample, subject, objects, focus);
        let mut readings: Vec<Reading> = answered
            .samples
            .iter()
            .filter(|sample| sample.value.is_finite())
            .filter_map(|sample| {
                let object = about(sample)?;
                let container = sample.labels.get("container").cloned();
                let (value, before) = (sample.value, before.of(sample));
                Some(Reading { kind, object, container, value, before, query: query.clone() })
            })
            .collect();
        readings.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.object.cmp(&b.object)));
        readings.truncate(MAX_READINGS);
        let reasons =
            answered.warnings.iter().map(|warning| format!("Prometheus warns: {warning}")).collect();
        return Ok(Readings { readings, reasons });
    }
    Ok(Readings::default())
}

/// The object that a sample is about; `None` where its labels do not say.
fn about(
    kind: ReadingKind,
    sample: &Sample,
    subject: &Subject,
    objects: &Objects,
    focus: Option<&ObjectRef>,
) -> Option<ObjectRef> {
    let label = |name: &str| sample.labels.get(name).filter(|value| !value.is_empty());
    let named = |kind: &str, name: &String| ObjectRef::new(kind, subject.namespace.clone(), name.clone());
    match kind {
        ReadingKind::Restarts | ReadingKind::MemoryOfLimit | ReadingKind::CpuThrottling => {
            label("pod").map(|pod| named("Pod", pod))
        }
        ReadingKind::HpaUtilisation => {
            label("horizontalpodautoscaler").map(|name| named("HorizontalPodAutoscaler", name))
        }
        ReadingKind::ErrorRate | ReadingKind::LatencyP99 => {
            // The Prometheus operator writes `namespace/name` into `job`.
            let job =
                label("job").map(|job| job.rsplit_once('/').map_or(job.clone(), |(_, name)| name.to_owned()));
            let Some(name) = label("service").cloned().or(job) else { return focus.cloned() };
            Some(service_or_workload(objects, &subject.namespace, &name))
        }
    }
}

fn service_or_workload(objects: &Objects, namespace: &str, name: &str) -> ObjectRef {
    let is = |found_namespace: Option<String>, found: String| {
        found == name && found_namespace.as_deref() == Some(namespace)
    };
    let service = objects.services.iter().any(|service| is(service.namespace(), service.name_any()));
    let deployment = objects.deployments.iter().any(|object| is(object.namespace(), object.name_any()));
    let kind = if deployment && !service { "Deployment" } else { "Service" };
    ObjectRef::new(kind, namespace, name)
}

/// The values of an hour ago.
struct Before<'a> {
    exact: BTreeMap<&'a BTreeMap<String, String>, f64>,
    /// The highest of each container: after a rollout the pods have other names.
    by_container: BTreeMap<Option<&'a String>, f64>,
}

impl<'a> Before<'a> {
    fn new(samples: &'a [Sample]) -> Self {
        let finite = || samples.iter().filter(|sample| sample.value.is_finite());
        let mut by_container = BTreeMap::new();
        for sample in finite() {
            let highest = by_container.entry(sample.labels.get("container")).or_insert(f64::MIN);
            *highest = f64::max(*highest, sample.value);
        }
        Self { exact: finite().map(|sample| (&sample.labels, sample.value)).collect(), by_container }
    }

    fn of(&self, sample: &Sample) -> Option<f64> {
        let exact = self.exact.get(&sample.labels).copied();
        exact.or_else(|| {
            sample
                .labels
                .contains_key("pod")
                .then(|| self.by_container.get(&sample.labels.get("container")).copied())?
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::super::{Objects, ReadingKind, Sample};
    use super::{Before, KINDS, Subject, expressions};
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

    #[test]
    fn after_a_rollout_the_highest_of_the_same_container_an_hour_ago_is_compared() {
        let sample = |labels: &[(&str, &str)], value: f64| Sample {
            labels: labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            at: Timestamp::UNIX_EPOCH,
            value,
        };
        let old = [
            sample(&[("pod", "a"), ("container", "app")], 0.5),
            sample(&[("pod", "b"), ("container", "app")], 0.7),
            sample(&[("pod", "c"), ("container", "app")], f64::NAN),
            sample(&[("service", "cart")], 0.1),
        ];
        let before = Before::new(&old);
        assert_eq!(before.of(&sample(&[("pod", "a"), ("container", "app")], 0.9)), Some(0.5));
        assert_eq!(before.of(&sample(&[("pod", "new"), ("container", "app")], 0.9)), Some(0.7));
        assert_eq!(before.of(&sample(&[("pod", "new"), ("container", "sidecar")], 0.9)), None);
        assert_eq!(before.of(&sample(&[("service", "checkout")], 0.9)), None);
    }
}
