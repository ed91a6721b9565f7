//! A container that needs more memory than its limit: the former limit if a rollout lowered it, else half as much again.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::workload::{pods, template};
use super::{Case, Pass, Repair, rollout};
use crate::incident::Quantity;
use crate::incident::{Action, Hypothesis, ObjectRef, ResourceAmounts};
use crate::observe::{Change, Snapshot};

impl Case<'_> {
    /// The former limit, the revision before, or half as much again; best first.
    pub(super) fn give_memory(&self, hypothesis: &Hypothesis) -> Result<Vec<Repair>, Pass> {
        let not_here = |obstacle: &str| Err(self.not_here(hypothesis, obstacle));
        let Some(workload) = self.workload(hypothesis) else {
            return not_here("no workload was found behind this");
        };
        let Some(container) = killed_container(&workload, self.snapshot) else {
            return not_here("none of the containers that are there now shows that it was killed");
        };
        let Some(limit) = memory_limit(container) else {
            return not_here("the container has no memory limit of its own: its node is short of memory");
        };
        let rollout = rollout::newest_rollout(&workload, self.snapshot);
        if let Some(restored) = rollout.and_then(|change| former_amounts(change, &container.name, limit)) {
            return Ok(self.restored(hypothesis, &workload, &container.name, restored));
        }
        let raised = Quantity::parse(limit).and_then(|limit| limit.times_in_mebibytes(3, 2));
        let Some(raised) = raised.filter(|raised| within_limit_range(raised, &workload, self.snapshot))
        else {
            return not_here("half as much memory again is more than the LimitRange of the namespace allows");
        };
        let limits = ResourceAmounts { memory: Some(raised.clone()), cpu: None };
        let rationale = format!(
            "Container {} was killed at its limit of {limit} and no rollout lowered it; {raised} is half as much again. Should \
             it leak, it will be back later: find out why it needs more.",
            container.name
        );
        let mut repairs =
            vec![set_resources(rationale, &workload, &container.name, ResourceAmounts::default(), limits)];
        repairs.extend(self.roll_back(hypothesis, rollout::touches_resources).unwrap_or_default());
        Ok(repairs)
    }

    fn restored(
        &self,
        hypothesis: &Hypothesis,
        workload: &ObjectRef,
        container: &str,
        (requests, limits): (ResourceAmounts, ResourceAmounts),
    ) -> Vec<Repair> {
        let former = limits.memory.as_deref().unwrap_or_default();
        let rationale = format!(
            "The newest rollout of {workload} lowered the memory limit of container {container}, which has been killed since; \
             {former} is what it had before."
        );
        let mut repairs = vec![set_resources(rationale, workload, container, requests, limits)];
        repairs.extend(self.roll_back(hypothesis, |_| true).unwrap_or_default());
        repairs
    }
}

fn set_resources(
    rationale: String,
    workload: &ObjectRef,
    container: &str,
    requests: ResourceAmounts,
    limits: ResourceAmounts,
) -> Repair {
    let action = Action::SetResources {
        workload: workload.clone(),
        container: container.to_owned(),
        requests,
        limits,
    };
    Repair { rationale, actions: vec![action], workloads: vec![workload.clone()], ..Repair::default() }
}

fn memory_limit(container: &Container) -> Option<&str> {
    Some(container.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.as_str())
}

/// The container of the workload's template of which a pod says that it was killed for want of memory.
fn killed_container<'a>(workload: &ObjectRef, snapshot: &'a Snapshot) -> Option<&'a Container> {
    let killed: Vec<&str> = pods(workload, snapshot).flat_map(killed_names).collect();
    let spec = template(workload, snapshot)?.spec.as_ref()?;
    let mut containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    containers.find(|container| killed.contains(&container.name.as_str()))
}

fn killed_names(pod: &Pod) -> Vec<&str> {
    let Some(status) = &pod.status else { return Vec::new() };
    let statuses = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let killed = statuses.filter(|status| {
        [&status.state, &status.last_state]
            .into_iter()
            .flatten()
            .filter_map(|state| state.terminated.as_ref())
            .any(|ended| ended.reason.as_deref() == Some("OOMKilled"))
    });
    killed.map(|status| status.name.as_str()).collect()
}

/// The memory amounts that the rollout replaced, if it lowered the limit to what it is now.
fn former_amounts(
    change: &Change,
    container: &str,
    limit: &str,
) -> Option<(ResourceAmounts, ResourceAmounts)> {
    let before = |side: &str| {
        let path = format!("containers[{container}].resources.{side}.memory");
        change.fields.iter().find(|field| field.path.ends_with(&path))?.before.clone()
    };
    let former = before("limits")?;
    let ceiling = Quantity::parse(&former)?;
    (ceiling > Quantity::parse(limit)?).then_some(())?;
    let request = before("requests").filter(|request| Quantity::parse(request).is_some_and(|r| r <= ceiling));
    Some((
        ResourceAmounts { memory: request, cpu: None },
        ResourceAmounts { memory: Some(former), cpu: None },
    ))
}

fn within_limit_range(wanted: &str, workload: &ObjectRef, snapshot: &Snapshot) -> bool {
    let Some(wanted) = Quantity::parse(wanted) else { return false };
    let ranges = snapshot.objects.limit_ranges.iter();
    let here = ranges.filter(|range| range.metadata.namespace.as_deref() == Some(&workload.namespace));
    let limits = here.filter_map(|range| range.spec.as_ref()).flat_map(|spec| &spec.limits);
    let maxima = limits
        .filter(|limit| matches!(limit.type_.as_str(), "Container" | "Pod"))
        .filter_map(|limit| Quantity::parse(&limit.max.as_ref()?.get("memory")?.0));
    maxima.min().is_none_or(|maximum| wanted <= maximum)
}
