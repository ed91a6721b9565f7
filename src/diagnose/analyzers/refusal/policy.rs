//! Policies inside the API server, and security context constraints, that say no.

use std::sync::LazyLock;

use regex::Regex;

use super::Refusal;
use super::before::Aspect;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::incident::ObjectRef;

static POLICY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"ValidatingAdmissionPolicy '([^']{1,253})'.{0,300}denied request").ok());

/// About the workload that does what is not allowed, or the policy where the same was allowed before.
pub(super) fn denied(refusal: &Refusal<'_>) -> Option<Finding> {
    if refusal.message.contains("unable to validate against any security context constraint") {
        let statement = format!(
            "No security context constraint allows the pods of {}: {}",
            refusal.workload, refusal.message
        );
        return Some(Finding::new(codes::POLICY_DENIED, refusal.workload.clone(), statement));
    }
    let name = POLICY.as_ref()?.captures(refusal.message)?.get(1)?.as_str();
    let policy = ObjectRef::cluster_wide("ValidatingAdmissionPolicy", name);
    let statement = format!("{policy} denies the pods of {}: {}", refusal.workload, refusal.message);
    let object = if refusal.was_admitted_before(Aspect::All) { policy } else { refusal.workload.clone() };
    Some(Finding::new(codes::POLICY_DENIED, object, statement).field("policy", name))
}
