//! Programs that their surroundings keep from running: a port that is taken, a volume that they may not use or that cannot be
//! mounted, a disk that is full, a security context that forbids what they do, a command line that they do not understand.

use std::collections::{BTreeMap, BTreeSet};

use super::agent::{self, Agent};
use super::candidate::Candidate;
use super::rollout::Rollout;
use super::volume;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence::{self, Cause};
use crate::diagnose::facts::{Facts, is_trouble};
use crate::incident::{Evidence, ObjectRef};

/// What shows that a program ended by itself, or does not come up: then what it says of its surroundings is why.
const GIVES_UP: [Code; 9] = [
    codes::EXITED,
    codes::CRASH_LOOP,
    codes::RESTARTED,
    codes::CREATE_FAILED,
    codes::NOT_EXECUTABLE,
    codes::COMMAND_NOT_FOUND,
    codes::EXEC_FORMAT,
    codes::RUNS_AS_ROOT,
    codes::NOT_READY,
];

/// What the kubelet says by itself: it needs no other sign.
const STATED: [Code; 9] = [
    codes::POD_REJECTED,
    codes::EXEC_FORMAT,
    codes::RUNS_AS_ROOT,
    codes::WORKING_DIRECTORY,
    codes::MOUNT_INTO_CONTAINER,
    codes::MOUNT_DENIED,
    codes::MOUNT_PATH,
    codes::VOLUME_BUSY,
    codes::MOUNT_FAILED,
];

/// What programs say.
const SAID: [Code; 6] = [
    codes::LOG_EXEC_FORMAT,
    codes::LOG_PORT_TAKEN,
    codes::LOG_BIND_DENIED,
    codes::LOG_PERMISSION,
    codes::LOG_READ_ONLY_FILES,
    codes::LOG_BAD_ARGUMENT,
];

/// What exit codes and the runtime say of a command.
const COMMANDS: [Code; 2] = [codes::COMMAND_NOT_FOUND, codes::NOT_EXECUTABLE];

/// A line that is followed by so many more was hardly the last straw.
const LAST_WORDS: usize = 15;

/// One candidate for each cause of each workload; a full disk is about the claim or node where it can be told.
pub(super) fn keep_from_running(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: BTreeMap<(&str, ObjectRef), (Cause, Vec<&Evidence>)> = BTreeMap::new();
    let said = facts.with(&SAID).filter(|piece| is_trouble(piece) && gives_up(facts, piece));
    let commands = facts.with(&COMMANDS).filter(|piece| is_trouble(piece));
    for piece in facts.with(&STATED).chain(said).chain(commands) {
        let workload = facts.index.workload_of(&piece.object);
        let cause = cause(piece);
        let entry = found.entry((cause.code, workload)).or_insert((cause, Vec::new()));
        entry.1.push(piece);
    }
    let candidates = found.into_iter();
    let mut candidates: Vec<_> = candidates
        .filter_map(|((_, workload), (cause, told))| candidate(facts, &workload, cause, &told))
        .collect();
    candidates.extend(full_disks(facts));
    candidates.extend(silent_conflicts(facts));
    candidates
}

/// Containers that declare each other's port, one of which keeps ending and says nothing.
fn silent_conflicts(facts: &Facts<'_>) -> Vec<Candidate> {
    let declared = facts.with(&[codes::PORT_OF_MESH, codes::PORT_DECLARED_TWICE]);
    let found = declared.filter_map(|piece| {
        let workload = &piece.object;
        let ends = facts.about(workload, &[codes::CRASH_LOOP, codes::EXITED]);
        let names = piece.fields.get("containers")?;
        let concerned = |end: &&&Evidence| {
            let container = end.fields.get("container").map(String::as_str).unwrap_or_default();
            names.split(", ").any(|name| name == container)
                || piece.statement.ends_with(&format!("{container} listens"))
        };
        let ends: Vec<_> = ends.iter().filter(concerned).copied().collect();
        let said = !facts.about(workload, &[codes::LOG_PORT_TAKEN]).is_empty();
        if ends.is_empty() || said || !facts.about(workload, &[codes::OOM_KILLED]).is_empty() {
            return None;
        }
        let candidate = Candidate::new(confidence::PORT_CONFLICT, workload.clone(), piece.statement.as_str());
        Some(candidate.times(0.96).because([piece]).because(ends))
    });
    found.collect()
}

