//! Controllers that are refused when they create pods: quotas, admission webhooks, policies.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Event;

use super::refusal;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, last_seen, object_ref};
use crate::incident::ObjectRef;

/// A CronJob that was refused longer ago has tried again since.
const RECENT: SignedDuration = SignedDuration::from_hours(2);

/// Conditions of ReplicaSets that want pods, and FailedCreate events of StatefulSets, DaemonSets, Jobs and CronJobs, which have
/// no such condition.
pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    let wants_pods = objects
        .replica_sets
        .iter()
        .filter(|set| set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1) > 0);
    let conditions = wants_pods.filter_map(|set| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        let failure =
            conditions.iter().find(|found| found.type_ == "ReplicaFailure" && found.status == "True")?;
        let since = failure.last_transition_time.as_ref().map(|time| time.0);
        Some(refusal::finding(index, &object_ref(set), failure.message.as_deref().unwrap_or_default(), since))
    });
    let events = objects.events.iter().filter_map(|event| from_event(index, event));
    conditions.chain(events).collect()
}

fn from_event(index: &Index<'_>, event: &Event) -> Option<Finding> {
    let about = &event.involved_object;
    if about.kind.as_deref() == Some("CronJob") {
        return of_cron_job(index, event);
    }
    let kind = about.kind.as_deref().filter(|kind| ["StatefulSet", "DaemonSet", "Job"].contains(kind))?;
    if event.reason.as_deref() != Some("FailedCreate") {
        return None;
    }
    let object = ObjectRef::new(kind, about.namespace.as_deref()?, about.name.as_deref()?);
    let pods = index.pods_of(&object);
    let wanted = index.template(&object)?.replicas;
    let enough = kind != "DaemonSet" && i32::try_from(pods.len()).is_ok_and(|pods| pods >= wanted);
    let since = event.first_timestamp.as_ref().map(|time| time.0);
    (!enough).then(|| refusal::finding(index, &object, event.message.as_deref().unwrap_or_default(), since))
}

/// A CronJob that may not create its Job, and has created none since.
fn of_cron_job(index: &Index<'_>, event: &Event) -> Option<Finding> {
    let about = &event.involved_object;
    let message = event.message.as_deref().unwrap_or_default();
    let refused =
        message.contains("forbidden") || message.contains("denied") || message.contains("failed calling");
    let last = last_seen(event)?;
    let recent = index.snapshot.taken_at.duration_since(last) <= RECENT;
    if event.reason.as_deref() != Some("FailedCreate") || !refused || !recent {
        return None;
    }
    let object = ObjectRef::new("CronJob", about.namespace.as_deref()?, about.name.as_deref()?);
    let jobs = index.snapshot.objects.jobs.iter();
    let mut own = jobs.filter(|job| index.owner(&job.metadata).as_ref() == Some(&object));
    let since = own.any(|job| job.metadata.creation_timestamp.as_ref().is_some_and(|made| made.0 > last));
    let first = event.first_timestamp.as_ref().map(|time| time.0);
    (!since).then(|| refusal::finding(index, &object, message, first))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};

    /// A CronJob that was refused so many minutes ago, and a Job of it that was made so many minutes ago.
    fn world(refused: i64, message: &str, job: i64) -> World {
        let mut world = World::new();
        let owner = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "u", "controller": true}]);
        let objects = &mut world.snapshot.objects;
        objects.jobs.push(object(
            json!({"metadata": {"namespace": "shop", "name": "report-1", "ownerReferences": owner,
            "creationTimestamp": ago(job).to_string()}, "status": {"succeeded": 1}}),
        ));
        objects.events.push(object(
            json!({"metadata": {}, "type": "Warning", "reason": "FailedCreate", "message": message,
            "involvedObject": {"kind": "CronJob", "namespace": "shop", "name": "report"},
            "firstTimestamp": ago(600).to_string(), "lastTimestamp": ago(refused).to_string()}),
        ));
        world
    }

    const FULL: &str = "Error creating job: jobs.batch \"report-2\" is forbidden: exceeded quota: jobs, requested: \
        count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5";

    #[test]
    fn a_cron_job_that_a_quota_refuses_its_jobs_points_at_the_quota() {
        let causes = world(10, FULL, 700).causes();
        assert_eq!(
            (causes[0].0.as_str(), causes[0].1.as_str()),
            ("quota.exceeded", "ResourceQuota shop/jobs")
        );
    }

    #[test]
    fn a_cron_job_that_was_let_in_since_or_failed_otherwise_is_left_alone() {
        assert_eq!(world(10, FULL, 5).causes(), []);
        assert_eq!(world(300, FULL, 700).causes(), []);
        assert_eq!(
            world(10, "Error creating job: the server was unable to return a response", 700).causes(),
            []
        );
    }
}
