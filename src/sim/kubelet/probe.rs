//! Probes: whether a container is ready and alive, and what its kubelet tells about failing ones.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Place;
use super::container::ContainerRun;
use crate::sim::scenarios::{Failure, FailureKind};
use crate::sim::world::fields;

/// What the probes last found.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    pub(super) ready: bool,
    readiness: Streak,
    liveness: Streak,
}

/// Consecutive failures of one probe.
#[derive(Debug, Clone, Default)]
struct Streak {
    last: Option<Timestamp>,
    failures: i64,
}

impl ContainerRun {
    /// Runs the probes that are due; true when the liveness probe has failed too often.
    pub(super) fn probe(
        &mut self,
        place: Place<'_>,
        since: Timestamp,
        is_up: bool,
        failed: Option<&Failure>,
    ) -> bool {
        let kind = failed.map(|f| f.kind);
        let readiness = place.spec.get("readinessProbe");
        let trouble = |probe: &Value, refuses: bool| trouble(place, &self.image, probe, is_up, refuses);
        let refuses = matches!(kind, Some(FailureKind::Unready | FailureKind::Hang));
        self.health.ready = match readiness {
            None => is_up && !refuses,
            Some(probe) => {
                let message = trouble(probe, refuses);
                let is_due = due(place, probe, since, &mut self.health.readiness);
                if let (true, Some(message)) = (is_due, &message) {
                    place.warning("Unhealthy", &format!("Readiness probe failed: {message}"));
                }
                message.is_none()
            }
        };
        let Some(probe) = place.spec.get("livenessProbe") else { return false };
        let hangs = kind == Some(FailureKind::Hang);
        // A program that has never been up is watched by its liveness probe too: too short a delay kills it.
        let message = trouble(probe, hangs);
        if !due(place, probe, since, &mut self.health.liveness) {
            return false;
        }
        match message {
            None => self.health.liveness.failures = 0,
            Some(message) => {
                place.warning("Unhealthy", &format!("Liveness probe failed: {message}"));
                self.health.liveness.failures += 1;
            }
        }
        self.health.liveness.failures >= fields::int(probe, "/failureThreshold").unwrap_or(3)
    }
}

/// Whether a probe's period has passed since it last ran, first of all its initial delay.
fn due(place: Place<'_>, probe: &Value, since: Timestamp, streak: &mut Streak) -> bool {
    let seconds = |field: &str, default: i64| {
        Duration::from_secs(u64::try_from(fields::int(probe, field).unwrap_or(default)).unwrap_or(0))
    };
    let clock = &place.world.clock;
    // A kubelet runs a probe at some moment of its first period, not at once.
    let first = seconds("/initialDelaySeconds", 0) + seconds("/periodSeconds", 10) / 2;
    let is_due = match streak.last {
        None => clock.is_over(since, first),
        Some(last) => clock.is_over(last, seconds("/periodSeconds", 10)),
    };
    if is_due {
        streak.last = Some(clock.now());
    }
    is_due
}

/// What is wrong with a probe's answer, none when it is good.
fn trouble(place: Place<'_>, image: &str, probe: &Value, is_up: bool, refuses: bool) -> Option<String> {
    let http = probe.get("httpGet");
    let path = http.map_or("", |h| fields::text(h, "/path"));
    let address = format!("{}:{}", place.ip, port(place.spec, probe));
    if !is_up {
        let refused = format!("dial tcp {address}: connect: connection refused");
        return Some(if http.is_some() {
            format!("Get \"http://{address}{path}\": {refused}")
        } else {
            refused
        });
    }
    let serves = place.world.scenario.program(image).map(|p| p.serves.as_slice()).unwrap_or_default();
    if http.is_some() && !serves.is_empty() && !serves.iter().any(|known| known == path) {
        return Some("HTTP probe failed with statuscode: 404".to_owned());
    }
    if !refuses {
        return None;
    }
    Some(match http {
        Some(_) => "HTTP probe failed with statuscode: 503".to_owned(),
        None => "command failed: exit status 1".to_owned(),
    })
}

fn port(spec: &Value, probe: &Value) -> i64 {
    let port = probe.pointer("/httpGet/port").or_else(|| probe.pointer("/tcpSocket/port"));
    match port {
        Some(Value::String(name)) => {
            let named = fields::list(spec, "/ports").iter().find(|p| fields::text(p, "/name") == name);
            named.and_then(|p| fields::int(p, "/containerPort")).unwrap_or(8080)
        }
        Some(number) => number.as_i64().unwrap_or(8080),
        None => 8080,
    }
}
