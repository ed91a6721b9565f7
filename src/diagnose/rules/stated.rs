//! Findings that name the object at fault by themselves: a rule adds what they explain and how sure that is.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::Facts;
use crate::diagnose::named;
use crate::incident::{Evidence, ObjectRef};

/// At this strength a finding says it plainly; the weaker ones make their cause less sure.
const PLAIN: f64 = 0.8;

/// What each such finding means.
const STATED: &[(Code, Cause)] = &[
    (codes::TOKEN_NOT_MOUNTED, confidence::TOKEN_INVALID),
    (codes::TOKEN_REJECTED, confidence::TOKEN_INVALID),
    (codes::QUOTA_AMOUNT_MISSING, confidence::QUOTA_EXCEEDED),
    (codes::POLICY_DENIED, confidence::POLICY_DENIED),
    (codes::POD_SECURITY_VIOLATED, confidence::POD_SECURITY),
    (codes::LIMIT_RANGE_EXCEEDED, confidence::LIMIT_RANGE),
    (codes::LIMIT_RANGE_DEFAULT, confidence::LIMIT_RANGE),
    (codes::PRIORITY_CLASS_MISSING, confidence::CLASS_MISSING),
    (codes::RUNTIME_CLASS_MISSING, confidence::CLASS_MISSING),
    (codes::RUNTIME_HANDLER_UNKNOWN, confidence::CLASS_MISSING),
    (codes::INGRESS_BACKEND_MISSING, confidence::INGRESS_MISROUTED),
    (codes::INGRESS_PORT_UNSERVED, confidence::INGRESS_MISROUTED),
    (codes::INGRESS_CERTIFICATE_MISSING, confidence::INGRESS_MISROUTED),
    (codes::INGRESS_CLASS_UNKNOWN, confidence::INGRESS_MISROUTED),
    (codes::INGRESS_LIMIT, confidence::INGRESS_LIMIT),
    (codes::INGRESS_REWRITE, confidence::INGRESS_MISROUTED),
    (codes::HPA_CONTESTED, confidence::AUTOSCALER_CONTESTED),
    (codes::INGRESS_CLAIMED_TWICE, confidence::INGRESS_MISROUTED),
    (codes::GATEWAY_CLASS_REFUSED, confidence::ROUTE_REFUSED),
    (codes::GATEWAY_REFUSED, confidence::ROUTE_REFUSED),
    (codes::ROUTE_REFUSED, confidence::ROUTE_REFUSED),
    (codes::ROUTE_PARENT_MISSING, confidence::ROUTE_REFUSED),
    (codes::ROUTE_BACKEND_MISSING, confidence::ROUTE_REFUSED),
    (codes::ROUTE_PORT_UNSERVED, confidence::ROUTE_REFUSED),
    (codes::ROUTE_NOT_GRANTED, confidence::ROUTE_REFUSED),
    (codes::ENDPOINTS_NOT_WRITTEN, confidence::WRONG_ENDPOINTS),
    (codes::ENDPOINTS_DEAD, confidence::WRONG_ENDPOINTS),
    (codes::FOREIGN_PODS, confidence::SELECTOR_MISMATCH),
    (codes::TARGET_PORT_ASIDE, confidence::PORT_MISMATCH),
    (codes::ROLLOUT_PAUSED, confidence::ROLLOUT_PAUSED),
    (codes::ENDPOINTS_STRAY, confidence::WRONG_ENDPOINTS),
    (codes::EXTERNAL_NAME_UNKNOWN, confidence::WRONG_ADDRESS),
    (codes::BUDGET_BLOCKS, confidence::DISRUPTION_BLOCKED),
    (codes::NAMESPACE_STUCK, confidence::DELETION_BLOCKED),
    (codes::FINALIZERS_STUCK, confidence::DELETION_BLOCKED),
    (codes::INJECTED_CONTAINER, confidence::INJECTED),
    (codes::POD_CHANGED, confidence::INJECTED),
    (codes::SERVICE_LOCAL_ONLY, confidence::WRONG_ENDPOINTS),
    (codes::LOAD_BALANCER_FAILED, confidence::LOAD_BALANCER),
    (codes::AGENT_KEPT_OFF, confidence::UNSCHEDULABLE),
    (codes::SERVICE_MADE_ANEW, confidence::WRONG_ADDRESS),
    (codes::SERVICE_DELETED, confidence::WRONG_ADDRESS),
    (codes::HEADLESS_MISSING, confidence::WRONG_ENDPOINTS),
    (codes::CHANGED_SINCE_APPLIED, confidence::CHANGED_BY_HAND),
];

/// One candidate for each object that findings of a kind are about.
pub(super) fn causes(facts: &Facts<'_>) -> Vec<Candidate> {
    STATED.iter().flat_map(|(code, cause)| of_code(facts, *code, *cause)).collect()
}

/// Candidates of one cause, one for each object. A finding that speaks less strongly than its code usually does makes the
/// cause as much less sure.
pub(super) fn of_code(facts: &Facts<'_>, code: Code, cause: Cause) -> Vec<Candidate> {
    let mut objects: BTreeMap<&ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[code]) {
        objects.entry(&piece.object).or_default().push(piece);
    }
    let candidate = |(object, evidence): (&ObjectRef, Vec<&Evidence>)| {
        let first = evidence.first();
        let statement = first.map(|piece| piece.statement.clone()).unwrap_or_default();
        let sure = first.map_or(1.0, |piece| piece.strength.value() / code.strength);
        let sure = if code.strength < PLAIN { sure * code.strength / PLAIN } else { sure };
        let workloads: Vec<_> = evidence.iter().filter_map(|piece| workload(piece)).collect();
        Candidate::new(cause, object.clone(), statement).times(sure).because(evidence).explaining(workloads)
    };
    objects.into_iter().map(candidate).collect()
}

/// The workload that a finding says it keeps from working.
pub(super) fn workload(piece: &Evidence) -> Option<ObjectRef> {
    named::workload(&piece.fields, &piece.object)
}
