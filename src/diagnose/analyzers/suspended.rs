//! Jobs and CronJobs that are suspended while a program says, again and again, that their work is missing.
//!
//! People suspend them for good reasons, and then nobody misses them. What is missed is told by its name: the words that the
//! Job is called by stand in a warning of somebody else.

use jiff::Timestamp;

use crate::diagnose::codes;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;
use crate::observe::{LogLevel, LogPattern};

/// Fewer lines are a remark.
const AGAIN: u64 = 5;

/// Words that say nothing of what a Job does.
const PLAIN: [&str; 16] = [
    "job", "jobs", "cron", "cronjob", "task", "run", "runner", "worker", "daily", "hourly", "weekly",
    "nightly", "monthly", "prod", "the", "and",
];

/// By this label a queue suspends Jobs until it is their turn.
const QUEUED: &str = "kueue.x-k8s.io/queue-name";

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let objects = &index.snapshot.objects;
    let cron_jobs = objects.cron_jobs.iter().filter(|job| job.spec.suspend == Some(true)).filter_map(|job| {
        let last = job.status.as_ref()?.last_schedule_time.as_ref()?.0;
        Some(suspended(index, object_ref(job), Some(last)))
    });
    let jobs = objects.jobs.iter().filter(|job| {
        let queued = job.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(QUEUED));
        let done = job.status.as_ref().is_some_and(|status| status.completion_time.is_some());
        job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true) && !queued && !done
    });
    let own = jobs.filter(|job| index.owner(&job.metadata).is_none());
    let jobs = own.filter_map(|job| {
        let finding = suspended(index, object_ref(job), None);
        finding.fields.contains_key("missed_by").then_some(finding)
    });
    cron_jobs.chain(jobs).collect()
}

fn suspended(index: &Index<'_>, name: ObjectRef, last: Option<Timestamp>) -> Finding {
    let ran = last.map(|last| format!("; it ran last at {last}")).unwrap_or_default();
    let missed = index.snapshot.log_patterns.iter().filter(|line| misses(line, &name));
    let Some(missed) = missed.max_by_key(|line| (line.count, &line.sample)) else {
        let statement = format!("{name} is suspended{ran}");
        return Finding::new(codes::CRON_JOB_SUSPENDED, name, statement)
            .strength(0.3)
            .field("spec.suspend", true);
    };
    let caller = index.workload_of(&missed.source);
    let statement = format!(
        "{name} is suspended{ran}, and {caller} misses it ({} lines): {}",
        missed.count, missed.sample
    );
    Finding::new(codes::CRON_JOB_SUSPENDED, name, statement)
        .strength(0.65)
        .field("spec.suspend", true)
        .field("missed_by", &caller)
        .hinders(&caller)
}

/// Whether a warning that is made again and again has the words of a name in it, two at least where it has so many.
fn misses(line: &LogPattern, name: &ObjectRef) -> bool {
    let serious = line.level.is_some_and(|level| level >= LogLevel::Warning);
    if !serious || line.count < AGAIN || line.namespace != name.namespace {
        return false;
    }
    let words = |text: &str| -> Vec<String> {
        let split = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        split.filter(|word| word.len() > 1).map(str::to_ascii_lowercase).collect()
    };
    let said = words(&line.sample);
    let own: Vec<_> = words(&name.name).into_iter().filter(|word| !PLAIN.contains(&word.as_str())).collect();
    let alike = |one: &str, other: &str| {
        one == other || one.strip_suffix('s') == Some(other) || other.strip_suffix('s') == Some(one)
    };
    let found = own.iter().filter(|word| said.iter().any(|other| alike(word, other))).count();
    found >= 2 && found + 1 >= own.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::{LogLevel, LogPattern};

    fn says(sample: &str, count: u64, level: LogLevel) -> LogPattern {
        LogPattern {
            namespace: "shop".to_owned(),
            source: ObjectRef::new("Deployment", "shop", "web"),
            template: sample.to_owned(),
            sample: sample.to_owned(),
            count,
            stack_trace: None,
            trace_excerpt: None,
            first_seen: Some(ago(50)),
            last_seen: Some(ago(1)),
            level: Some(level),
            around_onset: None,
            trend: None,
        }
    }

    fn world(suspend: bool, line: LogPattern) -> World {
        let mut world = World::new().deployment("web", 1);
        let template: Value = json!({"spec": {"template": {"spec": {"containers": []}}}});
        world.snapshot.objects.cron_jobs.push(object(json!({
            "metadata": {"namespace": "shop", "name": "stock-levels-import"},
            "spec": {"schedule": "*/10 * * * *", "suspend": suspend, "jobTemplate": template},
            "status": {"lastScheduleTime": ago(3000).to_string()}})));
        world.snapshot.objects.jobs.push(object(json!({
            "metadata": {"namespace": "shop", "name": "index-rebuild-2030"},
            "spec": {"suspend": suspend, "template": {"spec": {"containers": []}}}})));
        world.snapshot.log_patterns.push(line);
        world
    }

    fn at_fault(world: &World) -> Vec<String> {
        world.causes().into_iter().map(|(_, object, _)| object).collect()
    }

    #[test]
    fn what_is_suspended_and_missed_again_and_again_is_the_cause() {
        let stale = says("stock levels are 50h old, refusing orders", 40, LogLevel::Error);
        assert_eq!(at_fault(&world(true, stale)), ["CronJob shop/stock-levels-import"]);
        let waits = says("waiting: index for 2030 not rebuilt", 40, LogLevel::Warning);
        assert_eq!(at_fault(&world(true, waits)), ["Job shop/index-rebuild-2030"]);
    }

    #[test]
    fn what_nobody_misses_or_what_runs_is_left_alone() {
        let stale = |count, level| says("stock levels are 50h old, refusing orders", count, level);
        for (suspend, line) in [
            (false, stale(40, LogLevel::Error)),
            (true, stale(2, LogLevel::Error)),
            (true, stale(40, LogLevel::Info)),
            (true, says("stock of item 7 is low", 40, LogLevel::Error)),
        ] {
            assert_eq!(at_fault(&world(suspend, line)), Vec::<String>::new());
        }
    }
}
