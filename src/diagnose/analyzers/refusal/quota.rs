//! ResourceQuotas that have no room, or that want amounts which the containers do not state.

use std::sync::LazyLock;

use regex::Regex;

use super::Refusal;
use super::before::Aspect;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::object_ref;
use crate::incident::ObjectRef;

static EXCEEDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"exceeded quota: ([^\s,]+)(?:, requested: ([^,]+(?:,[^:]+)*?), used|,|$)").ok()
});
static AMOUNT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"failed quota: ([^\s:]+): must specify (.{1,300})").ok());

pub(super) fn exceeded(refusal: &Refusal<'_>) -> Option<Finding> {
    let found = EXCEEDED.as_ref()?.captures(refusal.message)?;
    let name = found.get(1)?.as_str();
    let quota = ObjectRef::new("ResourceQuota", refusal.controller.namespace.as_str(), name);
    let statement = format!("{quota} refuses pods of {}: {}", refusal.controller, refusal.message);
    Some(
        Finding::new(codes::QUOTA_EXCEEDED, quota, statement)
            .field_if("requested", found.get(2).map(|text| text.as_str())),
    )
}

/// About the workload that does not state its amounts, or the quota where that came later.
pub(super) fn amount_missing(refusal: &Refusal<'_>) -> Option<Finding> {
    let found = AMOUNT.as_ref()?.captures(refusal.message)?;
    let name = ObjectRef::new("ResourceQuota", refusal.controller.namespace.as_str(), found.get(1)?.as_str());
    let quota = refusal.index.snapshot.objects.quotas.iter().find(|quota| object_ref(*quota) == name);
    let later = quota.is_some_and(|quota| refusal.is_younger(&quota.metadata));
    let rule_changed = later || refusal.was_admitted_before(Aspect::Amounts);
    let object = if rule_changed { name.clone() } else { refusal.workload.clone() };
    let missing = found.get(2)?.as_str();
    let statement = format!("{name} wants {} to state amounts that it does not: {missing}", refusal.workload);
    Some(Finding::new(codes::QUOTA_AMOUNT_MISSING, object, statement).field("must_specify", missing))
}
