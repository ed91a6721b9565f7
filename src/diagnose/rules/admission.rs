//! Pods that the API server refuses: quotas, webhooks, policies.

use std::collections::BTreeMap;

use super::candidate::Candidate;
use crate::diagnose::codes;
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// `quota.exceeded` about the ResourceQuota; `admission.webhook_failed` about the webhook's Service; a ServiceAccount that
/// is missing is at fault itself; anything else that is refused is about the workload.
pub(super) fn refused(facts: &Facts<'_>) -> Vec<Candidate> {
    let causes = [
        (codes::SERVICE_ACCOUNT_MISSING, confidence::CREATION_REFUSED),
        (codes::QUOTA_LEAVES_NO_ROOM, confidence::QUOTA_EXCEEDED),
        (codes::QUOTA_EXCEEDED, confidence::QUOTA_EXCEEDED),
        (codes::WEBHOOK_FAILED, confidence::WEBHOOK_FAILED),
        (codes::CREATE_PODS_FAILED, confidence::CREATION_REFUSED),
    ];
    causes.into_iter().flat_map(|(code, cause)| of_kind(facts, code, cause)).collect()
}

fn of_kind(facts: &Facts<'_>, code: codes::Code, cause: Cause) -> Vec<Candidate> {
    let mut objects: BTreeMap<&ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[code]) {
        objects.entry(&piece.object).or_default().push(piece);
    }
    let candidate = |(object, evidence): (&ObjectRef, Vec<&Evidence>)| {
        let statement = evidence.first().map(|piece| piece.statement.clone()).unwrap_or_default();
        let workloads: Vec<_> = evidence.iter().filter_map(|piece| workload(piece)).collect();
        Candidate::new(cause, object.clone(), statement).because(evidence).explaining(workloads)
    };
    objects.into_iter().map(candidate).collect()
}

fn workload(piece: &Evidence) -> Option<ObjectRef> {
    let namespace = piece.fields.get("workload_namespace").unwrap_or(&piece.object.namespace);
    Some(ObjectRef::new(piece.fields.get("workload_kind")?, namespace, piece.fields.get("workload")?))
}