/// Whether the program that says so has ended by itself or does not come up. One that the kernel killed for its memory has
/// not ended over its surroundings.
fn gives_up(facts: &Facts<'_>, piece: &Evidence) -> bool {
    let workload = facts.index.workload_of(&piece.object);
    let killed = !facts.about(&workload, &[codes::OOM_KILLED]).is_empty();
    !killed && facts.about(&workload, &GIVES_UP).into_iter().any(is_trouble)
}

fn cause(piece: &Evidence) -> Cause {
    let is = |codes: &[Code]| codes.iter().any(|code| code.name == piece.code);
    if is(&[codes::EXEC_FORMAT, codes::LOG_EXEC_FORMAT]) {
        confidence::WRONG_ARCHITECTURE
    } else if is(&[codes::LOG_PORT_TAKEN]) {
        confidence::PORT_CONFLICT
    } else if is(&[codes::MOUNT_DENIED]) {
        confidence::STORAGE_PERMISSION
    } else if is(&[codes::MOUNT_INTO_CONTAINER, codes::MOUNT_PATH, codes::VOLUME_BUSY, codes::MOUNT_FAILED]) {
        confidence::STORAGE_MOUNT
    } else if is(&[codes::LOG_PERMISSION, codes::LOG_READ_ONLY_FILES]) && piece.fields.contains_key("mount") {
        confidence::STORAGE_PERMISSION
    } else if is(&COMMANDS) || is(&[codes::LOG_BAD_ARGUMENT, codes::WORKING_DIRECTORY]) {
        confidence::BAD_COMMAND
    } else {
        confidence::SECURITY_CONTEXT
    }
}

fn candidate(facts: &Facts<'_>, workload: &ObjectRef, cause: Cause, told: &[&Evidence]) -> Option<Candidate> {
    let rollout = Rollout::behind(facts, workload, told);
    // A rollout whose command does not start is told as that: it can be rolled back.
    if cause.code == confidence::BAD_COMMAND.code && rollout.is_some() {
        return None;
    }
    if cause.code == confidence::STORAGE_MOUNT.code {
        if held_by_dead_node(facts, workload, told) {
            return None;
        }
        if let Some(candidate) = without_driver(facts, workload, told) {
            return Some(candidate);
        }
        if let Some(candidate) = volume::out_of_reach(facts, workload, told)
            .or_else(|| volume::wrong_options(facts, workload, told))
        {
            return Some(candidate);
        }
    }
    let first = told.first()?;
    let brought = rollout
        .as_ref()
        .map(|rollout| format!(" {} brought it: {}.", rollout.name(), rollout.what(|_| true)));
    let what = what(cause);
    let statement = format!("{workload} {what}: {}{}", first.statement, brought.unwrap_or_default());
    let last = told.iter().any(|piece| {
        let since = piece.fields.get("lines_since").and_then(|lines| lines.parse::<usize>().ok());
        since.is_none_or(|since| since <= LAST_WORDS)
    });
    let beside = first.code == codes::LOG_PERMISSION.name && !first.fields.contains_key("mount");
    let sure = if last { 1.0 } else { 0.8 } * if beside { 0.85 } else { 1.0 };
    let ports = [codes::PORT_DECLARED_TWICE, codes::PORT_OF_MESH];
    let declared =
        if cause.code == confidence::PORT_CONFLICT.code { facts.about(workload, &ports) } else { Vec::new() };
    let sure = if declared.is_empty() { sure } else { sure * 1.06 };
    let candidate = Candidate::new(cause, workload.clone(), statement).times(sure);
    let shown = facts.about(workload, &GIVES_UP);
    Some(
        candidate
            .because(told.iter().copied())
            .because(declared)
            .because(shown)
            .because_of(rollout.and_then(|rollout| rollout.shown)),
    )
}

