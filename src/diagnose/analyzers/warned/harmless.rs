//! Warnings that clusters repeat for weeks while all is well. Pure.

/// Reasons by the kind of object, `*` for any, that have no effect or that other checks read with their effect.
const HARMLESS: &[(&str, &[&str])] = &[
    // What the kubelet says of settings that it makes do with, and of probes, which have checks of their own.
    (
        "*",
        &[
            "DNSConfigForming",
            "CheckLimitsForResolvConf",
            "MissingClusterDNS",
            "FailedToRetrieveImagePullSecret",
            "Unhealthy",
            "ProbeWarning",
            "BackOff",
            "NodeNotReady",
            "FailedPreStopHook",
            "ExceededGracePeriod",
            "FailedKillPod",
            "PossibleMemoryBackedVolumesOnDisk",
            "CgroupV1",
            "DeprecatedAnnotation",
            "OwnerRefInvalidNamespace",
            "TaintManagerEviction",
            "Preempted",
            "Evicted",
        ],
    ),
    // What a node says as it starts, and what shows in its conditions.
    (
        "Node",
        &[
            "InvalidDiskCapacity",
            "ImageGCFailed",
            "Rebooted",
            "EvictionThresholdMet",
            "OOMKilling",
            "Ext4Warning",
            "SystemOOM",
            "NodeSysctlChange",
            "FailedDraining",
            "ContainerdStart",
            "KubeletStart",
            "DockerStart",
        ],
    ),
    ("Service", &["TopologyAwareHintsDisabled", "TopologyAwareRoutingDisabled", "DNSEndpointUnchanged"]),
    ("CronJob", &["UnexpectedJob", "MissingJob", "JobAlreadyActive", "AlreadyActive"]),
    ("PersistentVolumeClaim", &["ExternalExpanding", "WaitForFirstConsumer", "FailedBinding"]),
];

/// Kinds whose warnings are read together with their status elsewhere.
const READ_ELSEWHERE: [&str; 3] = ["HorizontalPodAutoscaler", "PodDisruptionBudget", "Event"];

/// Parts of reasons by which policy engines tell of what they let pass.
const AUDITS: [&str; 3] = ["Violation", "PolicySkipped", "Deprecat"];

/// Two writers met, and the one that lost tries again; a kubelet has not read what a new pod needs yet.
const PASSING: [&str; 4] = [
    "the object has been modified",
    "please apply your changes to the latest version",
    "StorageError: invalid object, Code: 4",
    "not registered",
];

pub(super) fn is(kind: &str, reason: &str, message: &str) -> bool {
    let listed =
        HARMLESS.iter().any(|(of, reasons)| (*of == "*" || *of == kind) && reasons.contains(&reason));
    listed
        || READ_ELSEWHERE.contains(&kind)
        || AUDITS.iter().any(|part| reason.contains(part))
        || PASSING.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn what_clusters_repeat_for_weeks_is_told_from_what_fails() {
        assert!(is("Pod", "DNSConfigForming", "too many name servers"));
        assert!(is("Deployment", "PolicyViolation", "audit"));
        assert!(is(
            "Endpoints",
            "FailedToUpdateEndpoint",
            "Operation cannot be fulfilled: the object has been modified"
        ));
        assert!(!is("Endpoints", "FailedToUpdateEndpoint", "etcdserver: request timed out"));
        assert!(!is("Service", "InvalidDiskCapacity", "only of nodes"));
    }
}
