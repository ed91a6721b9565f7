//! Image pulls that fail, and which of the usual reasons it is.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::Subject;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;

/// Whether a waiting reason is about the image.
pub(super) fn is_pull_reason(reason: &str) -> bool {
    [
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    ]
    .contains(&reason)
}

/// The waiting message of a back-off often only repeats the image; then the kubelet's last Failed event tells.
pub(super) fn finding(
    subject: &Subject<'_>,
    status: &ContainerStatus,
    reason: &str,
    message: &str,
) -> Finding {
    let pull =
        |text: &str| text.contains("pull") && (status.image.is_empty() || text.contains(&status.image));
    let event = subject.warning(&["Failed", "InspectFailed", "ErrImageNeverPull"], pull);
    let told = event.map(|(message, _)| message).unwrap_or_default();
    let code = match reason {
        "InvalidImageName" => codes::IMAGE_INVALID_NAME,
        "ErrImageNeverPull" => codes::IMAGE_NEVER_PULLED,
        _ => classify(message, told),
    };
    let text = if told.len() > message.len() { told } else { message };
    let statement = format!(
        "Image {} of container {} of {} cannot be pulled: {text}",
        status.image, status.name, subject.name
    );
    let created = subject.pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    subject
        .finding(code, statement)
        .at(event.and_then(|(_, first)| first).or(created))
        .field("reason", reason)
}

/// Official images of Docker Hub are public: where one is refused, it does not exist.
const PUBLIC: &str = "docker.io/library/";

fn classify(message: &str, event: &str) -> Code {
    let texts = [message, event].map(str::to_ascii_lowercase);
    let says = |words: &[&str]| texts.iter().any(|text| words.iter().any(|word| text.contains(word)));
    if says(&["no such host", "server misbehaving", "name resolution"]) {
        codes::IMAGE_REGISTRY_NAME
    } else if says(&["toomanyrequests", "429 too many", "rate limit", "pull qps exceeded"]) {
        codes::IMAGE_RATE_LIMITED
    } else if says(&[
        "no match for platform",
        "no matching manifest for",
        "does not match the specified platform",
    ]) {
        codes::IMAGE_PLATFORM
    } else if says(&["x509", "http response to https client", "tls: ", "certificate signed by unknown"]) {
        codes::IMAGE_REGISTRY_TLS
    } else if says(&["invalid reference format", "couldn't parse image", "failed to parse image"]) {
        codes::IMAGE_INVALID_NAME
    } else if says(&[
        "i/o timeout",
        "connection refused",
        "deadline exceeded",
        "tls handshake",
        "no route to host",
        "connection reset",
        "503 service",
    ]) {
        codes::IMAGE_REGISTRY_UNREACHABLE
    } else if says(&[
        "unauthorized",
        "401",
        "authentication required",
        "403",
        "forbidden",
        "no basic auth",
        "pull access denied",
        "insufficient_scope",
        "access denied",
    ]) {
        if says(&[PUBLIC]) {
            return codes::IMAGE_NOT_FOUND;
        }
        codes::IMAGE_UNAUTHORIZED
    } else if says(&["not found", "manifest unknown", "404", "does not exist"]) {
        codes::IMAGE_NOT_FOUND
    } else {
        codes::IMAGE_PULL_FAILED
    }
}

#[cfg(test)]
mod tests {
    use super::classify;

    #[test]
    fn the_runtimes_sentence_tells_the_reason() {
        let cases = [
            ("manifest for shop/web:9 not found: manifest unknown", "pod.image.not_found"),
            ("failed to resolve reference \"r/x:1\": r/x:1: not found", "pod.image.not_found"),
            ("unexpected status from HEAD request: 401 Unauthorized", "pod.image.unauthorized"),
            (
                "pull access denied, repository does not exist or may require authorization",
                "pod.image.unauthorized",
            ),
            ("dial tcp: lookup r.example: no such host", "pod.image.registry_name_unknown"),
            ("dial tcp 10.0.0.1:443: i/o timeout", "pod.image.registry_unreachable"),
            ("toomanyrequests: You have reached your pull rate limit", "pod.image.rate_limited"),
            ("429 Too Many Requests - Server message: toomanyrequests", "pod.image.rate_limited"),
            ("no match for platform in manifest: not found", "pod.image.wrong_platform"),
            ("no matching manifest for linux/arm64 in the manifest list entries", "pod.image.wrong_platform"),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "pod.image.registry_tls",
            ),
            ("http: server gave HTTP response to HTTPS client", "pod.image.registry_tls"),
            ("couldn't parse image name: invalid reference format", "pod.image.invalid_name"),
            ("rpc error: code = Unknown", "pod.image.pull_failed"),
        ];
        for (message, code) in cases {
            assert_eq!(classify("Back-off pulling image", message).name, code, "{message}");
        }
    }
}
