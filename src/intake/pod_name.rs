//! Which workload a pod belongs to, guessed from the pod's name alone.

use crate::incident::ObjectRef;

/// The characters that Kubernetes draws name suffixes and template hashes from: no vowels, so that no words appear
/// (k8s.io/apimachinery `util/rand`).
const ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Guesses the owner of a pod; `None` for a name that no controller makes.
pub(super) fn owner(namespace: &str, pod: &str) -> Option<ObjectRef> {
    let (kind, name) = split(pod)?;
    (!name.is_empty()).then(|| ObjectRef::new(kind, namespace, name))
}

fn split(pod: &str) -> Option<(&'static str, &str)> {
    let (rest, last) = pod.rsplit_once('-')?;
    if let Some((name, middle)) = rest.rsplit_once('-').filter(|_| suffix(last)) {
        if scheduled(middle) {
            return Some(("CronJob", name));
        }
        if template_hash(middle) {
            return Some(("Deployment", name));
        }
    }
    if ordinal(last) {
        return Some(("StatefulSet", rest));
    }
    (last.len() == 5 && drawn(last)).then_some(("DaemonSet", rest))
}

/// Five characters; vowels are let through because people write such names in examples.
fn suffix(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The hash of a ReplicaSet's pod template.
fn template_hash(text: &str) -> bool {
    (6..=10).contains(&text.len()) && drawn(text) && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Minutes since 1970, which a CronJob names its Jobs with.
fn scheduled(text: &str) -> bool {
    (8..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ordinal(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn drawn(text: &str) -> bool {
    text.chars().all(|c| ALPHABET.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_name_their_controllers() {
        let cases = [
            ("checkout-7d9f8b6c5-abcde", Some(("Deployment", "checkout"))),
            ("payment-api-v2-5f6d7c8b94-x2x9k", Some(("Deployment", "payment-api-v2"))),
            ("postgres-0", Some(("StatefulSet", "postgres"))),
            ("kafka-broker-12", Some(("StatefulSet", "kafka-broker"))),
            ("node-exporter-x7k2p", Some(("DaemonSet", "node-exporter"))),
            ("backup-28374650-x7k2p", Some(("CronJob", "backup"))),
            ("kube-apiserver-master", None),
            ("cart-store", None),
            ("db-mysql", None),
            ("standalone", None),
            ("", None),
            ("-", None),
            ("---", None),
            ("-0", None),
        ];
        for (pod, expected) in cases {
            let expected = expected.map(|(kind, name)| ObjectRef::new(kind, "shop", name));
            assert_eq!(owner("shop", pod), expected, "{pod}");
        }
    }
}
