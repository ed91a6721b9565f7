//! One container's life: pulled, created, started, running, crashed, backing off.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::probe::Health;
use super::{Environment, Place, config, logs, program, pull};
use crate::sim::objects::meta;
use crate::sim::scenarios::{Failure, FailureKind, split_image};
use crate::sim::world::fields;

/// First back-off after a crash, doubled each time up to the longest (kubelet defaults).
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
/// A container that ran this long starts over with short back-offs.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);
/// Pause between a first crash and the restart, and between two attempts at a missing ConfigMap.
const QUICK_RESTART: Duration = Duration::from_secs(1);
const CONFIG_RETRY: Duration = Duration::from_secs(10);
/// How often a kubelet tells that it backs off.
const RETELL: Duration = Duration::from_secs(15);

/// Where a container is in its life.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// Waiting for its image or its sandbox.
    Creating { since: Timestamp },
    /// The image can't be pulled; `backing_off` after the first look at the error.
    PullFailed { since: Timestamp, message: String, backing_off: bool, delay: Duration },
    /// Something it is configured with is missing.
    Misconfigured { since: Timestamp, message: String },
    /// It runs with this environment.
    Running { since: Timestamp, environment: Environment },
    /// It ended and waits to be started again.
    BackingOff { since: Timestamp, delay: Duration, told: Timestamp },
    /// It ended for good.
    Ended,
}

/// One container of one pod.
#[derive(Debug)]
pub(super) struct ContainerRun {
    pub(super) name: String,
    pub(super) image: String,
    /// The image by its digest.
    pub(super) image_id: String,
    pub(super) phase: Phase,
    pub(super) restarts: u32,
    /// How it ended last, as its status shows it.
    pub(super) last: Option<Value>,
    pub(super) health: Health,
    pub(super) id: String,
    pub(super) is_growing: bool,
    pub(super) pulls: u32,
    pub(super) voice: logs::Voice,
    pub(super) ever_ran: bool,
    crashes: u32,
}

impl ContainerRun {
    /// A container that has yet to be created.
    pub(super) fn new(spec: &Value, now: Timestamp) -> Self {
        Self {
            name: fields::text(spec, "/name").to_owned(),
            image: fields::text(spec, "/image").to_owned(),
            image_id: image_id(fields::text(spec, "/image")),
            phase: Phase::Creating { since: now },
            restarts: 0,
            last: None,
            health: Health::default(),
            id: String::new(),
            is_growing: false,
            pulls: 0,
            voice: logs::Voice::new(now),
            ever_ran: false,
            crashes: 0,
        }
    }

    /// Moves the container on as far as the time allows.
    pub(super) fn step(&mut self, place: Place<'_>, images: &mut HashSet<(String, String)>) {
        let clock = &place.world.clock;
        match &self.phase {
            Phase::Creating { since } => {
                if clock.is_over(*since, pull::time_needed(place, images)) {
                    self.pull(place, images);
                }
            }
            Phase::PullFailed { .. } => self.retry_pull(place, images),
            Phase::Misconfigured { since, .. } => {
                if clock.is_over(*since, CONFIG_RETRY) {
                    self.start(place);
                }
            }
            Phase::Running { .. } => self.run(place),
            Phase::BackingOff { .. } => self.wait(place),
            Phase::Ended => {}
        }
    }

    /// Starts the process, unless something that it is configured with is missing.
    pub(super) fn start(&mut self, place: Place<'_>) {
        let now = place.world.now();
        let environment = match config::environment(place.world, place.pod, place.spec) {
            Ok(environment) => environment,
            Err(message) => {
                place.warning("Failed", &format!("Error: {message}"));
                self.phase = Phase::Misconfigured { since: now, message };
                return;
            }
        };
        if self.ever_ran {
            self.restarts += 1;
        }
        self.ever_ran = true;
        self.id = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        self.is_growing = false;
        self.health = Health::default();
        self.voice = logs::Voice::new(now);
        place.normal("Created", &format!("Created container: {}", self.name));
        place.normal("Started", &format!("Started container {}", self.name));
        self.phase = Phase::Running { since: now, environment };
        self.say_start(place);
    }