/// A volume that another pod of the workload had on a node that does not answer stays attached there: the node is at fault.
fn held_by_dead_node(facts: &Facts<'_>, workload: &ObjectRef, told: &[&Evidence]) -> bool {
    let busy = told.iter().all(|piece| piece.code == codes::VOLUME_BUSY.name);
    busy && !facts.about(workload, &[codes::ON_BAD_NODE]).is_empty()
}

/// The driver of the volume is not registered on the node, and the pod that should have done so does not run.
fn without_driver(facts: &Facts<'_>, workload: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let said = |piece: &&&Evidence| piece.statement.contains("list of registered CSI drivers");
    let piece = told.iter().find(said)?;
    let (agent, shown) = agent::down_on(facts, piece.fields.get("node")?, Agent::Volumes)?;
    let statement = format!(
        "{agent} does not run on the node of {workload}, whose volume it should mount: {}",
        piece.statement
    );
    let candidate = Candidate::new(confidence::STORAGE_MOUNT, agent, statement);
    Some(candidate.because(told.iter().copied()).because(shown).explaining([workload.clone()]))
}

fn what(cause: Cause) -> &'static str {
    match cause.code {
        code if code == confidence::WRONG_ARCHITECTURE.code => {
            "runs a program built for another kind of machine"
        }
        code if code == confidence::PORT_CONFLICT.code => {
            "cannot listen on its port, which something else has"
        }
        code if code == confidence::STORAGE_PERMISSION.code => "may not use a volume of its own",
        code if code == confidence::STORAGE_MOUNT.code => "waits for a volume that cannot be mounted",
        code if code == confidence::BAD_COMMAND.code => "cannot be started by its command line",
        _ => "may not do what its program needs",
    }
}

/// `storage.full`: about the claim on which the path lies; about the node where it is short of disk or programs of several
/// workloads say so; else about the workload.
fn full_disks(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut full: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    let mut on_node: BTreeMap<ObjectRef, BTreeSet<ObjectRef>> = BTreeMap::new();
    let said: Vec<_> = facts.with(&[codes::LOG_DISK_FULL]).filter(|piece| is_trouble(piece)).collect();
    for piece in &said {
        if let (None, Some(node)) = (claim(piece), node(facts, piece)) {
            on_node.entry(node).or_default().insert(facts.index.workload_of(&piece.object));
        }
    }
    for piece in said {
        let of_node = node(facts, piece).filter(|node| {
            let pressed = facts.with(&[codes::NODE_PRESSURE]).any(|pressure| pressure.object == *node);
            pressed || on_node.get(node).is_some_and(|workloads| workloads.len() > 1)
        });
        let object = claim(piece).or(of_node).unwrap_or_else(|| facts.index.workload_of(&piece.object));
        full.entry(object).or_default().push(piece);
    }
    let candidate = |(object, told): (ObjectRef, Vec<&Evidence>)| {
        let workloads = facts.workloads_of(&told);
        let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
        let statement = format!("The disk of {object} is full: {said}");
        let candidate = Candidate::new(confidence::STORAGE_FULL, object, statement).because(told);
        let suffers =
            workloads.iter().any(|workload| facts.in_trouble(workload) || facts.is_asked_about(workload));
        candidate.times(if suffers { 1.0 } else { 0.85 }).explaining(workloads)
    };
    full.into_iter().map(candidate).collect()
}

fn claim(piece: &Evidence) -> Option<ObjectRef> {
    let namespace = piece.fields.get("claim_namespace")?;
    Some(ObjectRef::new("PersistentVolumeClaim", namespace, piece.fields.get("claim")?))
}

fn node(facts: &Facts<'_>, piece: &Evidence) -> Option<ObjectRef> {
    let pod = facts.index.pod(&piece.object)?;
    Some(ObjectRef::cluster_wide("Node", pod.spec.as_ref()?.node_name.as_deref()?))
}
