//! Programs that keep ending: after a rollout the rollout is the cause; else something else must say why.

use super::candidate::Candidate;
use super::rollout::{Rollout, healthy_before};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::{Facts, is_trouble};
use crate::diagnose::index::SYSTEM;
use crate::incident::{Evidence, ObjectRef};

/// What shows that containers of a workload end or cannot start.
pub(super) const CRASHES: &[Code] = &[
    codes::CRASH_LOOP,
    codes::RESTARTED,
    codes::EXITED,
    codes::KILLED,
    codes::SEGMENTATION_FAULT,
    codes::NOT_EXECUTABLE,
    codes::COMMAND_NOT_FOUND,
    codes::CREATE_FAILED,
    codes::RUNS_AS_ROOT,
    codes::WORKING_DIRECTORY,
    codes::EXEC_FORMAT,
    codes::MOUNT_INTO_CONTAINER,
];

/// What else may show that a revision does not work.
const STRUGGLES: &[Code] =
    &[codes::NOT_READY, codes::DEPLOYMENT_STUCK, codes::METRIC_ERRORS, codes::METRIC_LATENCY];

/// What crashing programs say.
const WORDS: &[Code] = &[
    codes::LOG_FATAL,
    codes::LOG_STACK_TRACE,
    codes::LOG_OUT_OF_MEMORY,
    codes::LOG_CONFIG_INVALID,
    codes::LOG_CONFIG_MISSING,
];

/// `deploy.bad_rollout` where a revision that is in trouble was just rolled out, else `workload.crash_loop`.
pub(super) fn crash_loop(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<_> = facts
        .by_workload(CRASHES)
        .into_iter()
        .filter_map(|(workload, trouble)| {
            let trouble: Vec<_> = trouble.into_iter().filter(|piece| is_trouble(piece)).collect();
            (!trouble.is_empty()).then(|| after_crash(facts, &workload, &trouble))
        })
        .collect();
    let struggling = facts.by_workload(STRUGGLES).into_keys();
    let calm = struggling.filter(|workload| facts.about(workload, CRASHES).is_empty());
    found.extend(calm.filter_map(|workload| struggling_rollout(facts, &workload)));
    found
}

fn after_crash(facts: &Facts<'_>, workload: &ObjectRef, trouble: &[&Evidence]) -> Candidate {
    let words = facts.about(workload, WORDS);
    let rollout = Rollout::behind(facts, workload, trouble);
    let candidate = match rollout {
        Some(rollout) => bad_rollout(facts, &rollout, trouble),
        None => unexplained(workload, trouble),
    };
    candidate.because(words)
}

fn bad_rollout(facts: &Facts<'_>, rollout: &Rollout<'_>, trouble: &[&Evidence]) -> Candidate {
    let workload = &rollout.change.object;
    let why = how(rollout.new.first().copied());
    let what = rollout.what(|field| field.path.contains("image") || field.path.contains("command"));
    let what = if what.is_empty() { String::new() } else { format!(" It changed {what}.") };
    let healthy = healthy_before(facts, rollout.change);
    let still = if healthy > 0 {
        format!(" {healthy} pods of the revision before are still Ready.")
    } else {
        String::new()
    };
    let statement = format!("{} does not run: {why}.{what}{still}", rollout.name());
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, workload.clone(), statement)
        .because(rollout.new.iter().copied())
        .because(trouble.iter().copied().filter(|piece| !rollout.old.iter().any(|old| old.id == piece.id)))
        .because_of(rollout.shown)
        .despite(rollout.old.iter().copied(), 0.6);
    let candidate = candidate.despite(broken_dependencies(facts, workload), 0.7);
    if healthy > 0 { candidate.times(1.03) } else { candidate }
}

fn how(crash: Option<&Evidence>) -> String {
    let Some(crash) = crash else { return "its containers keep ending".to_owned() };
    let container = crash.fields.get("container").map_or("a container", String::as_str);
    match crash.code.as_str() {
        code if code == codes::COMMAND_NOT_FOUND.name => {
            format!("the command of container {container} does not exist")
        }
        code if code == codes::NOT_EXECUTABLE.name => {
            format!("the command of container {container} cannot be executed")
        }
        _ => format!("container {container} keeps ending"),
    }
}

fn unexplained(workload: &ObjectRef, trouble: &[&Evidence]) -> Candidate {
    let telling = [codes::COMMAND_NOT_FOUND, codes::NOT_EXECUTABLE];
    let told = trouble.iter().any(|piece| telling.iter().any(|code| code.name == piece.code));
    let statement = format!(
        "Pods of {workload}: {}; no rollout within the hour before explains it.",
        how(trouble.first().copied())
    );
    let candidate =
        Candidate::new(confidence::CRASH_LOOP, workload.clone(), statement).because(trouble.iter().copied());
    let restarted_only = trouble.iter().all(|piece| piece.code == codes::RESTARTED.name);
    let candidate = if restarted_only { candidate.times(0.7) } else { candidate };
    let candidate = if told { candidate.confident(0.75) } else { candidate };
    if is_part_of_the_cluster(workload) { candidate.confident(OF_THE_CLUSTER) } else { candidate }
}

/// A part of the cluster itself that ends is nearer the cause than the programs that suffer from it.
const OF_THE_CLUSTER: f64 = 0.8;

/// Parts of the cluster that every program depends on.
const PARTS: [&str; 10] = [
    "kube-proxy",
    "coredns",
    "kube-dns",
    "calico",
    "cilium",
    "flannel",
    "kube-apiserver",
    "kube-scheduler",
    "kube-controller-manager",
    "etcd",
];

fn is_part_of_the_cluster(workload: &ObjectRef) -> bool {
    workload.namespace == SYSTEM && PARTS.iter().any(|part| workload.name.contains(part))
}

/// A rollout whose pods run and do worse than before, without a failing probe (that is for the probe rule).
fn struggling_rollout(facts: &Facts<'_>, workload: &ObjectRef) -> Option<Candidate> {
    let trouble: Vec<_> =
        facts.about(workload, STRUGGLES).into_iter().filter(|piece| is_trouble(piece)).collect();
    let rollout = Rollout::behind(facts, workload, &trouble)?;
    let what = rollout.what(|_| true);
    let statement =
        format!("{} runs and does not work as the one before. It changed {what}.", rollout.name());
    let candidate = Candidate::new(confidence::BAD_ROLLOUT, workload.clone(), statement)
        .times(0.85)
        .because(rollout.new.iter().copied())
        .because_of(rollout.shown)
        .despite(rollout.old.iter().copied(), 0.6);
    Some(candidate.despite(broken_dependencies(facts, workload), 0.6))
}

/// Complaints of the workload about something that is itself in trouble.
pub(super) fn broken_dependencies<'a>(facts: &Facts<'a>, workload: &ObjectRef) -> Vec<&'a Evidence> {
    let complaints = facts.about(workload, super::dependency::COMPLAINTS);
    let broken = |piece: &&Evidence| {
        super::dependency::named(piece)
            .is_some_and(|dependency| super::dependency::is_broken(facts, &dependency))
    };
    complaints.into_iter().filter(broken).collect()
}
