//! Jobs that gave up, and CronJobs that start none.

use super::candidate::Candidate;
use super::stated;
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::incident::{Evidence, ObjectRef};

/// `job.failed` about the Job, with what its pods said.
pub(super) fn failed(facts: &Facts<'_>) -> Vec<Candidate> {
    let failed = facts.with(&[codes::JOB_FAILED]);
    let support = [codes::EXITED, codes::LOG_FATAL, codes::LOG_STACK_TRACE, codes::CRASH_LOOP];
    let candidate = |piece: &Evidence| {
        Candidate::new(confidence::JOB_FAILED, piece.object.clone(), piece.statement.as_str())
            .because([piece])
            .because(facts.about(&piece.object, &support))
    };
    failed.map(candidate).chain(not_starting(facts)).collect()
}

/// `cronjob.not_starting` about the CronJob, or the Job that is in its way.
fn not_starting(facts: &Facts<'_>) -> Vec<Candidate> {
    let kinds = [
        codes::CRON_JOB_BLOCKED,
        codes::CRON_JOB_HELD_OPEN,
        codes::CRON_JOB_SCHEDULE,
        codes::CRON_JOB_MISSED,
        codes::CRON_JOB_SUSPENDED,
    ];
    let candidate = |piece: &Evidence| {
        let cron_job = piece.fields.get("cron_job");
        let blocked = cron_job.map(|name| ObjectRef::new("CronJob", piece.object.namespace.as_str(), name));
        let sure = if piece.code == codes::CRON_JOB_SUSPENDED.name { 0.85 } else { 1.0 };
        Candidate::new(confidence::CRON_JOB_STOPPED, piece.object.clone(), piece.statement.as_str())
            .times(sure)
            .because([piece])
            .explaining(blocked)
            .explaining(stated::workload(piece))
    };
    facts.with(&kinds).filter(|piece| is_trouble(piece)).map(candidate).collect()
}
