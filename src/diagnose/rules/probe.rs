//! Probes that fail although the program runs.

use super::candidate::Candidate;
use super::rollout::Rollout;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::incident::{Evidence, ObjectRef};

const PROBES: &[Code] = &[codes::LIVENESS_FAILING, codes::STARTUP_FAILING, codes::READINESS_FAILING];

/// What is wrong with a probe.
const VERDICTS: &[Code] = &[
    codes::LIVENESS_WRONG_PROTOCOL,
    codes::STARTUP_WRONG_PROTOCOL,
    codes::READINESS_WRONG_PROTOCOL,
    codes::LIVENESS_WRONG_COMMAND,
    codes::STARTUP_WRONG_COMMAND,
    codes::READINESS_WRONG_COMMAND,
    codes::LIVENESS_WRONG_PORT,
    codes::STARTUP_WRONG_PORT,
    codes::READINESS_WRONG_PORT,
    codes::LIVENESS_WRONG_PATH,
    codes::STARTUP_WRONG_PATH,
    codes::READINESS_WRONG_PATH,
    codes::LIVENESS_IMPATIENT,
    codes::STARTUP_IMPATIENT,
    codes::READINESS_IMPATIENT,
];

/// What shows that the program itself ends; then its probes fail because of that.
const ENDS: &[Code] = &[
    codes::EXITED,
    codes::OOM_KILLED,
    codes::SEGMENTATION_FAULT,
    codes::NOT_EXECUTABLE,
    codes::COMMAND_NOT_FOUND,
    codes::CREATE_FAILED,
    codes::RUNS_AS_ROOT,
    codes::WORKING_DIRECTORY,
    codes::EXEC_FORMAT,
    codes::MOUNT_INTO_CONTAINER,
];

/// `deploy.bad_rollout` where the failing revision was just rolled out, else `probe.failing`.
pub(super) fn failing(facts: &Facts<'_>) -> Vec<Candidate> {
    let failing = facts.by_workload(PROBES).into_iter();
    failing.filter_map(|(workload, evidence)| candidate(facts, &workload, &evidence)).collect()
}

fn candidate(facts: &Facts<'_>, workload: &ObjectRef, evidence: &[&Evidence]) -> Option<Candidate> {
    let evidence: Vec<_> = evidence.iter().copied().filter(|piece| is_trouble(piece)).collect();
    let first = *evidence.first()?;
    let verdicts = facts.about(workload, VERDICTS);
    if verdicts.is_empty() && !facts.about(workload, ENDS).is_empty() {
        return None;
    }
    let probe = first.fields.get("probe").map(|probe| format!(" ({probe})")).unwrap_or_default();
    let (kind, effect) = kind(&first.code);
    let support = facts.about(
        workload,
        &[codes::KILLED, codes::TERMINATED, codes::CRASH_LOOP, codes::RESTARTED, codes::NOT_READY],
    );
    let Some(rollout) = Rollout::behind(facts, workload, &evidence) else {
        let cause =
            if verdicts.is_empty() { confidence::PROBE_FAILING } else { confidence::PROBE_MISCONFIGURED };
        let why = verdicts.first().and_then(|verdict| verdict.statement.split_once(": "));
        let why = why.map(|(_, why)| format!(" {why}.")).unwrap_or_default();
        let statement = format!("The {kind} probe of {workload}{probe} fails, {effect}.{why}");
        let candidate = Candidate::new(cause, workload.clone(), statement);
        let broken =
            if verdicts.is_empty() { super::crash::broken_dependencies(facts, workload) } else { Vec::new() };
        let candidate = candidate.despite(broken, 0.7);
        return Some(candidate.because(evidence).because(verdicts).because(support));
    };
    let what = rollout.what(|field| field.path.contains("Probe") || field.path.contains("port"));
    let statement = format!("{} fails its {kind} probe{probe}, {effect}. It changed {what}.", rollout.name());
    let sure = if rollout.touches("Probe") { 1.03 } else { 0.9 };
    Some(
        Candidate::new(confidence::BAD_ROLLOUT, workload.clone(), statement)
            .times(sure)
            .because(rollout.new.iter().copied())
            .because(verdicts)
            .because(support)
            .because_of(rollout.shown)
            .despite(rollout.old.iter().copied(), 0.6)
            .despite(complaints(facts, workload), 0.8),
    )
}

/// A probe often fails because the program waits for a dependency.
fn complaints<'a>(facts: &Facts<'a>, workload: &ObjectRef) -> Vec<&'a Evidence> {
    facts.about(workload, super::dependency::COMPLAINTS)
}

fn kind(code: &str) -> (&'static str, &'static str) {
    match code {
        code if code == codes::LIVENESS_FAILING.name => ("liveness", "so the kubelet keeps killing it"),
        code if code == codes::STARTUP_FAILING.name => ("startup", "so the kubelet keeps killing it"),
        _ => ("readiness", "so it gets no traffic"),
    }
}
