//! Volumes that cannot be attached or mounted.

use super::{Subject, phase};
use crate::diagnose::analyzers::missing::Missing;
use crate::diagnose::codes;
use crate::diagnose::finding::Finding;

pub(super) fn findings(subject: &Subject<'_>) -> Option<Finding> {
    if phase(subject.pod) != "Pending" {
        return None;
    }
    let telling = |message: &str| Missing::read(message).is_some();
    let reasons = ["FailedMount", "FailedAttachVolume"];
    let (message, first) =
        subject.warning(&reasons, telling).or_else(|| subject.warning(&reasons, |_| true))?;
    // "not registered" is the kubelet's cache warming up, not a missing object.
    if message.contains("not registered") {
        return None;
    }
    let finding = match Missing::read(message) {
        Some(missing) => missing.finding(&subject.name),
        None => subject.finding(codes::MOUNT_FAILED, format!("{}: {message}", subject.name)),
    };
    Some(finding.at(first).field_if("node", subject.node()))
}
