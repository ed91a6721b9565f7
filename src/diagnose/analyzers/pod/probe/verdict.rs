//! What is wrong with a probe that fails: from what the kubelet says of it, and from what the container declares.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Subject;
use crate::diagnose::codes::{self, Code};

/// What probes hear from programs that speak another protocol: HTTP asked of gRPC or TLS, gRPC asked of HTTP, TLS of plain.
const OTHER_PROTOCOL: [&str; 9] = [
    "malformed HTTP",
    "HTTP/1.x transport connection broken",
    "first record does not look like a TLS handshake",
    "server gave HTTP response to HTTPS client",
    "HTTP request to an HTTPS server",
    "error reading server preface",
    "http2: frame too large",
    "frame header looked like an HTTP/1.1 header",
    "unknown service grpc.health.v1.Health",
];

/// What probes hear where nobody listens.
const NOBODY: [&str; 4] = ["connection refused", "failed to connect service", "no route to host", "dial tcp"];

/// Programs are killed within this time after their probe has given up.
const GRACE: i64 = 45;

/// The verdict with a reason, where there is one.
pub(super) fn of(
    subject: &Subject<'_>,
    kind: &str,
    container: &Container,
    probe: &Probe,
    message: &str,
) -> Option<(Code, String)> {
    let [protocol, port, path, impatient] = codes_of(kind);
    if OTHER_PROTOCOL.iter().any(|sign| message.contains(sign)) {
        return Some((protocol, "the program speaks another protocol on that port".to_owned()));
    }
    if let Some(status) =
        ["404", "405"].iter().find(|status| message.contains(&format!("statuscode: {status}")))
    {
        return Some((path, format!("the program answers {status} on that path")));
    }
    if probe.exec.is_some() && NO_COMMAND.iter().any(|sign| message.contains(sign)) {
        return Some((command_of(kind), "its command is not in the image, or cannot be executed".to_owned()));
    }
    let unanswered = NOBODY.iter().any(|sign| message.contains(sign));
    let asked = number(container, probe)?;
    let others = listening(container, asked);
    if unanswered && !others.is_empty() {
        return Some((port, format!("it asks port {asked}; the container declares {}", others.join(", "))));
    }
    let killed_young =
        kind != "Readiness" && lives_shorter_than(subject, container, patience(container, probe) + GRACE);
    let slow = unanswered || message.contains("deadline exceeded") || message.contains("Timeout");
    (slow && killed_young).then(|| {
        let seconds = patience(container, probe);
        (
            impatient,
            format!("it gives up after {seconds} s, and every run was killed before the program was ready"),
        )
    })
}

/// What runtimes and shells say where a probe's command is not there.
const NO_COMMAND: [&str; 4] =
    ["executable file not found", "no such file or directory", "exec: \"", ": not found"];

fn command_of(kind: &str) -> Code {
    match kind {
        "Liveness" => codes::LIVENESS_WRONG_COMMAND,
        "Readiness" => codes::READINESS_WRONG_COMMAND,
        _ => codes::STARTUP_WRONG_COMMAND,
    }
}

fn codes_of(kind: &str) -> [Code; 4] {
    match kind {
        "Liveness" => [
            codes::LIVENESS_WRONG_PROTOCOL,
            codes::LIVENESS_WRONG_PORT,
            codes::LIVENESS_WRONG_PATH,
            codes::LIVENESS_IMPATIENT,
        ],
        "Readiness" => [
            codes::READINESS_WRONG_PROTOCOL,
            codes::READINESS_WRONG_PORT,
            codes::READINESS_WRONG_PATH,
            codes::READINESS_IMPATIENT,
        ],
        _ => [
            codes::STARTUP_WRONG_PROTOCOL,
            codes::STARTUP_WRONG_PORT,
            codes::STARTUP_WRONG_PATH,
            codes::STARTUP_IMPATIENT,
        ],
    }
}

/// The port that the probe asks; a name is looked up among the container's ports.
fn number(container: &Container, probe: &Probe) -> Option<i32> {
    let port =
        probe.http_get.as_ref().map(|http| &http.port).or(probe.tcp_socket.as_ref().map(|tcp| &tcp.port));
    match port {
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => {
            let mut ports = container.ports.iter().flatten();
            ports.find(|port| port.name.as_ref() == Some(name)).map(|port| port.container_port)
        }
        None => probe.grpc.as_ref().map(|grpc| grpc.port),
    }
}

/// Ports that the container declares, or that its other probes ask, where the asked one is none of them.
fn listening(container: &Container, asked: i32) -> Vec<String> {
    let declared: Vec<_> = container.ports.iter().flatten().map(|port| port.container_port).collect();
    if declared.contains(&asked) {
        return Vec::new();
    }
    declared.iter().map(ToString::to_string).collect()
}

/// Seconds from the start of a container until the probe has given up, by the API's defaults where nothing is set. A startup
/// probe gives its own time first.
fn patience(container: &Container, probe: &Probe) -> i64 {
    let of = |probe: &Probe| {
        let failures = i64::from(probe.failure_threshold.unwrap_or(3));
        i64::from(probe.initial_delay_seconds.unwrap_or(0))
            + failures * i64::from(probe.period_seconds.unwrap_or(10))
    };
    let startup = container.startup_probe.as_ref().filter(|startup| *startup != probe).map_or(0, of);
    startup + of(probe)
}

/// Whether the container was started again and its last run was that short.
fn lives_shorter_than(subject: &Subject<'_>, container: &Container, seconds: i64) -> bool {
    let mut statuses =
        subject.statuses().map(|(status, _)| status).filter(|status| status.name == container.name);
    statuses.any(|status| {
        let ended = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let run = ended.and_then(|ended| Some((ended.started_at.as_ref()?.0, ended.finished_at.as_ref()?.0)));
        let short =
            run.is_some_and(|(from, to)| to.duration_since(from) <= SignedDuration::from_secs(seconds));
        status.restart_count > 0 && short
    })
}
