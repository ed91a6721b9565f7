//! CronJobs that start no Jobs: blocked by one that does not end, or with a schedule that cannot be used.
//!
//! That just one Job is running is how people want it; what counts is that it runs for many times as long as the schedule
//! waits, or that its work is done and its pod is not.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ContainerStatus;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;

/// A Job that was in the way so many times does not end by itself.
const MANY: i32 = 5;

/// A Job that runs for so long while others wait hangs.
const LONG: SignedDuration = SignedDuration::from_hours(3);

/// A sidecar may take so long to notice that the work is done.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// What the controller says of schedules that it cannot use, and of starts that it missed.
const UNUSABLE: [&str; 4] =
    ["UnParseableCronJobSchedule", "UnparseableSchedule", "InvalidSchedule", "UnknownTimeZone"];
const MISSED: [&str; 3] = ["TooManyMissedTimes", "FailedNeedsStart", "MissSchedule"];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let jobs = index.snapshot.objects.cron_jobs.iter();
    let found = jobs.flat_map(|job| [blocked(index, job), unusable(index, job)]).flatten();
    found.chain(held_jobs(index)).collect()
}

fn blocked(index: &Index<'_>, cron_job: &CronJob) -> Option<Finding> {
    let spec = &cron_job.spec;
    if spec.concurrency_policy.as_deref() != Some("Forbid") {
        return None;
    }
    let name = object_ref(cron_job);
    let events = index.events(&name).filter(|event| event.reason.as_deref() == Some("JobAlreadyActive"));
    let times: i32 = events.map(|event| event.count.unwrap_or(1)).sum();
    let running = index
        .snapshot
        .objects
        .jobs
        .iter()
        .find(|job| is_active(job) && index.owner(&job.metadata).as_ref() == Some(&name))?;
    let started = running.status.as_ref()?.start_time.as_ref()?.0;
    let age = index.snapshot.taken_at.duration_since(started);
    if let Some((done, left)) = held_open(index, running).filter(|_| times > 1) {
        let statement = format!(
            "{name} starts no more Jobs: in {} container {done} has done its work and container {left}, which does not end by itself, keeps the pod running",
            object_ref(running)
        );
        let finding = Finding::new(codes::CRON_JOB_HELD_OPEN, name, statement).at(Some(started));
        return Some(finding.field("container", left).field("done", done).field("times", times));
    }
    if times < MANY || age < LONG {
        return None;
    }
    let job = object_ref(running);
    let statement = format!(
        "{job} of {name} runs for {} minutes and kept {times} others from starting (concurrencyPolicy Forbid)",
        age.as_mins()
    );
    let finding = Finding::new(codes::CRON_JOB_BLOCKED, job, statement).at(Some(started));
    Some(finding.field("cron_job", &name.name).field("schedule", &spec.schedule).field("times", times))
}

/// The container of a Job's pod that has done its work a while ago, and one beside it that still runs: the pod does not
/// complete before both have. Sidecars that are told to be such are ended by the kubelet.
fn held_open<'a>(index: &Index<'a>, job: &Job) -> Option<(&'a str, &'a str)> {
    let found = index.pods_of(&object_ref(job)).iter().filter_map(|pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
        let ended = |own: &&ContainerStatus| {
            let end = own.state.as_ref().and_then(|state| state.terminated.as_ref());
            let at = end.filter(|end| end.exit_code == 0).and_then(|end| end.finished_at.as_ref());
            at.is_some_and(|at| index.snapshot.taken_at.duration_since(at.0) > PATIENCE)
        };
        let runs = |own: &&ContainerStatus| own.state.as_ref().is_some_and(|state| state.running.is_some());
        Some((statuses.iter().find(ended)?.name.as_str(), statuses.iter().find(runs)?.name.as_str()))
    });
    found.min()
}

/// Names of containers that serve the one beside them and do not end by themselves.
const SIDECARS: [&str; 12] = [
    "proxy",
    "envoy",
    "istio",
    "linkerd",
    "sidecar",
    "agent",
    "exporter",
    "fluent",
    "vector",
    "collector",
    "tunnel",
    "logger",
];

