//! Pods whose sandbox cannot be made: the network plugin, the runtime, or a memory limit too small to start anything.

use super::{Subject, phase};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;

pub(super) fn findings(subject: &Subject<'_>) -> Option<Finding> {
    if phase(subject.pod) != "Pending" {
        return None;
    }
    let (message, first) = subject.warning(&["FailedCreatePodSandBox"], |_| true)?;
    let out_of_memory = ["OOM-killed", "memory limit too low"].iter().any(|sign| message.contains(sign));
    let code = if out_of_memory { codes::OOM_KILLED } else { code(message) };
    let limits = subject.pod.spec.iter().flat_map(|spec| &spec.containers);
    let limits = limits.filter_map(|container| container.resources.as_ref()?.limits.as_ref()?.get("memory"));
    let limit = limits.map(|limit| limit.0.as_str()).next().filter(|_| out_of_memory);
    let finding = subject.finding(code, format!("{} cannot be started: {message}", subject.name));
    Some(finding.at(first).field_if("limit", limit).field_if("node", subject.node()))
}

/// What the network plugin says, the first that fits.
fn code(message: &str) -> Code {
    let text = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let exhausted = [
        "no ip addresses available",
        "no available ip",
        "failed to allocate for range",
        "no more ips",
        "insufficientfreeaddresses",
        "failed to assign an ip address",
        "ip pool exhausted",
        "no addresses available",
    ];
    if says(&exhausted) {
        codes::ADDRESSES_EXHAUSTED
    } else if says(&[
        "cni",
        "network plugin",
        "networkplugin",
        "failed to setup network",
        "failed to set up network",
    ]) {
        codes::NETWORK_PLUGIN
    } else {
        codes::SANDBOX_FAILED
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_network_without_addresses_and_one_without_plugin_are_told_apart() {
        let cases = [
            (
                "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.254",
                "pod.sandbox.no_addresses",
            ),
            (
                "failed to setup network for sandbox \"x\": plugin type=\"calico\" failed (add): connection refused",
                "pod.sandbox.network_plugin",
            ),
            ("cni plugin not initialized", "pod.sandbox.network_plugin"),
            ("runc create failed: unable to start", "pod.sandbox_failed"),
        ];
        for (message, expected) in cases {
            assert_eq!(code(message).name, expected, "{message}");
        }
    }
}
