//! Containers that are killed at a memory limit which nobody wrote into their template: a LimitRange gave it to them.

use k8s_openapi::api::core::v1::{Container, LimitRange};

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, namespace_of, object_ref};

/// Looks at the containers that are out of memory among what was found.
pub(super) fn findings(index: &Index<'_>, found: &[Finding]) -> Vec<Finding> {
    if index.snapshot.objects.limit_ranges.is_empty() {
        return Vec::new();
    }
    let killed = found.iter().filter(|finding| finding.code == codes::OOM_KILLED);
    killed.filter_map(|finding| defaulted(index, finding)).collect()
}

fn defaulted(index: &Index<'_>, killed: &Finding) -> Option<Finding> {
    let workload = index.workload_of(&killed.object);
    let name = killed.fields.get("container")?;
    let named = |container: &&Container| container.name == *name;
    let written = index.template(&workload)?.spec?.containers.iter().find(named)?;
    let given = index.pod(&killed.object)?.spec.as_ref()?.containers.iter().find(named)?;
    if memory_limit(written).is_some() {
        return None;
    }
    let limit = memory_limit(given)?;
    let ranges = index.snapshot.objects.limit_ranges.iter();
    let mut here = ranges.filter(|range| namespace_of(&range.metadata) == workload.namespace);
    let range = here.find(|range| default_memory(range) == Some(limit))?;
    let range = object_ref(range);
    let statement = format!(
        "Container {name} of {workload} is killed at a memory limit of {limit}, which its template does not state: {range} gives it by default"
    );
    Some(
        Finding::new(codes::LIMIT_RANGE_DEFAULT, range, statement)
            .at(killed.at)
            .field("spec.limits.default.memory", limit)
            .field("container", name)
            .hinders(&workload),
    )
}

fn memory_limit(container: &Container) -> Option<&str> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    limits.get("memory").map(|amount| amount.0.as_str())
}

fn default_memory(range: &LimitRange) -> Option<&str> {
    let items = range.spec.as_ref()?.limits.iter();
    let mut defaults =
        items.filter(|item| item.type_ == "Container").filter_map(|item| item.default.as_ref());
    defaults.find_map(|default| default.get("memory")).map(|amount| amount.0.as_str())
}
