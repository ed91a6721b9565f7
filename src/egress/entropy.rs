//! Which words look like chance and not like language: the last net for secrets without a shape of their own.
//!
//! Operators read by identifiers that look random and are none of ours to hide: digests, commits, UIDs, trace ids, the
//! suffixes of pod names. Those are hexadecimal, or short pieces between dashes; both stay readable.

use std::ops::Range;

/// Shortest word that is judged, characters.
const SHORTEST: usize = 20;
/// Shortest word of digits and letters of one case that is judged, characters.
const SHORTEST_OF_ONE_CASE: usize = 28;
/// Least Shannon entropy, bits a character. Twenty random letters and digits have about 4.
const LEAST_BITS: f64 = 3.5;
/// Least share of neighbours of different kinds (small, capital, digit). Random letters and digits have about 0.62,
/// `CamelCase2Names` about 0.3.
const LEAST_CHANGES: f64 = 0.36;
/// Most small letters in rows of three and more, of all.
const MOST_IN_WORDS: f64 = 0.5;
/// Least letters and digits for each sign among them.
const LETTERS_A_SIGN: usize = 12;

/// Bits a character of the distribution of a text's characters.
pub(super) fn bits(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1;
    }
    let all = f64::from(counts.values().sum::<u32>());
    -counts.values().map(|count| f64::from(*count) / all).map(|share| share * share.log2()).sum::<f64>()
}

/// The random-looking words of a text.
pub(super) fn random_words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for word in pieces(text, 0..text.len(), |byte| !part_of_a_word(byte)) {
        if word.len() < SHORTEST || is_named_digest(text, word.start) {
            continue;
        }
        if is_random(text.get(word.clone()).unwrap_or_default()) {
            found.push(word.start..word.end + padding(text, word.end));
            continue;
        }
        let paths = pieces(text, word, |byte| byte == b'/');
        for path in paths.into_iter().filter(|path| path.len() >= SHORTEST) {
            if is_random(text.get(path.clone()).unwrap_or_default()) {
                found.push(path);
                continue;
            }
            let parts = pieces(text, path, |byte| matches!(byte, b'-' | b'_' | b'+'));
            found.extend(
                parts.into_iter().filter(|part| is_random(text.get(part.clone()).unwrap_or_default())),
            );
        }
    }
    found
}

/// The signs that fill up base64.
fn padding(text: &str, at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.bytes().take(2).take_while(|byte| *byte == b'=').count())
}

fn part_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

fn pieces(text: &str, within: Range<usize>, ends: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = within.start;
    for (at, byte) in text.bytes().enumerate().take(within.end).skip(within.start) {
        if ends(byte) {
            if at > start {
                found.push(start..at);
            }
            start = at + 1;
        }
    }
    if within.end > start {
        found.push(start..within.end);
    }
    found
}

/// `SHA256:…` of an SSH key, `sha512-…` of a package: digests that are not hexadecimal.
fn is_named_digest(text: &str, start: usize) -> bool {
    let before = text.get(start.saturating_sub(8)..start).unwrap_or_default().to_ascii_lowercase();
    let after = text.get(start..).unwrap_or_default();
    ["sha1:", "sha256:", "sha384:", "sha512:", "md5:"].iter().any(|name| before.ends_with(name))
        || ["sha1-", "sha256-", "sha384-", "sha512-"].iter().any(|name| after.starts_with(name))
}

fn is_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
    let (small, capital, digit) =
        (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase), has(u8::is_ascii_digit));
    // Base64 has a sign in 32 letters, names and paths one in five.
    let signs = word.bytes().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    if signs * LETTERS_A_SIGN > word.len()
        || word.len() < SHORTEST
        || bits(word) < LEAST_BITS
        || is_hexadecimal(word)
    {
        return false;
    }
    if is_a_name(word) {
        return false;
    }
    if small && capital && (digit || word.len() >= 32) {
        return changes(word) >= LEAST_CHANGES && in_words(word) < MOST_IN_WORDS;
    }
    let one_case = digit && (small != capital) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    one_case && word.len() >= SHORTEST_OF_ONE_CASE && changes(word) >= LEAST_CHANGES / 2.0
}