fn only_sidecars_run(index: &Index<'_>, job: &Job) -> bool {
    let pods = index.pods_of(&object_ref(job)).iter();
    let statuses =
        pods.flat_map(|pod| pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()));
    let mut running = statuses.filter(|own| own.state.as_ref().is_some_and(|state| state.running.is_some()));
    running.all(|own| SIDECARS.iter().any(|word| own.name.contains(word)))
}

/// Jobs that others do not wait for, and whose pods a sidecar keeps running: alone, or one beside the other.
fn held_jobs<'a>(index: &'a Index<'_>) -> impl Iterator<Item = Finding> + 'a {
    let held = index.snapshot.objects.jobs.iter().filter(|job| is_active(job)).filter_map(|job| {
        let (done, left) = held_open(index, job)?;
        only_sidecars_run(index, job).then(|| (object_ref(job), origin(index, &object_ref(job)), done, left))
    });
    let mut alike: BTreeMap<ObjectRef, Vec<(ObjectRef, &str, &str)>> = BTreeMap::new();
    for (job, owner, done, left) in held {
        alike.entry(owner).or_default().push((job, done, left));
    }
    let found = alike.into_iter().filter(|(owner, jobs)| owner.kind == "Job" || jobs.len() > 1);
    found.filter_map(|(owner, jobs)| {
        let (job, done, left) = jobs.into_iter().min()?;
        let statement = format!(
            "{job} does not end: container {done} has done its work, and container {left}, which does not end by itself, keeps the pod running"
        );
        let finding = Finding::new(codes::CRON_JOB_HELD_OPEN, owner, statement);
        Some(finding.field("container", left).field("done", done))
    })
}

fn is_active(job: &Job) -> bool {
    job.status.as_ref().is_some_and(|status| status.active.unwrap_or(0) > 0)
}

fn unusable(index: &Index<'_>, cron_job: &CronJob) -> Option<Finding> {
    let name = object_ref(cron_job);
    let spec = Some(&cron_job.spec).filter(|spec| spec.suspend != Some(true))?;
    let mut told = index.events(&name).filter_map(|event| {
        let reason = event.reason.as_deref()?;
        let code = if UNUSABLE.contains(&reason) {
            codes::CRON_JOB_SCHEDULE
        } else if MISSED.contains(&reason) {
            codes::CRON_JOB_MISSED
        } else {
            return None;
        };
        Some((code, event))
    });
    let (code, event) = told.next()?;
    let message = event.message.as_deref().unwrap_or_default();
    let statement = format!("{name} starts no Jobs: {message}");
    let since = event.first_timestamp.as_ref().map(|time| time.0);
    let finding = Finding::new(code, name, statement).at(since).field("schedule", &spec.schedule);
    Some(finding.field_if("time_zone", spec.time_zone.as_ref()))
}

