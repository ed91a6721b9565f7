//! Pods that the API server refuses: quotas, webhooks, policies.

use super::candidate::Candidate;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;

/// A ServiceAccount that is missing is stated as plainly as can be, unlike refusals for reasons that are not told apart.
const PLAIN: f64 = 1.2;

/// `quota.exceeded` about the ResourceQuota; `admission.webhook_failed` about what keeps the webhook from being called; a
/// ServiceAccount that is missing is at fault itself; anything else that is refused is about the workload.
pub(super) fn refused(facts: &Facts<'_>) -> Vec<Candidate> {
    let causes = [
        (codes::QUOTA_LEAVES_NO_ROOM, confidence::QUOTA_EXCEEDED),
        (codes::QUOTA_EXCEEDED, confidence::QUOTA_EXCEEDED),
        (codes::CREATE_PODS_FAILED, confidence::CREATION_REFUSED),
    ];
    let plain = causes.into_iter().flat_map(|(code, cause)| stated::of_code(facts, code, cause));
    let accounts = stated::of_code(facts, codes::SERVICE_ACCOUNT_MISSING, confidence::CREATION_REFUSED);
    let webhooks = stated::of_code(facts, codes::WEBHOOK_FAILED, confidence::WEBHOOK_FAILED);
    plain
        .chain(accounts.into_iter().map(|candidate| candidate.times(PLAIN)))
        .chain(webhooks.into_iter().map(|candidate| served_by(facts, candidate)))
        .collect()
}

/// A webhook whose Service has nothing that answers: what is behind it is nearer the cause, and what is wrong there nearer
/// still.
fn served_by(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let service = candidate.object.clone();
    if service.kind != "Service" {
        return candidate;
    }
    let mut behind = facts.index.behind(&service).into_iter();
    let only = behind.next().filter(|_| behind.next().is_none());
    let ails = |workload: &crate::incident::ObjectRef| {
        let off = facts.about(workload, &[codes::SCALED_TO_ZERO]);
        facts.in_trouble(workload)
            || !off.is_empty()
            || !facts.about(&service, &[codes::NO_READY_ENDPOINTS]).is_empty()
    };
    let Some(workload) = only.filter(ails) else { return candidate };
    let off = facts.about(&workload, &[codes::SCALED_TO_ZERO]);
    let mut moved = candidate;
    (moved.object, moved.hearsay) = (workload.clone(), true);
    if !off.is_empty() {
        moved.statement =
            format!("{workload}, which serves the webhook, wants 0 replicas. {}", moved.statement);
    }
    moved.because(off).explaining([workload])
}
