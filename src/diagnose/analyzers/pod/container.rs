//! Container states: waiting, restarting, ended.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStateWaiting, ContainerStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Subject, exit, image};
use crate::diagnose::analyzers::missing::Missing;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;

/// A container that runs again for longer than this has recovered. The kubelet forgets its back-off after the same time.
const RECOVERED: SignedDuration = SignedDuration::from_mins(10);

/// A program that was killed for its memory this lately, and not for the first time, is still the matter.
const FILLS_UP: SignedDuration = SignedDuration::from_mins(60);

/// From this many restarts on, a container that ended a moment ago is in a loop even while it happens to run.
const LOOP: i32 = 3;

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let containers = subject.statuses();
    let found = containers.flat_map(|(status, init)| Container { subject, status, init }.findings());
    found.collect()
}

/// How the containers of a pod ended that has failed for good.
pub(super) fn last_words(subject: &Subject<'_>) -> Vec<Finding> {
    let containers = subject.statuses().map(|(status, init)| Container { subject, status, init });
    let ended = containers.filter_map(|container| {
        let end = container.status.state.as_ref()?.terminated.as_ref()?;
        let failed = end.exit_code != 0 && container.is_recent(end);
        failed.then(|| container.ended(end))
    });
    ended.collect()
}

struct Container<'a> {
    subject: &'a Subject<'a>,
    status: &'a ContainerStatus,
    init: bool,
}

impl<'a> Container<'a> {
    fn findings(&self) -> Vec<Finding> {
        let state = self.status.state.as_ref();
        let mut found = Vec::new();
        if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
            found.extend(self.waiting(waiting));
        }
        if let Some(end) = self.last_end().filter(|end| self.matters(end)) {
            found.push(self.ended(end));
            found.extend(self.restarting(end));
        }
        found
    }

    /// How it ended last: now, or before it was started again.
    fn last_end(&self) -> Option<&'a ContainerStateTerminated> {
        let now = self.status.state.as_ref().and_then(|state| state.terminated.as_ref());
        now.or_else(|| self.status.last_state.as_ref()?.terminated.as_ref())
    }

    fn is_running(&self) -> bool {
        self.status.state.as_ref().is_some_and(|state| state.running.is_some())
    }

    fn is_waiting_to_restart(&self) -> bool {
        let waiting = self.status.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff"))
    }

    /// Ends count while they keep the container from running, or when it has only just come back. An init container that
    /// ended well has done its work.
    fn matters(&self, end: &ContainerStateTerminated) -> bool {
        let done =
            end.exit_code == 0 && end.reason.as_deref() == Some("Completed") && !self.is_waiting_to_restart();
        let back = self.is_running() && !self.is_recent(end);
        !(done || back)
    }

    fn is_recent(&self, end: &ContainerStateTerminated) -> bool {
        let at = end.finished_at.as_ref().map(|time| time.0);
        // A program that ran out of memory again and again has not recovered: it will again.
        let leaks = end.reason.as_deref() == Some("OOMKilled") && self.status.restart_count >= LOOP;
        let recovered = if leaks { FILLS_UP } else { RECOVERED };
        at.is_none_or(|at| self.subject.taken_at.duration_since(at) <= recovered)
    }

    fn waiting(&self, waiting: &ContainerStateWaiting) -> Option<Finding> {
        let reason = waiting.reason.as_deref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        let finding = match reason {
            "CrashLoopBackOff" => return Some(self.crash_loop()),
            "ContainerCreating" | "PodInitializing" => return None,
            "CreateContainerConfigError" => self.config_error(message),
            _ if image::is_pull_reason(reason) => image::finding(self.subject, self.status, reason, message),
            "CreateContainerError" | "RunContainerError" | "ContainerCannotRun" | "StartError" => {
                self.create_failed(start_code(message), reason, message)
            }
            _ => return None,
        };
        Some(self.named(finding))
    }

    /// The earliest sign of a loop: the first back-off that the kubelet reported, else the last end.
    fn began(&self) -> Option<Timestamp> {
        let own = |message: &str| message.contains(&self.status.name);
        let reported = self.subject.warning(&["BackOff"], own).and_then(|(_, first)| first);
        let ended = self.last_end().and_then(|end| end.finished_at.as_ref()).map(|time| time.0);
        [reported, ended].into_iter().flatten().min()
    }

    fn crash_loop(&self) -> Finding {
        let restarts = self.status.restart_count;
        let statement =
            format!("{} {} keeps ending; it was restarted {restarts} times", self.what(), self.subject.name);
        self.named(self.subject.finding(codes::CRASH_LOOP, statement).at(self.began()))
    }

    fn restarting(&self, end: &ContainerStateTerminated) -> Option<Finding> {
        if self.is_waiting_to_restart() || end.exit_code == 0 {
            return None;
        }
        if self.status.restart_count >= LOOP && !self.status.ready {
            return Some(self.crash_loop());
        }
        let statement = format!("{} {} ended and was started again", self.what(), self.subject.name);
        let ended = end.finished_at.as_ref().map(|time| time.0);
        Some(self.named(self.subject.finding(codes::RESTARTED, statement).at(ended)))
    }

    fn ended(&self, end: &ContainerStateTerminated) -> Finding {
        let reason = end.reason.as_deref().unwrap_or_default();
        let message = end.message.as_deref().unwrap_or_default();
        let (code, meaning) = match reason {
            "OOMKilled" => (codes::OOM_KILLED, "it reached its memory limit"),
            "StartError" | "ContainerCannotRun" => (start_code(message), "it could not be started"),
            _ => exit::meaning(end.exit_code),
        };
        let told = if message.is_empty() { String::new() } else { format!(": {message}") };
        let statement =
            format!("{} {} ended with {}: {meaning}{told}", self.what(), self.subject.name, end.exit_code);
        let ended = end.finished_at.as_ref().map(|time| time.0);
        let finding = self.subject.finding(code, statement).at(self.began().or(ended));
        let limit = self.memory_limit().filter(|_| code == codes::OOM_KILLED).map(|limit| limit.0.as_str());
        self.named(finding.field("exit_code", end.exit_code).field("reason", reason).field_if("limit", limit))
    }

    fn config_error(&self, message: &str) -> Finding {
        let subject = self.subject;
        match Missing::read(message) {
            Some(missing) => missing.finding(&subject.name).at(created(subject)),
            None => self.create_failed(start_code(message), "CreateContainerConfigError", message),
        }
    }

    fn create_failed(&self, code: Code, reason: &str, message: &str) -> Finding {
        let statement = format!("{} {} cannot be started: {message}", self.what(), self.subject.name);
        self.subject.finding(code, statement).at(created(self.subject)).field("reason", reason)
    }

    fn named(&self, finding: Finding) -> Finding {
        let finding = finding.field("container", &self.status.name).field("image", &self.status.image);
        let finding =
            finding.field("restarts", self.status.restart_count).field_if("node", self.subject.node());
        if self.init { finding.field("init", true) } else { finding }
    }

    fn what(&self) -> String {
        let kind = if self.init { "Init container" } else { "Container" };
        format!("{kind} {} of", self.status.name)
    }

    fn memory_limit(&self) -> Option<&'a Quantity> {
        let spec = self.subject.pod.spec.as_ref()?;
        let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        let own = containers.into_iter().find(|container| container.name == self.status.name)?;
        own.resources.as_ref()?.limits.as_ref()?.get("memory")
    }
}

