//! The identity of an alert across deliveries.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::incident::{Fingerprint, SignalSource};

/// Longest fingerprint that is taken from a sender; Alertmanager and Grafana use 16 characters.
const MAX_LENGTH: usize = 128;

/// The sender's own fingerprint where it is one, else a hash of the labels. Either begins with the source, so that
/// senders cannot answer for each other's alerts.
pub(super) fn fingerprint(
    source: SignalSource,
    given: Option<&str>,
    labels: &BTreeMap<String, String>,
) -> Fingerprint {
    let identity = match given.filter(|text| well_formed(text)) {
        Some(given) => given.to_ascii_lowercase(),
        None => format!("labels-{}", hash(labels)),
    };
    Fingerprint(format!("{}:{identity}", source.as_str()))
}

fn well_formed(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (8..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(plain)
}

/// 128 bits of SHA-256 over names and values with their lengths, in the order of the names.
fn hash(labels: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_senders_fingerprint_is_used_within_its_source() {
        let none = BTreeMap::new();
        let of = |source| fingerprint(source, Some("4695f2c5a8746e35"), &none).0;
        assert_eq!(of(SignalSource::Alertmanager), "alertmanager:4695f2c5a8746e35");
        assert_eq!(of(SignalSource::Grafana), "grafana:4695f2c5a8746e35");
    }

    #[test]
    fn a_malformed_fingerprint_is_replaced_by_a_hash_of_the_labels() {
        let labels = labels(&[("alertname", "Down")]);
        let hashed = fingerprint(SignalSource::Alertmanager, None, &labels);
        for given in ["", "short", "with space in it", "'; DROP TABLE signals", &"a".repeat(200)] {
            assert_eq!(fingerprint(SignalSource::Alertmanager, Some(given), &labels), hashed);
        }
    }

    #[test]
    fn moving_text_between_name_and_value_changes_the_hash() {
        let one = fingerprint(SignalSource::Manual, None, &labels(&[("ab", "c")]));
        let two = fingerprint(SignalSource::Manual, None, &labels(&[("a", "bc")]));
        assert_ne!(one, two);
    }
}