/// The CronJob that made a Job, else the Job.
pub(in crate::diagnose) fn origin(index: &Index<'_>, job: &ObjectRef) -> ObjectRef {
    let owner = index.job(job).and_then(|job| index.owner(&job.metadata));
    owner.filter(|owner| owner.kind == "CronJob").unwrap_or_else(|| job.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};

    fn world(spec: &Value, hours: i64, times: i32, reason: &str) -> World {
        let mut world = World::new();
        let owner = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "sync", "uid": "u", "controller": true}]);
        let mut whole = json!({"schedule": "*/10 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}});
        json_patch::merge(&mut whole, spec);
        let objects = &mut world.snapshot.objects;
        objects
            .cron_jobs
            .push(object(json!({"metadata": {"namespace": "shop", "name": "sync"}, "spec": whole,
            "status": {"lastScheduleTime": ago(hours * 60).to_string()}})));
        objects.jobs.push(object(
            json!({"metadata": {"namespace": "shop", "name": "sync-1", "ownerReferences": owner},
            "status": {"active": 1, "startTime": ago(hours * 60).to_string()}}),
        ));
        objects.events.push(object(
            json!({"metadata": {}, "involvedObject": {"kind": "CronJob", "namespace": "shop", "name": "sync"},
            "type": "Warning", "reason": reason, "message": "told by a test", "count": times,
            "lastTimestamp": ago(1).to_string()}),
        ));
        world
    }

    #[test]
    fn a_job_that_hangs_and_keeps_others_from_starting_is_the_cause() {
        let forbid = json!({"concurrencyPolicy": "Forbid"});
        let causes = world(&forbid, 26, 6, "JobAlreadyActive").causes();
        assert_eq!((causes[0].0.as_str(), causes[0].1.as_str()), ("cronjob.not_starting", "Job shop/sync-1"));
        assert_eq!(world(&forbid, 1, 6, "JobAlreadyActive").causes(), [], "it may just be slow");
        assert_eq!(world(&forbid, 26, 1, "JobAlreadyActive").causes(), []);
        assert_eq!(world(&json!({}), 26, 6, "JobAlreadyActive").causes(), []);
    }

    #[test]
    fn a_sidecar_that_outlives_the_work_of_a_job_is_the_cron_jobs_fault() {
        let beside = |ended: i64, code: i32, state: &Value| {
            let mut world = world(&json!({"concurrencyPolicy": "Forbid"}), 1, 6, "JobAlreadyActive");
            let work = json!({"terminated": {"exitCode": code, "reason": "Completed", "finishedAt": ago(ended).to_string()}});
            let status = |name: &str, state: &Value| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            world.snapshot.objects.pods.push(object(json!({
                "metadata": {"namespace": "shop", "name": "sync-1-x",
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "sync-1", "uid": "j", "controller": true}]},
                "spec": {"containers": [{"name": "work"}, {"name": "tunnel"}]},
                "status": {"phase": "Running", "containerStatuses": [status("work", &work), status("tunnel", state)]}})));
            world.causes().first().map(|(code, object, _)| format!("{code} {object}"))
        };
        let runs = json!({"running": {}});
        let held_open = Some("cronjob.not_starting CronJob shop/sync");
        assert_eq!(beside(40, 0, &runs).as_deref(), held_open);
        assert_eq!(beside(2, 0, &runs), None, "it may be about to end");
        assert_ne!(beside(40, 1, &runs).as_deref(), held_open);
        assert_eq!(beside(40, 0, &json!({"terminated": {"exitCode": 0, "reason": "Completed"}})), None);
    }

    #[test]
    fn a_job_that_its_sidecar_keeps_open_is_told_though_nothing_waits_for_it() {
        let beside = |left: &str, ended: i64| {
            let mut world = World::new();
            world.snapshot.objects.jobs.push(object(
                json!({"metadata": {"namespace": "shop", "name": "once"}, "status": {"active": 1}}),
            ));
            let status = |name: &str, state: Value| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": ago(ended).to_string()}});
            world.snapshot.objects.pods.push(object(json!({
                "metadata": {"namespace": "shop", "name": "once-x",
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "once", "uid": "j", "controller": true}]},
                "spec": {"containers": [{"name": "work"}, {"name": left}]},
                "status": {"phase": "Running", "containerStatuses": [status("work", done), status(left, json!({"running": {}}))]}})));
            world.causes().first().map(|(_, object, _)| object.clone())
        };
        assert_eq!(beside("mesh-proxy", 40).as_deref(), Some("Job shop/once"));
        assert_eq!(beside("mesh-proxy", 2), None, "it may be about to end");
        assert_eq!(beside("second-half", 40), None, "it may have work of its own");
    }

    #[test]
    fn a_schedule_that_cannot_be_used_is_the_cause_unless_the_cron_job_is_suspended() {
        let none = json!({});
        for reason in ["UnparseableSchedule", "UnknownTimeZone", "TooManyMissedTimes"] {
            let causes = world(&none, 1, 1, reason).causes();
            assert_eq!(causes[0].1, "CronJob shop/sync", "{reason}");
        }
        assert_eq!(world(&none, 1, 1, "SuccessfulCreate").causes(), []);
        assert_eq!(world(&json!({"suspend": true}), 1, 1, "UnknownTimeZone").causes(), []);
    }
}