/// Digests, commits, UIDs, trace and container ids. A secret of this shape is found by the name before it.
fn is_hexadecimal(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `eks-prod-NodeInstanceRole-1A2B3C4D5E6F`: words between the signs.
fn is_a_name(word: &str) -> bool {
    let is_a_word = |piece: &&str| piece.len() >= 3 && piece.bytes().all(|byte| byte.is_ascii_lowercase());
    word.split(['-', '_', '/', '+']).filter(is_a_word).count() >= 2
}

/// `RetryUpToMaximumCountWithFixedSleep`: the share of small letters in rows of three and more. Chance makes about 0.16.
fn in_words(word: &str) -> f64 {
    let rows = word.split(|letter: char| !letter.is_ascii_lowercase()).map(str::len).filter(|row| *row >= 3);
    #[expect(clippy::cast_precision_loss, reason = "words are short")]
    let share = rows.sum::<usize>() as f64 / word.len().max(1) as f64;
    share
}

fn changes(word: &str) -> f64 {
    // Dashes and slashes divide names and paths as well as chance does.
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let kinds: Vec<u8> = word.bytes().filter_map(kind).collect();
    let changed = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
    #[expect(clippy::cast_precision_loss, reason = "words are short")]
    let share = changed as f64 / (kinds.len().max(2) - 1) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::{bits, random_words};

    #[test]
    fn what_operators_read_by_stays_readable() {
        let lines = [
            "nginx@sha256:4c0fdaa8b6341bfdeca5f18f7837462c80cff90527ee35ef185571e1c327beac",
            "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD -> main)",
            "uid: 3f1c2b44-7b0e-4f6a-9a55-0d2c7e9b1f10",
            "pod/checkout-service-7d9f8b6c5d-x2x4z evicted",
            "configmap/app-config-g4hk9g2ff8 unchanged",
            "traceID=4bf92f3577b34da6a3ce929d0e0e4736 spanID=00f067aa0ba902b7",
            "containerd://e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "gke-prod-cluster-default-pool-1a2b3c4d-x7z9 NotReady",
            "/apis/apps/v1/namespaces/shop/deployments/checkout-service/status",
            "org/apache/hadoop/mapreduce/v2/app/MRAppMaster2Impl",
            "kube-prometheus-stack-prometheus-node-exporter-9k8zr",
            "projected-kube-api-access-x7k2j RequiredDuringSchedulingIgnoredDuringExecution",
            "blk_-1608999687919862906 DFSClient_NONMAPREDUCE_-1608999687_1",
            "attempt_1445144423722_0020_m_000000_0",
            "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDfsDDtCr9qY8xN2A4",
            "arn:aws:iam::123456789012:role/eks-prod-NodeInstanceRole-1A2B3C4D5E6F",
            "ip-10-0-12-34.eu-central-1.compute.internal",
            "alerts: [NginxHighHttp5xxErrorRate, HighErrorRate]",
            "policy is RetryUpToMaximumCountWithFixedSleep",
            "resourceVersion: \"184467440737\" generation 12",
        ];
        for line in lines {
            assert!(random_words(line).is_empty(), "{line}: {:?}", random_words(line));
        }
    }

    #[test]
    fn random_words_are_found_wherever_they_stand() {
        let lines = [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ3xKp8mTq",
            "value was kT9xQ2mZ7pLw4RvB8nYc today",
            "/v1/data/kT9xQ2mZ7pLw4RvB8nYc3HsD/raw",
            "my-very-long-service-name-kT9xQ2mZ7pLw4RvB8nYc3HsD",
            "x8f3k2m9q7w4z1t6r5y0p3n8b2v7c4j9",
        ];
        for line in lines {
            assert_eq!(random_words(line).len(), 1, "{line}");
        }
    }

    #[test]
    fn entropy_is_measured_in_bits() {
        assert!((bits("abcd") - 2.0).abs() < 1e-9);
        assert!(bits("aaaa").abs() < 1e-9);
    }
}
