//! Whose fault it is what a Job of a CronJob is made of.

use super::candidate::Candidate;
use crate::diagnose::analyzers::job_origin;
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::Facts;

/// Causes about one Job by itself: it hangs, or holds something.
const OF_ONE_RUN: [Cause; 3] =
    [confidence::CRON_JOB_STOPPED, confidence::DATABASE_LOCKED, confidence::STUCK_TERMINATING];

/// The candidate about the CronJob where it was about one of its Jobs: they are made anew from it, with the same fault.
pub(super) fn of_template(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    let one_run = OF_ONE_RUN.iter().any(|cause| cause.code == candidate.code());
    if candidate.object.kind == "Job" && !one_run {
        candidate.object = job_origin(facts.index, &candidate.object);
        candidate.explains.insert(candidate.object.clone());
    }
    candidate
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object, waiting};

    /// A pod of a Job, of a CronJob where it has one, whose image is not there.
    fn blamed(of_cron_job: bool) -> Option<String> {
        let owner = |kind: &str, name: &str| json!([{"apiVersion": "batch/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
        let mut world = World::new().node("node-1", "True");
        let objects = &mut world.snapshot.objects;
        let owners = if of_cron_job { owner("CronJob", "dump") } else { json!([]) };
        let spec = json!({"nodeName": "node-1", "containers": [{"name": "app"}]});
        objects.jobs.push(object(json!({
            "metadata": {"namespace": "shop", "name": "dump-1", "ownerReferences": owners},
            "spec": {"template": {"spec": spec}}})));
        objects.pods.push(object(json!({
            "metadata": {"namespace": "shop", "name": "dump-1-x", "creationTimestamp": ago(20), "ownerReferences": owner("Job", "dump-1")},
            "spec": spec, "status": waiting("ImagePullBackOff", "manifest unknown: not found")})));
        world.causes().into_iter().next().map(|(_, object, _)| object)
    }

    #[test]
    fn what_a_run_does_is_the_cron_jobs_fault_and_what_a_job_does_its_own() {
        assert_eq!(blamed(true).as_deref(), Some("CronJob shop/dump"));
        assert_eq!(blamed(false).as_deref(), Some("Job shop/dump-1"));
    }
}
