//! Volumes that cannot be attached or mounted.

use super::{Subject, phase};
use crate::diagnose::analyzers::missing::Missing;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;

/// What the kubelet and the drivers say, the first that fits.
const WHY: [(Code, &[&str]); 3] = [
    (
        codes::VOLUME_BUSY,
        &["Multi-Attach error", "already used by", "already exclusively attached", "already attached to"],
    ),
    (
        codes::MOUNT_DENIED,
        &[
            "permission denied",
            "access denied",
            "Permission denied",
            "operation not permitted",
            "mount error(13)",
            "Unauthorized",
        ],
    ),
    (
        codes::MOUNT_PATH,
        &[
            "hostPath type check failed",
            "does not exist",
            "no such file or directory",
            "No such file or directory",
            "is not a directory",
            "is not a file",
            "wrong fs type",
            "special device",
        ],
    ),
];

pub(super) fn findings(subject: &Subject<'_>) -> Option<Finding> {
    if phase(subject.pod) != "Pending" {
        return None;
    }
    let telling = |message: &str| Missing::read(message).is_some();
    let reasons = ["FailedMount", "FailedAttachVolume", "FailedMapVolume"];
    // That the time for it is over says nothing; what was said before does.
    let says_why = |message: &str| code(message).name != codes::MOUNT_FAILED.name;
    let (message, first) = subject
        .warning(&reasons, telling)
        .or_else(|| subject.warning(&reasons, says_why))
        .or_else(|| subject.warning(&reasons, |_| true))?;
    // "not registered" is the kubelet's cache warming up, not a missing object.
    if message.contains("not registered") {
        return None;
    }
    let finding = match Missing::read(message) {
        Some(missing) => missing.finding(&subject.name),
        None => subject.finding(code(message), format!("{}: {message}", subject.name)),
    };
    Some(finding.at(first).field_if("node", subject.node()))
}

fn code(message: &str) -> Code {
    let fits = |(_, words): &&(Code, &[&str])| words.iter().any(|word| message.contains(word));
    WHY.iter().find(fits).map_or(codes::MOUNT_FAILED, |(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn why_a_volume_is_not_mounted_is_told_apart() {
        let cases = [
            (
                "Multi-Attach error for volume \"v\" Volume is already used by pod(s) web-0",
                "pod.volume.attached_elsewhere",
            ),
            ("mount.nfs: access denied by server while mounting 10.0.0.1:/data", "pod.volume.access_denied"),
            ("hostPath type check failed: /data is not a directory", "pod.volume.path_missing"),
            ("stat /mnt/disk: no such file or directory", "pod.volume.path_missing"),
            ("timed out waiting for the condition", "pod.volume.mount_failed"),
        ];
        for (message, expected) in cases {
            assert_eq!(code(message).name, expected, "{message}");
        }
    }
}
