//! Pods whose sandbox cannot be made: the network plugin, the runtime, or a memory limit too small to start anything.

use super::{Subject, phase};
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;

pub(super) fn findings(subject: &Subject<'_>) -> Option<Finding> {
    if phase(subject.pod) != "Pending" {
        return None;
    }
    let (message, first) = subject.warning(&["FailedCreatePodSandBox"], |_| true)?;
    let out_of_memory = ["OOM-killed", "memory limit too low"].iter().any(|sign| message.contains(sign));
    let code = if out_of_memory { codes::OOM_KILLED } else { codes::SANDBOX_FAILED };
    let limits = subject.pod.spec.iter().flat_map(|spec| &spec.containers);
    let limits = limits.filter_map(|container| container.resources.as_ref()?.limits.as_ref()?.get("memory"));
    let limit = limits.map(|limit| limit.0.as_str()).next().filter(|_| out_of_memory);
    let finding = subject.finding(code, format!("{} cannot be started: {message}", subject.name));
    Some(finding.at(first).field_if("limit", limit).field_if("node", subject.node()))
}
