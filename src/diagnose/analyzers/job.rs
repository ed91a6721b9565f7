//! Jobs that gave up.

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};

/// Failed Jobs stay until somebody deletes them; one that failed longer ago is history.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let failed = index.snapshot.objects.jobs.iter().filter_map(|job| check(index, job));
    failed.collect()
}

fn check(index: &Index<'_>, job: &Job) -> Option<Finding> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let failed =
        conditions.iter().find(|condition| condition.type_ == "Failed" && condition.status == "True")?;
    let since = failed.last_transition_time.as_ref().map(|time| time.0);
    if since.is_some_and(|since| index.snapshot.taken_at.duration_since(since) > RECENT)
        || succeeded_since(index, job)
    {
        return None;
    }
    let name = object_ref(job);
    let reason = failed.reason.as_deref().unwrap_or_default();
    let message = failed.message.as_deref().unwrap_or_default();
    let statement = format!("{name} failed: {reason}: {message}");
    let finding = Finding::new(codes::JOB_FAILED, name, statement).at(since);
    Some(
        finding
            .field("reason", reason)
            .field_if("failed_pods", job.status.as_ref().and_then(|status| status.failed)),
    )
}

/// Whether the same CronJob has completed a younger Job: then the failure is over.
fn succeeded_since(index: &Index<'_>, job: &Job) -> bool {
    let Some(owner) = index.owner(&job.metadata) else { return false };
    let created = job.metadata.creation_timestamp.as_ref();
    index.snapshot.objects.jobs.iter().any(|other| {
        let completed = other.status.as_ref().is_some_and(|status| status.succeeded.unwrap_or(0) > 0);
        let younger = other.metadata.creation_timestamp.as_ref() > created;
        completed && younger && index.owner(&other.metadata).as_ref() == Some(&owner)
    })
}