    fn run(&mut self, place: Place<'_>) {
        let Phase::Running { since, environment } = &self.phase else { return };
        let since = *since;
        let program = place.world.scenario.program(&self.image);
        let failure = program.and_then(|p| program::failure(place, p, &self.image, environment)).cloned();
        let elapsed = place.world.clock.elapsed(since);
        self.is_growing = failure.as_ref().is_some_and(|f| f.kind == FailureKind::Oom);
        let ready_after = program.map_or(Duration::ZERO, |p| p.ready_after);
        let failed = failure.as_ref().filter(|f| elapsed >= f.after);
        if let Some(failure) = failed.filter(|f| matches!(f.kind, FailureKind::Exit | FailureKind::Oom)) {
            return self.crash(place, since, failure);
        }
        if let Some(after) = program.and_then(|p| p.completes_after)
            && elapsed >= after
        {
            return self.end(place, since, 0, "Completed");
        }
        let is_up = elapsed >= ready_after;
        if self.probe(place, since, is_up, failed) {
            place.normal(
                "Killing",
                &format!("Container {} failed liveness probe, will be restarted", self.name),
            );
            return self.end(place, since, 137, "Error");
        }
        let is_unready = failed.is_some_and(|f| matches!(f.kind, FailureKind::Unready | FailureKind::Hang));
        self.say(place, failed.filter(|_| is_unready), is_up);
    }

    fn crash(&mut self, place: Place<'_>, since: Timestamp, failure: &Failure) {
        self.say_all(place, &failure.log);
        program::tell_database(place, failure);
        match failure.kind {
            FailureKind::Oom => self.end(place, since, 137, "OOMKilled"),
            _ if failure.code == 0 => self.end(place, since, 0, "Completed"),
            _ => self.end(place, since, failure.code, "Error"),
        }
    }

    /// The process is gone: back off and start again, or stay ended, as the pod's restart policy says.
    pub(super) fn end(&mut self, place: Place<'_>, since: Timestamp, code: i32, reason: &str) {
        let now = place.world.now();
        self.health = Health::default();
        self.is_growing = false;
        self.last = Some(json!({
            "exitCode": code, "reason": reason, "startedAt": meta::seconds(since),
            "finishedAt": meta::seconds(now), "containerID": format!("containerd://{}", self.id),
        }));
        let restarts = match fields::text(place.pod, "/spec/restartPolicy") {
            "Never" => false,
            "OnFailure" => code != 0,
            _ => true,
        };
        if !restarts {
            self.phase = Phase::Ended;
            return;
        }
        if place.world.clock.elapsed(since) >= FORGIVEN_AFTER {
            self.crashes = 0;
        }
        let delay = back_off(self.crashes);
        self.crashes += 1;
        if delay > QUICK_RESTART {
            self.tell_back_off(place);
        }
        self.phase = Phase::BackingOff { since: now, delay, told: now };
    }

    fn wait(&mut self, place: Place<'_>) {
        let Phase::BackingOff { since, delay, told } = self.phase else { return };
        let clock = &place.world.clock;
        if clock.is_over(since, delay) {
            place.normal("Pulled", &format!("Container image \"{}\" already present on machine", self.image));
            return self.start(place);
        }
        if delay > QUICK_RESTART && clock.is_over(told, RETELL) {
            self.tell_back_off(place);
            self.phase = Phase::BackingOff { since, delay, told: clock.now() };
        }
    }

    fn tell_back_off(&self, place: Place<'_>) {
        let message =
            format!("Back-off restarting failed container {} in pod {}", self.name, full_name(place.pod));
        place.warning("BackOff", &message);
    }
}

fn image_id(image: &str) -> String {
    let digest = hex::encode(Sha256::digest(image.as_bytes()));
    format!("{}@sha256:{digest}", split_image(image).0)
}

/// The pause after the nth crash: the first restart is quick, then 10 s doubled up to 5 minutes.
fn back_off(crashes: u32) -> Duration {
    match crashes.checked_sub(1) {
        None => QUICK_RESTART,
        Some(doublings) => FIRST_BACK_OFF.saturating_mul(1 << doublings.min(10)).min(LONGEST_BACK_OFF),
    }
}

/// `name_namespace(uid)`, as kubelets name pods.
pub(super) fn full_name(pod: &Value) -> String {
    format!("{}_{}({})", meta::name(pod), meta::namespace(pod), meta::uid(pod))
}

/// A duration the way Go prints it, such as `2m40s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, rest) => format!("{rest}s"),
        (minutes, rest) => format!("{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_offs_double_up_to_five_minutes() {
        let seconds: Vec<u64> = (0..8).map(|n| back_off(n).as_secs()).collect();
        assert_eq!(seconds, [1, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(go_duration(Duration::from_secs(160)), "2m40s");
        assert_eq!(go_duration(Duration::from_secs(300)), "5m0s");
    }
}
