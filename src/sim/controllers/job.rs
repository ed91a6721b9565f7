//! Job → Pods until enough have succeeded or too many have failed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{JOBS, PODS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{Report, World, fields};

const COMPONENT: &str = "job-controller";

pub(super) fn reconcile(world: &World) {
    for job in world.all(&JOBS) {
        let is_over = fields::is_true(&job, "Complete") || fields::is_true(&job, "Failed");
        if !meta::is_terminating(&job) && !is_over && !fields::flag(&job, "/spec/suspend") {
            sync(world, &job);
        }
    }
}

fn in_phase(owned: &[Arc<Value>], phase: &str) -> i64 {
    pods::count(owned.iter().filter(|pod| fields::text(pod, "/status/phase") == phase))
}

fn sync(world: &World, job: &Value) {
    let owned = world.controlled(&PODS, job);
    let (succeeded, failed) = (in_phase(&owned, "Succeeded"), in_phase(&owned, "Failed"));
    let completions = fields::int(job, "/spec/completions").unwrap_or(1);
    let limit = fields::int(job, "/spec/backoffLimit").unwrap_or(6);
    let restarts: i64 =
        owned.iter().filter_map(|p| fields::int(p, "/status/containerStatuses/0/restartCount")).sum();
    let active: Vec<&Arc<Value>> = owned.iter().filter(|pod| pods::is_active(pod)).collect();
    let exhausted = failed > limit
        || (restarts > limit && fields::text(job, "/spec/template/spec/restartPolicy") == "OnFailure");
    if succeeded < completions && !exhausted {
        let parallel = fields::int(job, "/spec/parallelism").unwrap_or(1);
        let room =
            (parallel - pods::count(active.iter())).min(completions - succeeded - pods::count(active.iter()));
        let labels = [("batch.kubernetes.io/job-name", meta::name(job)), ("job-name", meta::name(job))];
        for _ in 0..room.max(0) {
            let _ = pods::create(world, job, pods::from_template(job, &labels), COMPONENT);
        }
    } else if exhausted {
        for pod in active {
            pods::delete(world, job, pod, COMPONENT);
        }
    }
    write_status(world, job, succeeded >= completions, exhausted);
}

fn write_status(world: &World, job: &Value, complete: bool, exhausted: bool) {
    let owned = world.controlled(&PODS, job);
    let now = world.now();
    let (succeeded, failed) = (in_phase(&owned, "Succeeded"), in_phase(&owned, "Failed"));
    let active = pods::count(owned.iter().filter(|pod| pods::is_active(pod)));
    let ready = pods::count(owned.iter().filter(|pod| pods::is_active(pod) && pods::is_ready(pod)));
    world.modify(&JOBS, job, |job| {
        let started = job.pointer("/status/startTime").cloned().unwrap_or_else(|| meta::seconds(now).into());
        let conditions = job.pointer("/status/conditions").cloned();
        let mut status =
            json!({"startTime": started, "ready": ready, "terminating": 0, "uncountedTerminatedPods": {}});
        for (field, value) in [("/active", active), ("/succeeded", succeeded), ("/failed", failed)] {
            if value > 0 {
                fields::set(&mut status, field, value.into());
            }
        }
        if let Some(conditions) = conditions {
            fields::set(&mut status, "/conditions", conditions);
        }
        fields::set(job, "/status", status);
        let probe = json!(meta::seconds(now));
        if complete {
            fields::set(job, "/status/completionTime", meta::seconds(now).into());
            let message = "Reached expected number of succeeded pods";
            let condition =
                Condition { kind: "Complete", status: "True", reason: "CompletionsReached", message };
            fields::set_condition(job, condition, now, &[("lastProbeTime", probe)]);
        } else if exhausted {
            let message = "Job has reached the specified backoff limit";
            let condition =
                Condition { kind: "Failed", status: "True", reason: "BackoffLimitExceeded", message };
            fields::set_condition(job, condition, now, &[("lastProbeTime", probe)]);
        }
    });
    if complete {
        world.report(job, Report::normal(COMPONENT, "Completed", "Job completed"));
    } else if exhausted {
        let message = "Job has reached the specified backoff limit";
        world.report(job, Report::warning(COMPONENT, "BackoffLimitExceeded", message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    fn job(world: &World, limit: i64) -> Value {
        given(
            world,
            json!({
                "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "export", "namespace": "default"},
                "spec": {"backoffLimit": limit, "template": {"metadata": {}, "spec": {
                    "restartPolicy": "Never", "containers": [{"name": "e", "image": "e:1"}]}}},
            }),
        )
    }

    fn end_all(world: &World, phase: &str) {
        for pod in world.all(&PODS) {
            world.modify(&PODS, &pod, |pod| fields::set(pod, "/status/phase", phase.into()));
        }
    }

    #[test]
    fn a_job_completes_when_its_pod_does() {
        let world = empty_world();
        job(&world, 1);
        reconcile(&world);
        end_all(&world, "Succeeded");
        reconcile(&world);
        assert!(fields::is_true(&world.store.get(&JOBS, "default", "export").unwrap(), "Complete"));
        assert_eq!(world.all(&PODS).len(), 1);
    }

    #[test]
    fn a_job_fails_once_its_backoff_limit_is_reached() {
        let world = empty_world();
        job(&world, 1);
        for _ in 0..4 {
            reconcile(&world);
            end_all(&world, "Failed");
        }
        assert!(fields::is_true(&world.store.get(&JOBS, "default", "export").unwrap(), "Failed"));
        assert_eq!(world.all(&PODS).len(), 2, "the first try and one retry");
    }
}
