//! An autoscaler that may not add the replicas that the load needs: a higher maximum, within the namespace's quota.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Container, ResourceQuota};

use super::workload::{controller_of, reference, template};
use super::{Case, Pass, Repair};
use crate::incident::Quantity;
use crate::incident::{Action, Hypothesis, ObjectRef};
use crate::observe::Snapshot;

/// A greater jump than this is for people to decide.
const MOST_TIMES: i32 = 5;

impl Case<'_> {
    /// Half as many again as there may be now, or as the load asks for by the autoscaler's own reckoning; at least two
    /// more, at most [`MOST_TIMES`] as many.
    pub(super) fn raise_maximum(&self, hypothesis: &Hypothesis) -> Result<Vec<Repair>, Pass> {
        let workload = self.workload(hypothesis);
        let Some(found) = self.autoscaler(hypothesis, workload.as_ref()) else {
            return Err(self.not_here(hypothesis, "the autoscaler behind this was not found"));
        };
        let hpa = reference("HorizontalPodAutoscaler", &found.metadata);
        let maximum = found.spec.max_replicas;
        let wanted = raised(maximum, asked_for(found).unwrap_or(maximum));
        let room = room(&hpa.namespace, workload.as_ref(), self.snapshot);
        let more = room.map_or(wanted - maximum, |room| room.min(wanted - maximum));
        if more < 1 {
            return Err(self
                .not_here(hypothesis, "the ResourceQuota of the namespace leaves no room for another pod"));
        }
        let max_replicas = maximum.saturating_add(more);
        let bounded = if max_replicas < wanted { "; the ResourceQuota leaves no room for more" } else { "" };
        Ok(vec![Repair {
            rationale: format!(
                "{hpa} wants more than its maximum of {maximum} replicas; {max_replicas} lets it follow the load{bounded}."
            ),
            actions: vec![Action::RaiseHpaMaximum { hpa: hpa.clone(), max_replicas }],
            workloads: workload.into_iter().collect(),
            autoscaler: Some(hpa),
            ..Repair::default()
        }])
    }

    fn autoscaler(
        &self,
        hypothesis: &Hypothesis,
        workload: Option<&ObjectRef>,
    ) -> Option<&HorizontalPodAutoscaler> {
        let named = |hpa: &&HorizontalPodAutoscaler| {
            reference("HorizontalPodAutoscaler", &hpa.metadata) == hypothesis.object
        };
        let scales = |hpa: &&HorizontalPodAutoscaler| {
            let hpa = reference("HorizontalPodAutoscaler", &hpa.metadata);
            workload.is_some() && controller_of(&hpa, self.snapshot).as_ref() == workload
        };
        let all = &self.snapshot.objects.autoscalers;
        all.iter().find(named).or_else(|| all.iter().find(scales))
    }
}

/// A maximum is a ceiling: the autoscaler uses no more of it than the load needs. Pods at their CPU limit hide a part of
/// the load, so that half as much again is allowed for.
fn raised(maximum: i32, asked_for: i32) -> i32 {
    let half_again = |replicas: i32| replicas.saturating_mul(3).saturating_add(1) / 2;
    let wanted = half_again(maximum).max(maximum.saturating_add(2)).max(half_again(asked_for));
    wanted.min(maximum.saturating_mul(MOST_TIMES))
}

/// How many replicas would bring the load to its target: the autoscaler's own formula, `ceil(replicas × now / target)`,
/// over its utilisation metrics, without the maximum. `None` where no metric is reported.
/// Source: the Kubernetes documentation of the HorizontalPodAutoscaler, "Algorithm details".
fn asked_for(hpa: &HorizontalPodAutoscaler) -> Option<i32> {
    let status = hpa.status.as_ref()?;
    let replicas = i64::from(status.current_replicas.unwrap_or(status.desired_replicas));
    let reported = |name: &str| {
        let metrics = status.current_metrics.iter().flatten().filter_map(|metric| metric.resource.as_ref());
        metrics.into_iter().find(|metric| metric.name == name)?.current.average_utilization.map(i64::from)
    };
    let targets = hpa.spec.metrics.iter().flatten().filter_map(|metric| metric.resource.as_ref());
    let needs = targets.filter_map(|metric| {
        let target = i64::from(metric.target.average_utilization.filter(|target| *target > 0)?);
        let load = replicas.saturating_mul(reported(&metric.name)?);
        i32::try_from(load.saturating_add(target - 1) / target).ok()
    });
    needs.max()
}

/// How many more pods the quotas of the namespace allow; `None` where none is visible.
fn room(namespace: &str, workload: Option<&ObjectRef>, snapshot: &Snapshot) -> Option<i32> {
    let containers = workload
        .and_then(|workload| template(workload, snapshot)?.spec.as_ref())
        .map_or(&[][..], |spec| spec.containers.as_slice());
    let quotas = snapshot.objects.quotas.iter();
    let here = quotas.filter(|quota| quota.metadata.namespace.as_deref() == Some(namespace));
    here.flat_map(|quota| rooms(quota, containers)).min()
}

fn rooms(quota: &ResourceQuota, containers: &[Container]) -> Vec<i32> {
    let Some(status) = &quota.status else { return Vec::new() };
    let used = |resource: &str| {
        status
            .used
            .as_ref()
            .and_then(|used| Quantity::parse(&used.get(resource)?.0))
            .unwrap_or(Quantity::whole(0))
    };
    let room = |resource: &str, hard: &str| {
        let left = Quantity::parse(hard)?.minus(used(resource));
        let each = match resource {
            "pods" | "count/pods" => Quantity::whole(1),
            _ => pod_needs(containers, resource)?,
        };
        Some(i32::try_from(left.fits(each)?).unwrap_or(i32::MAX))
    };
    status.hard.iter().flatten().filter_map(|(resource, hard)| room(resource, &hard.0)).collect()
}

/// What one more pod of this template asks of a quota: the sum over its containers.
fn pod_needs(containers: &[Container], resource: &str) -> Option<Quantity> {
    let (side, name) = resource.split_once('.').unwrap_or(("requests", resource));
    let mut sum = Quantity::whole(0);
    for container in containers {
        let resources = container.resources.as_ref()?;
        let amounts = if side == "limits" { &resources.limits } else { &resources.requests };
        sum = sum.plus(Quantity::parse(&amounts.as_ref()?.get(name)?.0)?);
    }
    Some(sum)
}
