//! LimitRanges that amounts lie outside of.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::LimitRange;
use regex::Regex;

use super::Refusal;
use super::before::Aspect;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{namespace_of, object_ref};

static OUTSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(maximum|minimum) ([a-z0-9./-]{1,63}) usage per (Container|Pod|PersistentVolumeClaim) is ([^,\]]{1,60})",
    )
    .ok()
});
static RATIO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"([a-z0-9./-]{1,63}) (max) limit to request ratio per (Container|Pod) is ([^,\]]{1,60})").ok()
});

/// About the workload whose amounts lie outside, or the LimitRange where that came later.
pub(super) fn outside(refusal: &Refusal<'_>) -> Option<Finding> {
    let found = OUTSIDE.as_ref()?.captures(refusal.message).map(|found| (found, 1, 2));
    let (found, bound, resource) =
        found.or_else(|| RATIO.as_ref()?.captures(refusal.message).map(|found| (found, 2, 1)))?;
    let text = |group| found.get(group).map(|text| text.as_str()).unwrap_or_default();
    let ranges = refusal.index.snapshot.objects.limit_ranges.iter();
    let here = ranges.filter(|range| namespace_of(&range.metadata) == refusal.workload.namespace);
    let range = here
        .filter(|range| limits(range, text(3), text(resource)))
        .max_by_key(|range| range.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let later = range.is_some_and(|range| refusal.is_younger(&range.metadata));
    let changed = range.filter(|_| later || refusal.was_admitted_before(Aspect::Amounts));
    let object = changed.map_or_else(|| refusal.workload.clone(), object_ref);
    let by = range.map_or_else(|| "a LimitRange".to_owned(), |range| object_ref(range).to_string());
    let statement = format!(
        "{by} allows {} a {} {} of {}, and {} asks for something else: {}",
        text(3),
        text(bound),
        text(resource),
        text(4),
        refusal.workload,
        refusal.message
    );
    let finding = Finding::new(codes::LIMIT_RANGE_EXCEEDED, object, statement);
    Some(finding.field("resource", text(resource)).field(text(bound), text(4)).field("limit_range", by))
}

fn limits(range: &LimitRange, kind: &str, resource: &str) -> bool {
    let items = range.spec.iter().flat_map(|spec| &spec.limits).filter(|item| item.type_ == kind);
    items.into_iter().any(|item| {
        let bounds = [&item.max, &item.min, &item.max_limit_request_ratio];
        bounds.into_iter().flatten().any(|bound| bound.contains_key(resource))
    })
}