/// What the kubelet and container runtimes answer where a container cannot be created, before any exit code: the first that
/// fits. A mount or a working directory may be missing as well as a command, so they come before it.
const START: [(Code, &[&str]); 6] = [
    (codes::RUNS_AS_ROOT, &["runAsNonRoot", "run as root", "breaks non-root policy"]),
    (codes::EXEC_FORMAT, &["exec format error"]),
    (codes::WORKING_DIRECTORY, &["chdir to cwd", "mkdir cwd", "working directory"]),
    (
        codes::MOUNT_INTO_CONTAINER,
        &[
            "error mounting",
            "failed to prepare subPath",
            "not a directory: unknown",
            "failed to create subPath",
            "hostPath type check failed",
        ],
    ),
    (
        codes::COMMAND_NOT_FOUND,
        &[
            "no such file or directory",
            "executable file not found",
            "not found in $PATH",
            "no command specified",
        ],
    ),
    (codes::NOT_EXECUTABLE, &["permission denied", "is a directory"]),
];

fn start_code(message: &str) -> Code {
    let fits = |(_, words): &&(Code, &[&str])| words.iter().any(|word| message.contains(word));
    START.iter().find(fits).map_or(codes::CREATE_FAILED, |(code, _)| *code)
}

fn created(subject: &Subject<'_>) -> Option<Timestamp> {
    subject.pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::start_code;

    #[test]
    fn the_runtimes_sentence_tells_what_keeps_a_container_from_starting() {
        let cases = [
            (
                "container has runAsNonRoot and image will run as root (pod: \"web\")",
                "pod.security.runs_as_root",
            ),
            (
                "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
                "pod.security.runs_as_root",
            ),
            ("exec: \"/app/web\": exec format error: unknown", "pod.container.exec_format"),
            (
                "chdir to cwd (\"/srv\") set in config.json failed: no such file or directory",
                "pod.container.working_directory",
            ),
            (
                "error mounting \"/var/lib/kubelet/pods/x\" to rootfs at \"/etc/web.conf\": not a directory: unknown",
                "pod.volume.mount_into_container",
            ),
            (
                "failed to prepare subPath for volumeMount \"data\" of container \"app\"",
                "pod.volume.mount_into_container",
            ),
            ("exec: \"web\": executable file not found in $PATH: unknown", "pod.container.command_not_found"),
            ("exec: \"/app/web\": permission denied: unknown", "pod.container.not_executable"),
            ("context deadline exceeded", "pod.container.create_failed"),
        ];
        for (message, code) in cases {
            assert_eq!(start_code(message).name, code, "{message}");
        }
    }
}
