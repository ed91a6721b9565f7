//! The metric readings of a Snapshot: which PromQL is asked, and what its answers are about.

use std::collections::BTreeMap;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use tokio::time::{Instant, timeout_at};

use super::promql::{KINDS, Subject, expressions};
use super::{Objects, Prometheus, PrometheusError, ReadError, Reading, ReadingKind, Sample};
use crate::incident::ObjectRef;

/// Most readings of one kind.
const MAX_READINGS: usize = 20;

/// How far back the comparison lies.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// What was read and what was not.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) readings: Vec<Reading>,
    /// Why some are missing, in Prometheus's own words where it has any.
    pub(super) reasons: Vec<String>,
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
                let value = rounded(kind, sample.value);
                let before = before.of(sample).map(|before| rounded(kind, before));
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

/// Counts are whole: `increase` extrapolates to the edges of its window, so that 6 restarts read 6.04.
fn rounded(kind: ReadingKind, value: f64) -> f64 {
    if kind == ReadingKind::Restarts { value.round() } else { value }
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

    use super::super::Sample;
    use super::Before;

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
