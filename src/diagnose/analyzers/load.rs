//! What alerts say about load: slow answers, CPU that runs out, networks that lose or delay.
//!
//! Names and sentences of alerts are everybody's own; only words that mean one thing everywhere are understood.

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::{ObjectRef, Signal, SignalState};

const SLOW: [&str; 5] = ["latency", "slow", "response time", "duration", "deadline"];
const THROTTLED: [&str; 2] = ["throttl", "cfs"];
const BUSY: [&str; 6] = ["saturat", "overload", "high", "usage", "utilization", "utilisation"];
const LOSS: [&str; 7] = [
    "packet loss",
    "packetloss",
    "lost packet",
    "packets lost",
    "packet drop",
    "dropped packet",
    "packets dropped",
];
const NETWORK: [&str; 5] = ["retransmi", "rtt", "network quality", "networkquality", "network delay"];

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let firing = index.snapshot.signals.iter().filter(|signal| signal.state == SignalState::Firing);
    firing.filter_map(|signal| finding(index, signal)).collect()
}

fn finding(index: &Index<'_>, signal: &Signal) -> Option<Finding> {
    let code = classify(&format!("{} {}", signal.name, signal.summary))?;
    let subject = signal.scope.subject()?;
    let on_node = subject.kind == "Node";
    let code = match (code, on_node) {
        (code, true) if code == codes::ALERT_NETWORK => codes::ALERT_NODE_NETWORK,
        (code, true) if code == codes::ALERT_PACKET_LOSS => codes::ALERT_NODE_PACKET_LOSS,
        (_, true) => return None,
        (code, false) => code,
    };
    let object =
        if subject.kind == "Service" { behind(index, &subject) } else { index.workload_of(&subject) };
    let statement = format!("Alert {}: {}", signal.name, signal.summary);
    let values = index.snapshot.recorded.alert_values.get(&signal.fingerprint.0);
    let gained = values.into_iter().flatten().filter_map(|value| Some(value.current? - value.normal?));
    let gained = gained.fold(0.0_f64, f64::max);
    let code = if is_resent(index, signal, gained) { lost(code) } else { code };
    Some(
        Finding::new(code, object, statement)
            .at(Some(signal.starts_at))
            .field("gained", format!("{gained:.1}")),
    )
}

/// Delay makes senders repeat a segment now and then, and answers slow; so many a second without one slow answer, or very many,
/// are repeated because they were lost.
const RESENT: f64 = 3.0;
const VERY_MANY: f64 = 30.0;

fn is_resent(index: &Index<'_>, signal: &Signal, gained: f64) -> bool {
    let says = |signal: &Signal, word: &str| {
        format!("{} {}", signal.name, signal.summary).to_lowercase().contains(word)
    };
    let slow = || index.snapshot.signals.iter().any(|other| SLOW.iter().any(|word| says(other, word)));
    says(signal, "retransmi") && (gained >= VERY_MANY || (gained >= RESENT && !slow()))
}

fn lost(code: Code) -> Code {
    match code {
        code if code == codes::ALERT_NETWORK => codes::ALERT_PACKET_LOSS,
        code if code == codes::ALERT_NODE_NETWORK => codes::ALERT_NODE_PACKET_LOSS,
        code => code,
    }
}

/// The one workload behind a Service, else the Service.
fn behind(index: &Index<'_>, service: &ObjectRef) -> ObjectRef {
    let mut behind = index.behind(service).into_iter();
    match (behind.next(), behind.next()) {
        (Some(workload), None) => workload,
        _ => service.clone(),
    }
}

fn classify(text: &str) -> Option<Code> {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&LOSS) {
        Some(codes::ALERT_PACKET_LOSS)
    } else if says(&NETWORK) {
        Some(codes::ALERT_NETWORK)
    } else if says(&THROTTLED) || (text.contains("cpu") && says(&BUSY)) {
        Some(codes::ALERT_CPU)
    } else {
        says(&SLOW).then_some(codes::ALERT_LATENCY)
    }
}

#[cfg(test)]
mod tests {
    use super::classify;

    #[test]
    fn alerts_are_understood_by_words_that_mean_one_thing() {
        let cases = [
            ("HighRequestLatency p99 of checkout is 4 s", Some("alert.latency")),
            ("CPUThrottlingHigh 43 % throttling of CPU", Some("alert.cpu")),
            ("ContainerCpuUsage CPU usage is 190 %", Some("alert.cpu")),
            ("NodeNetworkPacketLoss packet loss of 12 %", Some("alert.packet_loss")),
            ("TcpRetransmissions 4 segments a second are retransmitted", Some("alert.network")),
            ("KubePodCrashLooping pod restarts", None),
            ("ThroughputDrop requests fell by half", None),
        ];
        for (text, code) in cases {
            assert_eq!(classify(text).map(|code| code.name), code, "{text}");
        }
    }
}
